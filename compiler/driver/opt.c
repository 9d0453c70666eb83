// sqzc opt: runs passes and prints the IR. To a file, large constants go to a second one beside it (FILE.bin), to which
// the text refers; to the standard output they are elements of the text, unless they are more than anybody can read.
#include <string.h>

#include "driver/driver.h"
#include "ir/print.h"
#include "support/checked.h"
#include "support/str.h"

enum { READABLE_BYTES = 256 << 10 };

static int64_t graph_constant_bytes(const Graph *graph) {
    int64_t bytes = 0;
    for (int i = 0; i < graph->values.n; i++) {
        const Constant *data = graph->values.item[i]->data;
        if (data && !checked_add(bytes, data->size, &bytes))
            return INT64_MAX;
    }
    return bytes;
}

static bool print_to_stdout(Session *session) {
    int64_t bytes = 0;
    for (int i = 0; i < session->module->graphs.n; i++)
        bytes = max_i64(bytes, graph_constant_bytes(session->module->graphs.item[i]));
    Str text = {.arena = session->arena};
    print_module(&text, session->module, bytes > READABLE_BYTES ? "constants.bin" : NULL);
    return file_write("-", text.text, text.length, &session->diag);
}

static bool print_to_file(Session *session, const char *path) {
    const char *sidecar = arena_printf(session->arena, "%s.bin", path), *slash = strrchr(sidecar, '/');
    Str text = {.arena = session->arena};
    print_module(&text, session->module, slash ? slash + 1 : sidecar);
    return session_write_sidecar(session, sidecar) &&
           file_write(path, text.text, text.length, &session->diag);
}

static bool opt(Session *session, const Options *options) {
    if (options->words.n != 1)
        return diag_error(&session->diag, NULL, E_USAGE, "sqzc opt wants one model (see sqzc opt --help)");
    if (!session_load(session, options->words.item[0], NULL) || !session_run_passes(session))
        return false;
    const char *path = options->output;
    return path && strcmp(path, "-") ? print_to_file(session, path) : print_to_stdout(session);
}

int command_opt(const Options *options) {
    Options flags = *options;
    Session session;
    if (flags.tune)
        options_for_here(&flags);
    session_begin(&session, &flags, stderr);
    opt(&session, &flags);
    int code = exit_code(&session.diag);
    session_end(&session);
    return code;
}

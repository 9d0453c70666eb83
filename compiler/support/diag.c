// The one form that every message takes. Names come from the model, so what is not printable is shown as \xNN.
#include "support/diag.h"

#include <stdarg.h>

static const ErrorInfo errors[] = {
#define ERROR(id, number, title, remedy) {id, #id, title, remedy},
#include "support/errors.def"
#undef ERROR
};

const ErrorInfo *error_table(int *count) {
    *count = (int)(sizeof errors / sizeof *errors);
    return errors;
}

const ErrorInfo *error_find(int code) {
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if ((int)errors[i].code == code)
            return &errors[i];
    return NULL;
}

static void print_printable(FILE *out, const char *text) {
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c < 32 || *c == 127)
            fprintf(out, "\\x%02x", *c);
        else
            fputc(*c, out);
}

static void print_place(const Diag *diag, const Loc *loc) {
    print_printable(diag->out, diag->file ? diag->file : "sqzc");
    if (loc && loc->line)
        fprintf(diag->out, ":%d", loc->line);
    fputs(": ", diag->out);
}

static void print_node(const Diag *diag, const Loc *loc) {
    if (!loc || (!loc->node && !loc->op))
        return;
    if (loc->node) {
        fputs("node '", diag->out);
        print_printable(diag->out, loc->node);
        fputs(loc->op ? "' (" : "'", diag->out);
    }
    print_printable(diag->out, loc->op ? loc->op : "");
    fputs(loc->node && loc->op ? "): " : ": ", diag->out);
}

static void print_message(const Diag *diag, const char *format, va_list args) {
    char text[2048];
    vsnprintf(text, sizeof text, format, args);
    print_printable(diag->out, text);
    fputc('\n', diag->out);
}

bool diag_error(Diag *diag, const Loc *loc, ErrorCode code, const char *format, ...) {
    diag->errors++;
    diag->last = code;
    if (!diag->out)
        return false;
    print_place(diag, loc);
    fprintf(diag->out, "error[E%04d]: ", (int)code);
    print_node(diag, loc);
    va_list args;
    va_start(args, format);
    print_message(diag, format, args);
    va_end(args);
    return false;
}

void diag_warn(Diag *diag, const Loc *loc, const char *format, ...) {
    if (!diag->out || diag->no_warnings)
        return;
    print_place(diag, loc);
    fputs("warning: ", diag->out);
    print_node(diag, loc);
    va_list args;
    va_start(args, format);
    print_message(diag, format, args);
    va_end(args);
}

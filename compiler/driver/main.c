// The sqzc command. Read options.h for what can be asked, session.c for how a model is loaded and its passes run, then
// the file of the subcommand.
#include <stdio.h>

#include "driver/driver.h"

static int (*const run_command[CMD_COUNT])(const Options *options) = {
    [CMD_COMPILE] = command_compile, [CMD_OPT] = command_opt,   [CMD_RUN] = command_run,
    [CMD_BENCH] = command_bench,     [CMD_LIST] = command_list, [CMD_EXPLAIN] = command_explain,
};

static int run(const Options *options) {
    if (options->version) {
        puts("sqzc " SQZC_VERSION);
        return EXIT_DONE;
    }
    if (options->help) {
        options_help(stdout, options->command);
        return EXIT_DONE;
    }
    return run_command[options->command](options);
}

int main(int argc, char **argv) {
    Arena *arena = arena_new();
    Diag diag = {.out = stderr};
    Options options;
    int code = EXIT_FLAGS;
    if (argc < 2)
        options_help(stderr, CMD_COMPILE);
    else if (options_parse(&options, arena, argc, argv, &diag))
        code = run(&options);
    if (fflush(stdout) && code == EXIT_DONE)
        code = EXIT_FLAGS;
    arena_free(arena);
    return code;
}

// The command line as a struct, read by THE table of flags (options.c).
#ifndef DRIVER_OPTIONS_H
#define DRIVER_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "support/arena.h"
#include "support/diag.h"

typedef enum Command { CMD_COMPILE, CMD_OPT, CMD_RUN, CMD_BENCH, CMD_LIST, CMD_EXPLAIN, CMD_COUNT } Command;

typedef struct Words {
    const char **item;
    int n, capacity;
} Words;

typedef struct Options {
    Command command;
    Words words;  // what is no flag: models, folders, a table, an error code

    // What is made.
    const char *output, *emit, *name, *header, *depfile;
    bool deps;  // -MD

    // How.
    char level;  // '0' '1' '2' '3' 's'; of opt also 0: no passes but --passes
    bool debug, verbose, strict, tune;
    const char *target, *mcpu, *mattr;
    const char *passes, *print_after, *stop_after;  // passes null: the level's pipeline
    bool verify_each, time_report, memory_report;

    // What the model becomes.
    Words dims, shapes, binds, keep;

    // run and bench.
    Words inputs;
    bool test;
    double rtol, atol;
    int limit;    // seconds for each test
    int threads;
    int jobs;     // threads of compile, 0: as many as there are CPUs
    int runs;     // of bench, 0: as many as fit in a second
    bool layers;
    bool help, version;
} Options;

bool options_parse(Options *options, Arena *arena, int argc, char **argv, Diag *diag);
void options_help(FILE *out, Command command);

#endif

// Reads the command line by THE table of flags (flags.def), which gives its errors and its help too. A value is written
// --flag=value or --flag value; of -o also -oFILE.
#include "driver/options.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef enum FlagKind { FLAG_BOOL, FLAG_TEXT, FLAG_WORDS, FLAG_INT, FLAG_NUMBER, FLAG_LEVEL } FlagKind;

enum {
    IN_COMPILE = 1 << CMD_COMPILE,
    IN_OPT = 1 << CMD_OPT,
    IN_RUN = 1 << CMD_RUN,
    IN_BENCH = 1 << CMD_BENCH,
    IN_ALL = (1 << CMD_COUNT) - 1,
    IN_CODE = IN_COMPILE | IN_RUN | IN_BENCH,  // those that make machine code
    IN_MODEL = IN_CODE | IN_OPT                // those that read a model
};

typedef struct Flag {
    const char *name;
    FlagKind kind;
    size_t field;
    unsigned commands;
    const char *value;  // what help calls it; of FLAG_LEVEL the level
    const char *help;
} Flag;

static const Flag flags[] = {
#define FLAG(KIND, NAME, FIELD, COMMANDS, VALUE, HELP) \
    {NAME, FLAG_##KIND, offsetof(Options, FIELD), COMMANDS, VALUE, HELP},
#include "driver/flags.def"
#undef FLAG
};

enum { FLAGS = sizeof flags / sizeof *flags };

static const struct {
    const char *name, *usage, *what;
} commands[CMD_COUNT] = {
    [CMD_COMPILE] = {"", "sqzc MODEL.onnx|MODEL.sqz [-o FILE.o] [FLAG...]",
                     "compile a network to an object and its C header"},
    [CMD_OPT] = {"opt", "sqzc opt MODEL --passes=LIST [-o FILE.sqz] [FLAG...]", "run passes and print the IR"},
    [CMD_RUN] = {"run", "sqzc run MODEL|FILE.so --input [NAME=]FILE... [--output DIR] [FLAG...]\n"
                        "       sqzc run --test DIR... [FLAG...]", "compile in memory and run"},
    [CMD_BENCH] = {"bench", "sqzc bench MODEL [--threads N] [FLAG...]", "compile in memory and time"},
    [CMD_LIST] = {"list", "sqzc list ops|passes|kernels|dtypes|targets|errors", "print a table of the compiler"},
    [CMD_EXPLAIN] = {"explain", "sqzc explain E0123", "say what an error means and what helps"},
};

static const char *command_name(Command command) {
    return commands[command].name;
}

// Help.

void options_help(FILE *out, Command command) {
    fprintf(out, "usage: %s\n", commands[command].usage);
    if (command == CMD_COMPILE)
        for (int i = CMD_OPT; i < CMD_COUNT; i++)
            fprintf(out, "       sqzc %-8s %s (see sqzc %s --help)\n", commands[i].name, commands[i].what,
                    commands[i].name);
    fprintf(out, "\n%s%s.\n\n", command == CMD_COMPILE ? "sqzc: " : "", commands[command].what);
    for (int i = 0; i < FLAGS; i++) {
        if (!(flags[i].commands & 1u << command))
            continue;
        const char *value = flags[i].kind == FLAG_LEVEL ? NULL : flags[i].value;
        char left[64];
        snprintf(left, sizeof left, "%s%s%s", flags[i].name, !value ? "" : flags[i].name[1] == '-' ? "=" : " ",
                 value ? value : "");
        fprintf(out, "  %-22s %s\n", left, flags[i].help);
    }
    if (command == CMD_COMPILE)
        fputs("\nExit status: 0, 1 when the model cannot be compiled, 2 for a wrong command line and files that\n"
              "cannot be read or written. Nothing is written unless all went well.\n", out);
}

// Names that were mistyped.

static int distance(const char *a, const char *b) {
    enum { LONGEST = 32 };
    int row[LONGEST + 1];
    size_t m = strlen(b);
    if (m > LONGEST || strlen(a) > LONGEST)
        return INT_MAX;
    for (size_t j = 0; j <= m; j++)
        row[j] = (int)j;
    for (size_t i = 1; a[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            int above = row[j], best = diagonal + (a[i - 1] != b[j - 1]);
            best = above + 1 < best ? above + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = above;
            row[j] = best;
        }
    }
    return row[m];
}

static const char *nearest(const char *name, Command command) {
    const char *best = NULL;
    int limit = strlen(name) < 6 ? 2 : 4;
    for (int i = 0; i < FLAGS; i++) {
        int d = flags[i].commands & 1u << command ? distance(name, flags[i].name) : INT_MAX;
        if (d < limit) {
            limit = d;
            best = flags[i].name;
        }
    }
    return best;
}

// Reading.

typedef struct Reader {
    Options *options;
    Arena *arena;
    Diag *diag;
    int argc, at;
    char **argv;
} Reader;

static bool unknown_flag(Reader *r, const char *name) {
    const char *guess = nearest(name, r->options->command);
    return guess ? diag_error(r->diag, NULL, E_USAGE, "unknown flag %s: did you mean %s?", name, guess)
                 : diag_error(r->diag, NULL, E_USAGE, "unknown flag %s (see sqzc --help)", name);
}

static const Flag *flag_find(const char *name, Command command) {
    const Flag *other = NULL;
    for (int i = 0; i < FLAGS; i++)
        if (!strcmp(flags[i].name, name)) {
            if (flags[i].commands & 1u << command)
                return &flags[i];
            other = &flags[i];
        }
    return other;
}

static bool store_number(Reader *r, const Flag *flag, const char *value) {
    char *end;
    errno = 0;
    if (flag->kind == FLAG_INT) {
        long n = strtol(value, &end, 10);
        if (!*value || *end || errno || n < 0 || n > 1000000)
            return diag_error(r->diag, NULL, E_USAGE, "%s wants a whole number, not '%s'", flag->name, value);
        *(int *)(void *)((char *)r->options + flag->field) = (int)n;
    } else {
        double x = strtod(value, &end);
        if (!*value || *end || !(x >= 0))
            return diag_error(r->diag, NULL, E_USAGE, "%s wants a number, not '%s'", flag->name, value);
        *(double *)(void *)((char *)r->options + flag->field) = x;
    }
    return true;
}

static bool store(Reader *r, const Flag *flag, const char *value) {
    char *field = (char *)r->options + flag->field;
    switch (flag->kind) {
    case FLAG_BOOL:
        *(bool *)field = true;
        return true;
    case FLAG_LEVEL:
        *field = flag->value[0];
        return true;
    case FLAG_TEXT:
        *(const char **)(void *)field = value;
        return true;
    case FLAG_WORDS:
        LIST_PUSH(r->arena, (Words *)(void *)field, value);
        return true;
    case FLAG_INT:
    case FLAG_NUMBER:
        return store_number(r, flag, value);
    }
    return false;
}

// "-O2", "-o FILE", "-oFILE", "--flag", "--flag=value", "--flag value".
static bool read_flag(Reader *r) {
    const char *word = r->argv[r->at++];
    const char *equals = word[1] == '-' ? strchr(word, '=') : NULL;
    const char *name = equals ? arena_copy(r->arena, word, (size_t)(equals - word)) : word;
    const char *value = equals ? equals + 1 : NULL;
    const Flag *flag = flag_find(name, r->options->command);
    if (!flag && !strncmp(word, "-o", 2)) {
        flag = flag_find("-o", r->options->command);
        value = word + 2;
    }
    if (!flag)
        return unknown_flag(r, name);
    if (!(flag->commands & 1u << r->options->command))
        return diag_error(r->diag, NULL, E_USAGE, "%s is no flag of sqzc %s", flag->name,
                          command_name(r->options->command));
    bool wants = flag->kind != FLAG_BOOL && flag->kind != FLAG_LEVEL;
    if (!wants && value)
        return diag_error(r->diag, NULL, E_USAGE, "%s takes no value", flag->name);
    if (wants && !value) {
        if (r->at == r->argc)
            return diag_error(r->diag, NULL, E_USAGE, "%s wants a value: %s", flag->name, flag->value);
        value = r->argv[r->at++];
    }
    return store(r, flag, value);
}

static Command find_command(const char *word) {
    for (int i = CMD_OPT; i < CMD_COUNT; i++)
        if (!strcmp(word, commands[i].name))
            return (Command)i;
    return CMD_COMPILE;
}

bool options_parse(Options *options, Arena *arena, int argc, char **argv, Diag *diag) {
    *options = (Options){.rtol = 1e-3, .atol = 1e-7, .limit = 60, .threads = 1};
    Reader r = {options, arena, diag, argc, 1, argv};
    if (argc > 1)
        options->command = find_command(argv[1]);
    if (options->command != CMD_COMPILE)
        r.at++;
    for (bool only_words = false; r.at < argc;) {
        const char *word = argv[r.at];
        if (!only_words && !strcmp(word, "--")) {
            only_words = true;
            r.at++;
        } else if (!only_words && word[0] == '-' && word[1]) {
            if (!read_flag(&r))
                return false;
        } else {
            LIST_PUSH(arena, &options->words, word);
            r.at++;
        }
    }
    if (!options->level && options->command != CMD_OPT)
        options->level = '2';
    return true;
}

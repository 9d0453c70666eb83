// sqzc list and sqzc explain: the compiler's tables for people.
#include <stdlib.h>
#include <string.h>

#include "codegen/kernel.h"
#include "driver/driver.h"
#include "passes/pass.h"

static void list_ops(void) {
    for (int i = 0; i < OP_COUNT; i++) {
        const OpInfo *op = &op_info[i];
        printf("%-24s %d", op->name, op->in_min);
        if (op->in_max != op->in_min)
            printf(op->in_max == MANY ? "+" : "-%d", op->in_max);
        printf(" in, %d", op->out_min);
        if (op->out_max != op->out_min)
            printf(op->out_max == MANY ? "+" : "-%d", op->out_max);
        fputs(" out", stdout);
        for (const AttrRow *row = op->attrs->rows; row && row->name; row++)
            printf("%s%s", row == op->attrs->rows ? "  {" : ", ", row->name);
        puts(op->attrs->rows && op->attrs->rows->name ? "}" : "");
    }
}

static void list_passes(void) {
    int count;
    const PassInfo *table = pass_table(&count);
    for (int i = 0; i < count; i++)
        printf("%-18s %s%s\n", table[i].name, table[i].why, table[i].exact ? "" : " (not with --strict)");
    static const char levels[] = "0123s";
    for (const char *level = levels; *level; level++) {
        printf("-O%c:", *level);
        for (const char *const *name = pipeline(*level); *name; name++)
            printf(" %s", *name);
        puts("");
    }
}

static void list_kernels(void) {
    for (int i = 0; i < KERNEL_COUNT; i++) {
        const AttrTable *params = kernel_info[i].params;
        printf("%s", kernel_info[i].name);
        for (const AttrRow *row = params ? params->rows : NULL; row && row->name; row++)
            printf("%s%s", row == params->rows ? "  {" : ", ", row->name);
        fputs(params && params->rows && params->rows->name ? "}" : "", stdout);
        puts(kernel_info[i].traits & EXACT ? "" : "  (not with --strict)");
    }
}

static void list_dtypes(void) {
    for (int i = 0; i < DT_COUNT; i++)
        printf("%-10s %2d bits  ONNX type %2d  %-10s computes in %s\n", dtype_info[i].name, dtype_info[i].packed,
               dtype_info[i].onnx, dtype_info[i].c_type, dtype_info[dtype_info[i].compute].name);
}

static void list_targets(void) {
    int count;
    const TargetRow *rows = target_rows(&count);
    for (int i = 0; i < count; i++)
        printf("%-8s %-16s %s\n", rows[i].arch, rows[i].cpu, rows[i].note);
}

static void list_errors(void) {
    int count;
    const ErrorInfo *table = error_table(&count);
    for (int i = 0; i < count; i++)
        printf("E%04d %s\n", (int)table[i].code, table[i].title);
}

static const struct {
    const char *name;
    void (*print)(void);
} tables[] = {{"ops", list_ops},       {"passes", list_passes},   {"kernels", list_kernels},
              {"dtypes", list_dtypes}, {"targets", list_targets}, {"errors", list_errors}};

int command_list(const Options *options) {
    Diag diag = {.out = stderr};
    const char *word = options->words.n == 1 ? options->words.item[0] : "";
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (!strcmp(word, tables[i].name)) {
            tables[i].print();
            return EXIT_DONE;
        }
    diag_error(&diag, NULL, E_USAGE, "sqzc list wants one of ops, passes, kernels, dtypes, targets and errors");
    return EXIT_FLAGS;
}

int command_explain(const Options *options) {
    Diag diag = {.out = stderr};
    const char *word = options->words.n == 1 ? options->words.item[0] : "";
    char *end;
    long number = strtol(word + (word[0] == 'E' || word[0] == 'e'), &end, 10);
    const ErrorInfo *info = *word && !*end && number > 0 && number < 10000 ? error_find((int)number) : NULL;
    if (!info) {
        const char *what = *word ? "no error has the code" : "sqzc explain wants one code, such as";
        diag_error(&diag, NULL, E_USAGE, "%s '%s' (see sqzc list errors)", what, *word ? word : "E0122");
        return EXIT_FLAGS;
    }
    printf("E%04d: %s.\n%s\n", (int)info->code, info->title, info->remedy);
    return EXIT_DONE;
}

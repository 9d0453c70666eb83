// sqzc-unit [NAME...]: runs all unit tests, or those named.
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

static const struct {
    const char *name;
    void (*run)(void);
} units[] = {
#define UNIT(name) {#name, test_##name},
#include "tests/unit/units.def"
#undef UNIT
};

static int checks, failures;  // of this process, which is only a test

bool unit_check(bool ok, const char *what, const char *file, int line) {
    checks++;
    if (!ok) {
        failures++;
        fprintf(stderr, "%s:%d: wrong: %s\n", file, line, what);
    }
    return ok;
}

bool unit_check_text(const char *got, const char *want, const char *file, int line) {
    checks++;
    bool ok = got && !strcmp(got, want);
    if (!ok) {
        failures++;
        fprintf(stderr, "%s:%d: got  %s\n%s:%d: want %s\n", file, line, got ? got : "(null)", file, line, want);
    }
    return ok;
}

static bool is_wanted(const char *name, int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        if (!strcmp(name, argv[i]))
            return true;
    return argc == 1;
}

int main(int argc, char **argv) {
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (is_wanted(units[i].name, argc, argv))
            units[i].run();
    printf("%d checks, %d wrong\n", checks, failures);
    return !checks || failures;
}

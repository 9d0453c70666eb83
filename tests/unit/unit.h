// Unit tests: each test_NAME.c has a function test_NAME, listed in units.def, that makes CHECKs.
#ifndef UNIT_UNIT_H
#define UNIT_UNIT_H

#include <stdbool.h>

#define CHECK(condition) unit_check((condition), #condition, __FILE__, __LINE__)
#define CHECK_TEXT(got, want) unit_check_text((got), (want), __FILE__, __LINE__)

// Count and report a failure; return whether it was all right.
bool unit_check(bool ok, const char *what, const char *file, int line);
bool unit_check_text(const char *got, const char *want, const char *file, int line);

#define UNIT(name) void test_##name(void);
#include "tests/unit/units.def"
#undef UNIT

#endif

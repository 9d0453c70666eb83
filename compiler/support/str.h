// A string that grows, in an arena.
#ifndef SUPPORT_STR_H
#define SUPPORT_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/arena.h"

typedef struct Str {
    Arena *arena;
    char *text;  // ends in 0 once anything was added
    size_t length, capacity;
} Str;

void str_add(Str *str, const char *text);
void str_add_bytes(Str *str, const char *bytes, size_t length);
void str_printf(Str *str, const char *format, ...) __attribute__((format(printf, 2, 3)));

// `text` as a C identifier: other characters become '_', a leading digit gets a '_' before it, and C and C++
// keywords one behind.
char *str_identifier(Arena *arena, const char *text);
uint64_t text_hash(const char *text);  // for tables of names
bool str_ends_with(const char *text, const char *suffix);

#endif

// The words that types, attributes, printer and parser have in common: quoted strings and numbers.
#ifndef IR_TEXT_H
#define IR_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "support/arena.h"
#include "support/str.h"

// In double quotes; a backslash and two hex digits for quotes, backslashes, bytes that are not printable ASCII, and
// the second of two brackets or braces, since FileCheck owns those.
void text_quote(Str *out, const char *text);
// `text` is at the opening quote. Returns the first character behind the closing one, or null.
const char *text_unquote(Arena *arena, const char *text, char **out);

// A name as it stands behind % and @ and between the words of a loc: bare if it has only letters, digits and _ . / - $,
// else quoted. Comments begin with two slashes, so names with those are quoted too.
bool text_is_bare(const char *name);
void text_name(Str *out, const char *name);

// A float of 32 bits in the fewest digits that read back to the same bits, or `nan`, `inf`, `-inf`.
void text_float(Str *out, float number);
// The same of 64 bits: 0.1 is the float next to 0.1, 0.1d the double next to it.
void text_double(Str *out, double number);
// Return the first character behind the number, or null. Numbers without a `d` are rounded to float.
const char *text_read_double(const char *text, double *number);
const char *text_read_int(const char *text, int64_t *number);

#endif

// Numbers print in the fewest digits that read back exactly, found by trying: slow is fine where lists are short.
// Every number without a suffix is a 32-bit float, as ONNX's attributes are, so that `alpha = 0.01` means what a
// model's file means by it.
#include "ir/text.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_quote(Str *out, const char *text) {
    char last = 0;
    str_add(out, "\"");
    for (const char *c = text; *c; last = *c++) {
        bool pair = (*c == '[' || *c == '{') && last == *c;
        if (*c < 32 || *c > 126 || *c == '"' || *c == '\\' || pair)
            str_printf(out, "\\%02x", (unsigned)(unsigned char)*c);
        else
            str_add_bytes(out, c, 1);
    }
    str_add(out, "\"");
}

bool text_is_bare(const char *name) {
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("_./-$", *c))
            return false;
    return *name && !strstr(name, "//");
}

void text_name(Str *out, const char *name) {
    if (text_is_bare(name))
        str_add(out, name);
    else
        text_quote(out, name);
}

static int hex_digit(char c) {
    const char *digits = "0123456789abcdef";
    const char *found = c ? strchr(digits, tolower((unsigned char)c)) : NULL;
    return found ? (int)(found - digits) : -1;
}

const char *text_unquote(Arena *arena, const char *text, char **out) {
    if (*text != '"')
        return NULL;
    const char *end = text + 1;
    while (*end && *end != '"' && *end != '\n')
        end++;
    if (*end != '"')
        return NULL;
    char *to = arena_alloc(arena, (size_t)(end - text));
    *out = to;
    for (const char *c = text + 1; c < end; c++) {
        if (*c != '\\') {
            *to++ = *c;
            continue;
        }
        int high = hex_digit(c[1]), low = high < 0 ? -1 : hex_digit(c[2]);
        if (low < 0 || high + low == 0)  // names end at a zero byte, so none can have one inside
            return NULL;
        *to++ = (char)(high << 4 | low);
        c += 2;
    }
    return end + 1;
}

static bool print_special(Str *out, double number) {
    if (isnan(number))
        str_add(out, "nan");
    else if (isinf(number))
        str_add(out, number < 0 ? "-inf" : "inf");
    else
        return false;
    return true;
}

void text_float(Str *out, float number) {
    char text[32];
    if (print_special(out, (double)number))
        return;
    int digits = 6;
    do
        snprintf(text, sizeof text, "%.*g", digits, (double)number);
    while (strtof(text, NULL) != number && ++digits <= 9);
    str_add(out, text);
}

void text_double(Str *out, double number) {
    char text[40];
    if (print_special(out, number))
        return;
    if ((double)(float)number == number) {
        text_float(out, (float)number);
        return;
    }
    int digits = 6;
    do
        snprintf(text, sizeof text, "%.*g", digits, number);
    while (strtod(text, NULL) != number && ++digits <= 17);
    str_add(out, text);
    str_add(out, "d");
}

// The length of a decimal number with optional sign, fraction and exponent; 0 if there is none.
static size_t number_length(const char *text) {
    const char *c = text;
    c += *c == '-' || *c == '+';
    if (!strncmp(c, "inf", 3) || !strncmp(c, "nan", 3))
        return (size_t)(c + 3 - text);
    const char *digits = c;
    while (isdigit((unsigned char)*c))
        c++;
    bool any = c > digits;
    if (*c == '.')
        for (c++; isdigit((unsigned char)*c); c++)
            any = true;
    if (!any)
        return 0;
    if (*c == 'e' || *c == 'E') {
        const char *exponent = c + 1;
        exponent += *exponent == '-' || *exponent == '+';
        if (isdigit((unsigned char)*exponent))
            for (c = exponent; isdigit((unsigned char)*c);)
                c++;
    }
    return (size_t)(c - text);
}

const char *text_read_double(const char *text, double *number) {
    size_t length = number_length(text);
    if (!length)
        return NULL;
    const char *end = text + length;
    if (*end == 'd') {
        *number = strtod(text, NULL);
        return end + 1;
    }
    *number = (double)strtof(text, NULL);
    return end;
}

const char *text_read_int(const char *text, int64_t *number) {
    const char *digits = text + (*text == '-');
    if (!isdigit((unsigned char)*digits))
        return NULL;
    char *end;
    errno = 0;
    bool hex = digits[0] == '0' && digits[1] == 'x' && hex_digit(digits[2]) >= 0;
    *number = strtoll(text, &end, hex ? 16 : 10);
    return errno ? NULL : end;
}

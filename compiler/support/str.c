// Growing strings, hashes of names, and the one rule that makes C identifiers of names.
#include "support/str.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void str_add_bytes(Str *str, const char *bytes, size_t length) {
    if (str->length + length + 1 > str->capacity) {
        size_t bigger = 2 * (str->length + length + 1);
        char *moved = arena_alloc(str->arena, bigger < 128 ? 128 : bigger);
        if (str->length)
            memcpy(moved, str->text, str->length);
        str->text = moved;
        str->capacity = bigger < 128 ? 128 : bigger;
    }
    if (length)
        memcpy(str->text + str->length, bytes, length);
    str->length += length;
    str->text[str->length] = 0;
}

void str_add(Str *str, const char *text) {
    str_add_bytes(str, text, strlen(text));
}

void str_printf(Str *str, const char *format, ...) {
    va_list args;
    va_start(args, format);
    str_add(str, arena_vprintf(str->arena, format, args));
    va_end(args);
}

static bool is_keyword(const char *text) {
    static const char *const words[] = {
        "alignas", "alignof", "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break", "case", "catch",
        "char", "class", "compl", "const", "const_cast", "constexpr", "continue", "decltype", "default", "delete",
        "do", "double", "dynamic_cast", "else", "enum", "explicit", "export", "extern", "false", "float", "for",
        "friend", "goto", "if", "inline", "int", "long", "mutable", "namespace", "new", "noexcept", "not", "not_eq",
        "nullptr", "operator", "or", "or_eq", "private", "protected", "public", "register", "reinterpret_cast",
        "restrict", "return", "short", "signed", "sizeof", "static", "static_assert", "static_cast", "struct",
        "switch", "template", "this", "thread_local", "throw", "true", "try", "typedef", "typeid", "typename",
        "union", "unsigned", "using", "virtual", "void", "volatile", "wchar_t", "while", "xor", "xor_eq"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(text, words[i]))
            return true;
    return false;
}

char *str_identifier(Arena *arena, const char *text) {
    bool digit = isdigit((unsigned char)text[0]) || !text[0];
    char *name = arena_printf(arena, "%s%s", digit ? "_" : "", text);
    for (char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) || (unsigned char)*c > 127)
            *c = '_';
    return is_keyword(name) ? arena_printf(arena, "%s_", name) : name;
}

bool str_ends_with(const char *text, const char *suffix) {
    size_t n = strlen(text), m = strlen(suffix);
    return n >= m && !strcmp(text + n - m, suffix);
}

// FNV-1a
uint64_t text_hash(const char *text) {
    uint64_t h = 14695981039346656037u;
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 1099511628211u;
    return h ^ h >> 32;
}

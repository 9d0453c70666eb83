// There are no tokens: what a character means depends on where it stands (1x3 in a type, fire2/squeeze1x1 in a name),
// so the parser says what it wants next.
#include "ir/lex.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

#include "ir/text.h"

bool lex_error(const Lexer *lex, ErrorCode code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const char *message = arena_vprintf(lex->arena, format, args);
    va_end(args);
    return diag_error(lex->diag, &(Loc){.line = lex->line}, code, "%s", message);
}

void lex_advance(Lexer *lex, const char *to) {
    for (; lex->at < to; lex->at++)
        lex->line += *lex->at == '\n';
}

void lex_skip(Lexer *lex) {
    const char *c = lex->at;
    for (;;) {
        while (*c == ' ' || *c == '\t' || *c == '\r' || *c == '\n')
            c++;
        if (c[0] != '/' || c[1] != '/')
            break;
        while (*c && *c != '\n')
            c++;
    }
    lex_advance(lex, c);
}

bool lex_at_end(Lexer *lex) {
    lex_skip(lex);
    return !*lex->at;
}

bool lex_accept(Lexer *lex, const char *mark) {
    lex_skip(lex);
    size_t n = strlen(mark);
    if (strncmp(lex->at, mark, n))
        return false;
    lex->at += n;
    return true;
}

static size_t word_length(const char *text) {
    size_t n = 0;
    while (isalnum((unsigned char)text[n]) || text[n] == '_' || text[n] == '.')
        n++;
    return n;
}

// What stands at the position, for messages.
static const char *found(const Lexer *lex) {
    if (!*lex->at)
        return "the end of the text";
    size_t n = word_length(lex->at);
    if (n > 40)
        n = 40;
    return arena_printf(lex->arena, "'%.*s'", n ? (int)n : 1, lex->at);
}

bool lex_expect(Lexer *lex, const char *mark) {
    return lex_accept(lex, mark) || lex_error(lex, E_PARSE, "expected '%s', found %s", mark, found(lex));
}

bool lex_accept_word(Lexer *lex, const char *word) {
    lex_skip(lex);
    size_t n = word_length(lex->at);
    if (n != strlen(word) || strncmp(lex->at, word, n))
        return false;
    lex->at += n;
    return true;
}

bool lex_word(Lexer *lex, const char **word) {
    lex_skip(lex);
    size_t n = word_length(lex->at);
    if (!n)
        return lex_error(lex, E_PARSE, "expected a word, found %s", found(lex));
    *word = arena_copy(lex->arena, lex->at, n);
    lex->at += n;
    return true;
}

bool lex_string(Lexer *lex, const char **text) {
    lex_skip(lex);
    char *string;
    const char *end = text_unquote(lex->arena, lex->at, &string);
    if (!end)
        return lex_error(lex, E_PARSE, "expected a string in double quotes, found %s", found(lex));
    *text = string;
    lex->at = end;
    return true;
}

bool lex_name(Lexer *lex, const char **name) {
    if (*lex->at == '"')
        return lex_string(lex, name);
    size_t n = 0;
    while (isalnum((unsigned char)lex->at[n]) || (lex->at[n] && strchr("_./-$", lex->at[n])))
        if (!strncmp(lex->at + n, "//", 2))
            break;
        else
            n++;
    if (!n)
        return lex_error(lex, E_PARSE, "expected a name, found %s", found(lex));
    *name = arena_copy(lex->arena, lex->at, n);
    lex->at += n;
    return true;
}

bool lex_int(Lexer *lex, int64_t *number) {
    lex_skip(lex);
    const char *end = text_read_int(lex->at, number);
    if (!end)
        return lex_error(lex, E_PARSE, "expected an integer of 64 bits, found %s", found(lex));
    lex->at = end;
    return true;
}

bool lex_count(Lexer *lex, int64_t *number) {
    if (!lex_int(lex, number))
        return false;
    return *number >= 0 || lex_error(lex, E_PARSE, "expected a number that is not negative");
}

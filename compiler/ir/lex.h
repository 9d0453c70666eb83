// The words of the text form, read one at a time where the parser asks for them.
#ifndef IR_LEX_H
#define IR_LEX_H

#include <stdbool.h>
#include <stdint.h>

#include "support/arena.h"
#include "support/diag.h"

// `at` never passes `end`, where a zero byte stands.
typedef struct Lexer {
    const char *at, *end;
    int line;
    Arena *arena;
    Diag *diag;
} Lexer;

// Reports an error at the current line and returns false.
bool lex_error(const Lexer *lex, ErrorCode code, const char *format, ...) __attribute__((format(printf, 3, 4)));
void lex_skip(Lexer *lex);                     // blanks and comments
void lex_advance(Lexer *lex, const char *to);  // over what another reader took, counting its lines
bool lex_at_end(Lexer *lex);

// All skip blanks first, and on failure leave the position where it was. `accept` is silent, the others report.
bool lex_accept(Lexer *lex, const char *mark);  // punctuation
bool lex_expect(Lexer *lex, const char *mark);
bool lex_accept_word(Lexer *lex, const char *word);  // a whole word
bool lex_word(Lexer *lex, const char **word);        // letters, digits, _ and .
bool lex_name(Lexer *lex, const char **name);        // a bare or quoted name, directly at the position
bool lex_string(Lexer *lex, const char **text);
bool lex_int(Lexer *lex, int64_t *number);    // decimal or 0x
bool lex_count(Lexer *lex, int64_t *number);  // the same, not negative

#endif

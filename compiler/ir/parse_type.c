// Types. An x separates dimensions, so nothing between the angle brackets is read as a word.
#include <ctype.h>
#include <string.h>

#include "ir/parse_parts.h"
#include "ir/text.h"

enum { SYMBOLS_MAX = 1024, BLOCK_MAX = 1024, BORDER_MAX = 1024 };

static bool parse_symbol(Parser *p, Symbol **symbol) {
    Lexer *lex = &p->lex;
    const char *name;
    if (*lex->at == '"') {
        if (!lex_string(lex, &name))
            return false;
    } else {
        size_t n = 0;
        while ((isalnum((unsigned char)lex->at[n]) || lex->at[n] == '_') && lex->at[n] != 'x')
            n++;
        if (!n)
            return lex_error(lex, E_PARSE, "expected a dimension: a number, a name, or a product such as 2*N");
        name = arena_copy(lex->arena, lex->at, n);
        lex->at += n;
    }
    int count = 0;
    for (*symbol = p->module->symbols; *symbol; *symbol = (*symbol)->next, count++)
        if (!strcmp((*symbol)->name, name))
            return true;
    if (count == SYMBOLS_MAX)
        return lex_error(lex, E_LIMIT, "more than %d symbols", SYMBOLS_MAX);
    *symbol = module_symbol(p->module, name);
    return true;
}

static bool parse_dim(Parser *p, Dim *dim) {
    Lexer *lex = &p->lex;
    *dim = dim_const(1);
    bool counted = lex_accept(lex, "<=");
    if (counted && !isdigit((unsigned char)*lex->at))
        return lex_error(lex, E_PARSE, "expected a number behind <=");
    if (!isdigit((unsigned char)*lex->at))
        return parse_symbol(p, &dim->sym);
    char *digits = arena_copy(lex->arena, lex->at, strspn(lex->at, "0123456789"));  // not 0x10: that is 0 and 10
    if (!text_read_int(digits, &dim->n))
        return lex_error(lex, E_PARSE, "a dimension has more than 64 bits");
    lex->at += strlen(digits);
    if (counted)
        return lex_expect(lex, ":") && parse_symbol(p, &dim->count);
    if (*lex->at != '*')
        return true;
    lex->at++;
    return parse_symbol(p, &dim->sym);
}

static bool parse_dims(Parser *p, Type *type) {
    Lexer *lex = &p->lex;
    type->rank = 0;
    if (*lex->at == '>')
        return true;
    if (*lex->at == '?') {
        lex->at++;
        type->rank = -1;
        return true;
    }
    do {
        if (type->rank == MAX_RANK)
            return lex_error(lex, E_LIMIT, "a type has more than %d dimensions", MAX_RANK);
        if (!parse_dim(p, &type->dim[type->rank]))
            return false;
        type->rank++;
    } while (*lex->at == 'x' && lex->at++);
    return true;
}

static bool parse_number(Parser *p, int64_t min, int64_t max, int64_t *number) {
    if (!lex_count(&p->lex, number))
        return false;
    return (*number >= min && *number <= max) ||
           lex_error(&p->lex, E_PARSE, "a number of a layout is not in %lld .. %lld", (long long)min, (long long)max);
}

static bool parse_layout_item(Parser *p, Layout *layout) {
    Lexer *lex = &p->lex;
    int64_t number;
    if (lex_accept(lex, "nchw")) {
        if (!parse_number(p, 1, BLOCK_MAX, &number) || !lex_expect(lex, "c"))
            return false;
        layout->kind = LAYOUT_NCHWC;
        layout->block = (int)number;
    } else if (lex_accept_word(lex, "packed")) {
        layout->kind = LAYOUT_PACKED;
    } else if (lex_accept(lex, "border=")) {
        if (!parse_number(p, 0, BORDER_MAX, &number))
            return false;
        layout->border = (int)number;
    } else if (lex_accept(lex, "pitch=")) {
        return parse_number(p, 0, (int64_t)1 << 40, &layout->pitch);
    } else {
        return lex_error(lex, E_PARSE, "expected nchw16c, packed, border=1 or pitch=8 in a type");
    }
    return true;
}

bool parse_type(Parser *p, Type *type) {
    Lexer *lex = &p->lex;
    *type = type_unknown();
    const char *name;
    if (lex_accept(lex, "?")) {
        if (*lex->at != '<')
            return true;
    } else {
        if (!lex_word(lex, &name))
            return false;
        type->dtype = dtype_from_name(name);
        if (type->dtype == DT_NONE)
            return lex_error(lex, E_PARSE, "'%s' is no element type; see sqzc list dtypes", name);
    }
    if (!lex_expect(lex, "<") || !parse_dims(p, type))
        return false;
    while (lex_accept(lex, ","))
        if (!parse_layout_item(p, &type->layout))
            return false;
    return lex_expect(lex, ">");
}

// The elements of constants: written out, made by a rule, or in a sidecar file. Sizes are bounded by the text's length,
// by MADE_BYTES_MAX or by the file's size, so that a short text cannot ask for much memory.
#include <string.h>

#include "ir/element.h"
#include "ir/parse_parts.h"
#include "support/checked.h"
#include "support/file.h"

static const int64_t MADE_BYTES_MAX = (int64_t)1 << 28;
enum { MADE_NUMBERS_MAX = 1 << 24 };  // of iota and random

static bool parse_element(Parser *p, DType dtype, void *bytes, int64_t index) {
    lex_skip(&p->lex);
    const char *end = element_read(dtype, bytes, index, p->lex.at);
    if (!end)
        return lex_error(&p->lex, E_PARSE, "element %lld of a list is no %s", (long long)index, dtype_info[dtype].name);
    p->lex.at = end;
    return true;
}

static bool parse_list(Parser *p, DType dtype, int64_t count, const void **bytes) {
    if (count > p->lex.end - p->lex.at)  // shorter than one character an element
        return lex_error(&p->lex, E_PARSE, "a list has fewer elements than its type, %lld", (long long)count);
    char *made = arena_alloc(p->lex.arena, (size_t)count * (size_t)dtype_info[dtype].bits / 8);
    if (!lex_expect(&p->lex, "("))
        return false;
    for (int64_t i = 0; i < count; i++)
        if ((i && !lex_expect(&p->lex, ",")) || !parse_element(p, dtype, made, i))
            return false;
    *bytes = made;
    return lex_expect(&p->lex, ")");
}

// Room for elements that the text does not hold.
static void *make_room(Parser *p, DType dtype, int64_t count, int64_t count_max) {
    int64_t size = count * (dtype_info[dtype].bits / 8);
    p->made += size;
    if (count <= count_max && p->made <= MADE_BYTES_MAX)
        return arena_alloc(p->lex.arena, (size_t)size);
    lex_error(&p->lex, E_LIMIT, "constants made by rules are too large");
    return NULL;
}

static bool parse_fill(Parser *p, DType dtype, int64_t count, const void **bytes) {
    size_t size = (size_t)dtype_info[dtype].bits / 8;
    char element[8], *made = make_room(p, dtype, count, MADE_BYTES_MAX);
    if (!made || !lex_expect(&p->lex, "(") || !parse_element(p, dtype, element, 0))
        return false;
    for (int64_t i = 0; i < count; i++)
        memcpy(made + (size_t)i * size, element, size);
    *bytes = made;
    return lex_expect(&p->lex, ")");
}

static bool parse_iota(Parser *p, DType dtype, int64_t count, const void **bytes) {
    char *made = make_room(p, dtype, count, MADE_NUMBERS_MAX);
    for (int64_t i = 0; made && i < count; i++)
        element_set(dtype, made, i, (double)i);
    *bytes = made;
    return made != NULL;
}

static bool parse_random(Parser *p, DType dtype, int64_t count, const void **bytes) {
    int64_t seed;
    char *made = make_room(p, dtype, count, MADE_NUMBERS_MAX);
    if (!made || !lex_expect(&p->lex, "(") || !lex_int(&p->lex, &seed))
        return false;
    for (int64_t i = 0; i < count; i++)
        element_random(dtype, i, (uint64_t)seed, made + i * (dtype_info[dtype].bits / 8));
    *bytes = made;
    return lex_expect(&p->lex, ")");
}

static Sidecar *open_sidecar(Parser *p, const char *name) {
    for (Sidecar *sidecar = p->sidecars; sidecar; sidecar = sidecar->next)
        if (!sidecar->name || !strcmp(sidecar->name, name))
            return sidecar;
    if (!*name || strchr(name, '/') || *name == '.') {
        lex_error(&p->lex, E_EXTERNAL, "a sidecar lies beside its text, so '%s' cannot be its name", name);
        return NULL;
    }
    const char *path = p->folder ? arena_printf(p->lex.arena, "%s/%s", p->folder, name) : name;
    File file;
    if (!file_map(&file, path, p->lex.diag))
        return NULL;
    Sidecar *sidecar = ARENA_NEW(p->lex.arena, Sidecar);
    *sidecar = (Sidecar){name, arena_copy(p->lex.arena, (const char *)file.bytes, file.size), file.size, p->sidecars};
    p->sidecars = sidecar;
    file_unmap(&file);
    return sidecar;
}

static bool parse_bytes(Parser *p, int64_t size, const void **bytes) {
    int64_t offset, end;
    const char *name;
    if (!lex_expect(&p->lex, "(") || !lex_count(&p->lex, &offset))
        return false;
    if (!lex_accept_word(&p->lex, "of"))
        return lex_error(&p->lex, E_PARSE, "expected 'of' and a file's name");
    if (!lex_string(&p->lex, &name))
        return false;
    const Sidecar *sidecar = open_sidecar(p, name);
    if (!sidecar)
        return false;
    if (!checked_add(offset, size, &end) || (uint64_t)end > sidecar->size)
        return lex_error(&p->lex, E_EXTERNAL, "the constant reaches behind the end of '%s'", name);
    *bytes = (const char *)sidecar->bytes + offset;
    return lex_expect(&p->lex, ")");
}

static bool parse_made(Parser *p, DType dtype, int64_t count, const void **bytes) {
    if (lex_accept_word(&p->lex, "list"))
        return parse_list(p, dtype, count, bytes);
    if (lex_accept_word(&p->lex, "fill"))
        return parse_fill(p, dtype, count, bytes);
    if (lex_accept_word(&p->lex, "iota"))
        return parse_iota(p, dtype, count, bytes);
    if (lex_accept_word(&p->lex, "random"))
        return parse_random(p, dtype, count, bytes);
    return lex_error(&p->lex, E_PARSE, "expected list, fill, iota, random or bytes");
}

bool parse_data(Parser *p, const Type *type, const void **bytes) {
    if (type->dtype == DT_NONE || !type_is_static(type))
        return lex_error(&p->lex, E_PARSE, "a constant needs an element type and plain dimensions");
    int64_t count = type_storage(type), size = type_bytes(type);
    if (size > (int64_t)1 << 40)
        return lex_error(&p->lex, E_TOO_BIG, "a constant is larger than 2^40 bytes");
    if (lex_accept_word(&p->lex, "bytes"))
        return parse_bytes(p, size, bytes);
    if (!parse_made(p, type->dtype, count, bytes))
        return false;
    if (type_is_packed(type) && dtype_is_packed(type->dtype))
        *bytes = elements_pack(p->lex.arena, type->dtype, *bytes, count);
    return true;
}

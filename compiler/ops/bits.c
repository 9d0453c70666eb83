// sqz.PackBits and sqz.UnpackBits: elements of 4 or 2 bits, as users see them and one to a byte. Work is cut between
// bytes of the packed side, so that no two shards write to the same one; the last byte may hold fewer elements.
#include "codegen/lower.h"

enum { BITS_SHARED = 16384 };  // packed bytes from which on shards are worth it

typedef struct Bits {
    Ptr packed, wide;  // as integers of 8 bits
    int width, each;   // bits of an element, elements of a byte
} Bits;

static Val shift_count(Emit *e, Val like, int n) {
    return e_int(e, like.dtype, n);
}

static void unpack_byte(Emit *e, const Bits *b, Val at, int count) {
    Val byte = e_load(e, b->packed, at, 1), first = e_mul_const(e, at, b->each);
    for (int i = 0; i < count; i++) {
        Val up = e_shl(e, byte, shift_count(e, byte, 8 - b->width * (i + 1)));
        e_store(e, b->wide, e_add_const(e, first, i), e_shr(e, up, shift_count(e, byte, 8 - b->width)));
    }
}

static void pack_byte(Emit *e, const Bits *b, Val at, int count) {
    Val first = e_mul_const(e, at, b->each), byte = e_zero(e, DT_U8, 1);
    for (int i = 0; i < count; i++) {
        Val element = e_load(e, b->wide, e_add_const(e, first, i), 1);
        Val low = e_and(e, element, e_int(e, DT_U8, (1 << b->width) - 1));
        byte = e_or(e, byte, e_shl(e, low, shift_count(e, low, b->width * i)));
    }
    e_store(e, b->packed, at, byte);
}

static void lower_bits(Emit *e, const Bits *b, int64_t count, void (*move)(Emit *, const Bits *, Val, int)) {
    int64_t whole = count / b->each;
    Share share = {e_index(e, 0), e_index(e, whole)};
    if (whole >= BITS_SHARED)
        share = e_share(e, whole);
    EMIT_FOR(e, i, share.begin, share.end, 1)
        move(e, b, i.i, b->each);
    if (count % b->each)
        EMIT_IF(e, e_eq(e, share.end, e_index(e, whole)))
            move(e, b, e_index(e, whole), (int)(count % b->each));
}

static Bits bits_of(Ptr packed, Ptr wide, DType dtype, DType byte) {
    int width = dtype_info[dtype].packed;
    return (Bits){e_retype(packed, byte), e_retype(wide, byte), width, 8 / width};
}

static void lower_unpack_bits(Emit *e, const Node *node) {
    const Type *type = &node->out[0]->type;
    bool with_sign = dtype_is_int(type->dtype) && dtype_is_signed(type->dtype);
    Bits bits = bits_of(e_in(e, 0), e_out(e, 0), type->dtype, with_sign ? DT_I8 : DT_U8);
    lower_bits(e, &bits, type_count(type), unpack_byte);
}

static void lower_pack_bits(Emit *e, const Node *node) {
    const Type *type = &node->out[0]->type;
    Bits bits = bits_of(e_out(e, 0), e_in(e, 0), type->dtype, DT_U8);
    lower_bits(e, &bits, type_count(type), pack_byte);
}

const OpImpl impl_PackBits = {.lower = lower_pack_bits};
const OpImpl impl_UnpackBits = {.lower = lower_unpack_bits};

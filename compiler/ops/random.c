// sqz.Random: numbers from a generator that counts (Philox4x32-10: Salmon, Moraes, Dror and Shaw, "Parallel random
// numbers: as easy as 1, 2, 3", 2011), so that each element is computed alone, in any order, by any number of threads.
//
// Element i comes from the four words x that ten rounds make of the counter (i, 0, 0, 0) and the node's key. A round is
//
//     (a, b, c, d)  ->  (high(M1 c) ^ b ^ k0, low(M1 c), high(M0 a) ^ d ^ k1, low(M0 a)),   k0 += W0, k1 += W1
//
// Uniform numbers are (x0 >> 8) / 2^24, of doubles (x0 x1 >> 11) / 2^53: the same bits on every target. Normal ones are
// sqrt(-2 ln u) cos(2 pi v) of two such numbers, the first of which is in (0, 1].
#include "codegen/lower.h"
#include "ops/copy.h"

enum { ROUNDS = 10 };
static const uint32_t M0 = 0xD2511F53, M1 = 0xCD9E8D57, W0 = 0x9E3779B9, W1 = 0xBB67AE85;

typedef struct Random {
    Ptr y;
    const RandomAttrs *attrs;
} Random;

static Val word(Emit *e, uint32_t n, int lanes) {
    return e_splat(e, e_int(e, DT_U32, n), lanes);
}

static void wide_mul(Emit *e, Val a, uint32_t by, Val *high, Val *low) {
    Val wide = e_mul(e, e_cast(e, DT_U64, a), e_splat(e, e_int(e, DT_U64, by), a.lanes));
    *high = e_cast(e, DT_U32, e_shr(e, wide, e_splat(e, e_int(e, DT_U64, 32), a.lanes)));
    *low = e_cast(e, DT_U32, wide);
}

static void philox(Emit *e, Val counter, uint64_t key, Val x[4]) {
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    x[0] = counter;
    x[1] = x[2] = x[3] = e_zero(e, DT_U32, counter.lanes);
    for (int i = 0; i < ROUNDS; i++, k0 += W0, k1 += W1) {
        Val high0, low0, high1, low1;
        wide_mul(e, x[0], M0, &high0, &low0);
        wide_mul(e, x[2], M1, &high1, &low1);
        x[0] = e_xor(e, e_xor(e, high1, x[1]), word(e, k0, counter.lanes));
        x[2] = e_xor(e, e_xor(e, high0, x[3]), word(e, k1, counter.lanes));
        x[1] = low1;
        x[3] = low0;
    }
}

// In [0, 1), or where `above` is 1 in (0, 1].
static Val uniform(Emit *e, DType dtype, Val a, Val b, int above) {
    if (dtype == DT_F32) {
        Val bits = e_cast(e, DT_I32, e_shr(e, a, word(e, 8, a.lanes)));
        Val number = e_cast(e, DT_F32, e_add_const(e, bits, above));
        return e_mul(e, number, e_splat(e, e_float(e, DT_F32, 0x1p-24), a.lanes));
    }
    // 53 bits: 27 of a, 26 of b
    Val high = e_cast(e, DT_F64, e_cast(e, DT_I32, e_shr(e, a, word(e, 5, a.lanes))));
    Val low = e_cast(e, DT_F64, e_add_const(e, e_cast(e, DT_I32, e_shr(e, b, word(e, 6, a.lanes))), above));
    Val number = e_add(e, e_mul(e, high, e_splat(e, e_float(e, DT_F64, 0x1p26), a.lanes)), low);
    return e_mul(e, number, e_splat(e, e_float(e, DT_F64, 0x1p-53), a.lanes));
}

static void random_span(Emit *e, void *arg, Val i, int lanes) {
    const Random *r = arg;
    Val x[4], y, counter = e_splat(e, e_cast(e, DT_U32, i), lanes);
    if (lanes > 1)
        counter = e_add(e, counter, e_iota(e, DT_U32, lanes));
    philox(e, counter, (uint64_t)r->attrs->key, x);
    DType dtype = r->y.dtype;
    if (r->attrs->kind == RANDOM_UNIFORM) {
        y = uniform(e, dtype, x[0], x[1], 0);
    } else {
        Val u = uniform(e, dtype, x[0], x[1], 1), v = uniform(e, dtype, x[2], x[3], 0);
        Val size = e_sqrt(e, e_mul(e, e_splat(e, e_float(e, dtype, -2), lanes), e_log(e, u)));
        y = e_mul(e, size, e_cos(e, e_mul(e, e_splat(e, e_float(e, dtype, 6.283185307179586), lanes), v)));
    }
    e_store(e, r->y, i, y);
}

static void lower_random(Emit *e, const Node *node) {
    int64_t count = type_count(&node->out[0]->type);
    if (count == 0)
        return;
    Random random = {e_out(e, 0), node->attrs};
    Parts parts = share_parts(e, count);
    Share part = part_of(e, &parts, count);
    emit_span(e, part.begin, part.end, e_lanes(e, random.y.dtype), random_span, &random);
}

const OpImpl impl_Random = {.lower = lower_random};

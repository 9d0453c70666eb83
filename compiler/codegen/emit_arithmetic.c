// Arithmetic of the kernel language on LLVM: numbers, bits, comparisons, and lanes against each other.
//
// What LLVM leaves undefined (division by zero, shifts beyond the width) is given the meaning that emit.h states, at
// the point of emission.
#include <llvm-c/Core.h>
#include <stdio.h>
#include <string.h>

#include "codegen/emit_half.h"
#include "codegen/emit_internal.h"
#include "codegen/emit_soft.h"

Val e_add(Emit *e, Val a, Val b) {
    if (half_is(a.dtype))
        return half_binary(e, e_add, a, b);
    return val(dtype_is_float(a.dtype) ? LLVMBuildFAdd(e->builder, a.v, b.v, "")
                                       : LLVMBuildAdd(e->builder, a.v, b.v, ""),
               a.dtype, a.lanes);
}

Val e_sub(Emit *e, Val a, Val b) {
    if (half_is(a.dtype))
        return half_binary(e, e_sub, a, b);
    return val(dtype_is_float(a.dtype) ? LLVMBuildFSub(e->builder, a.v, b.v, "")
                                       : LLVMBuildSub(e->builder, a.v, b.v, ""),
               a.dtype, a.lanes);
}

Val e_mul(Emit *e, Val a, Val b) {
    if (half_is(a.dtype))
        return half_binary(e, e_mul, a, b);
    return val(dtype_is_float(a.dtype) ? LLVMBuildFMul(e->builder, a.v, b.v, "")
                                       : LLVMBuildMul(e->builder, a.v, b.v, ""),
               a.dtype, a.lanes);
}

Val e_fma(Emit *e, Val a, Val b, Val c) {
    if (!e->target->fma || !dtype_is_float(a.dtype) || half_is(a.dtype))
        return e_add(e, e_mul(e, a, b), c);
    LLVMValueRef args[3] = {a.v, b.v, c.v};
    return val(emit_intrinsic(e, "llvm.fma", emit_type(e, a.dtype, a.lanes), args, 3), a.dtype, a.lanes);
}

// Whether the target divides unsigned integers of this width without a library.
static bool divides(const Emit *e, int bits) {
    if (bits == 64)
        return e->target->pointer_bits == 64;
    return e->target->divides;
}

typedef Val (*BinaryFn)(Emit *e, Val a, Val b);

static Val by_lane(Emit *e, BinaryFn f, Val a, Val b) {
    Val result = e_zero(e, a.dtype, a.lanes);
    for (int i = 0; i < a.lanes; i++)
        result = e_set_lane(e, result, i, f(e, e_lane(e, a, i), e_lane(e, b, i)));
    return result;
}

// Unsigned, b not zero.
static Val unsigned_divide(Emit *e, Val a, Val b, bool remainder) {
    int bits = dtype_info[a.dtype].bits;
    if (divides(e, bits))
        return val(remainder ? LLVMBuildURem(e->builder, a.v, b.v, "") : LLVMBuildUDiv(e->builder, a.v, b.v, ""),
                   a.dtype, a.lanes);
    DType wide = bits == 64 ? DT_U64 : DT_U32;
    BinaryFn f = bits == 64 ? remainder ? soft_urem64 : soft_udiv64 : remainder ? soft_urem32 : soft_udiv32;
    return e_cast(e, a.dtype, by_lane(e, f, e_cast(e, wide, a), e_cast(e, wide, b)));
}

static DType unsigned_of(DType dtype) {
    switch (dtype_info[dtype].bits) {
    case 8: return DT_U8;
    case 16: return DT_U16;
    case 32: return DT_U32;
    default: return DT_U64;
    }
}

static Val constant_divide(Emit *e, Val a, Val b, bool remainder) {
    LLVMValueRef v;
    if (dtype_is_signed(a.dtype))
        v = remainder ? LLVMBuildSRem(e->builder, a.v, b.v, "") : LLVMBuildSDiv(e->builder, a.v, b.v, "");
    else
        v = remainder ? LLVMBuildURem(e->builder, a.v, b.v, "") : LLVMBuildUDiv(e->builder, a.v, b.v, "");
    return val(v, a.dtype, a.lanes);
}

// Where vectors would be taken apart: in floats that have so many more digits than the integers that the rounded
// quotient has the right whole part. b is not zero. A sum with 1.5 * 2^52 has the low 32 bits of any whole number that
// there may be.
static Val float_divide(Emit *e, Val a, Val b, bool remainder) {
    bool wide = dtype_info[a.dtype].bits == 32;
    DType real = wide ? DT_F64 : DT_F32;
    Val q = e_trunc(e, e_div(e, e_cast(e, real, a), e_cast(e, real, b))), whole;
    if (wide) {
        Val sum = e_add(e, q, e_splat(e, e_float(e, DT_F64, 6755399441055744.0), a.lanes));
        whole = e_cast(e, a.dtype, e_bits(e, DT_I64, sum));
    } else {
        LLVMTypeRef type = emit_type(e, DT_I32, a.lanes);
        whole = e_cast(e, a.dtype, val(LLVMBuildFPToSI(e->builder, q.v, type, ""), DT_I32, a.lanes));
    }
    return remainder ? e_sub(e, a, e_mul(e, whole, b)) : whole;
}

// By magnitudes, so that the most negative number divided by -1 is no special case.
static Val int_divide(Emit *e, Val a, Val b, bool remainder) {
    int64_t n;
    if (e_is_const(b, &n) && n > 0 && (dtype_info[a.dtype].bits < 64 || e->target->pointer_bits == 64))
        return constant_divide(e, a, b, remainder);
    DType magnitude = unsigned_of(a.dtype);
    Val zero = e_zero(e, a.dtype, a.lanes), one = e_splat(e, e_int(e, magnitude, 1), a.lanes);
    Val by_zero = e_eq(e, b, zero);
    if (a.lanes > 1 && dtype_info[a.dtype].bits < 64 && e->target->pointer_bits == 64)
        return e_select(
            e, by_zero, zero,
            float_divide(e, a, e_select(e, by_zero, e_splat(e, e_int(e, b.dtype, 1), b.lanes), b), remainder));
    Val ua = e_cast(e, magnitude, dtype_is_signed(a.dtype) ? e_abs(e, a) : a);
    Val ub = e_cast(e, magnitude, dtype_is_signed(a.dtype) ? e_abs(e, b) : b);
    Val result = e_cast(e, a.dtype, unsigned_divide(e, ua, e_select(e, by_zero, one, ub), remainder));
    if (dtype_is_signed(a.dtype)) {
        Val negative = e_lt(e, remainder ? a : e_xor(e, a, b), zero);
        result = e_select(e, negative, e_neg(e, result), result);
    }
    return e_select(e, by_zero, zero, result);
}

Val e_div(Emit *e, Val a, Val b) {
    if (half_is(a.dtype))
        return half_binary(e, e_div, a, b);
    if (dtype_is_float(a.dtype))
        return val(LLVMBuildFDiv(e->builder, a.v, b.v, ""), a.dtype, a.lanes);
    return int_divide(e, a, b, false);
}

Val e_rem(Emit *e, Val a, Val b) {
    if (half_is(a.dtype))
        return half_binary(e, e_rem, a, b);
    return dtype_is_float(a.dtype) ? by_lane(e, soft_fmod, a, b) : int_divide(e, a, b, true);
}

Val e_neg(Emit *e, Val a) {
    if (half_is(a.dtype))
        return half_unary(e, e_neg, a);
    return val(dtype_is_float(a.dtype) ? LLVMBuildFNeg(e->builder, a.v, "") : LLVMBuildNeg(e->builder, a.v, ""),
               a.dtype, a.lanes);
}

Val e_abs(Emit *e, Val a) {
    if (half_is(a.dtype))
        return half_unary(e, e_abs, a);
    if (dtype_is_float(a.dtype)) {
        LLVMValueRef args[1] = {a.v};
        return val(emit_intrinsic(e, "llvm.fabs", emit_type(e, a.dtype, a.lanes), args, 1), a.dtype, a.lanes);
    }
    return dtype_is_signed(a.dtype) ? e_select(e, e_lt(e, a, e_zero(e, a.dtype, a.lanes)), e_neg(e, a), a) : a;
}

Val e_min(Emit *e, Val a, Val b) {
    return e_select(e, e_lt(e, a, b), a, b);
}

Val e_max(Emit *e, Val a, Val b) {
    return e_select(e, e_gt(e, a, b), a, b);
}

Val e_min_nan(Emit *e, Val a, Val b) {
    return dtype_is_float(a.dtype) ? e_select(e, e_is_nan(e, a), a, e_min(e, a, b)) : e_min(e, a, b);
}

Val e_max_nan(Emit *e, Val a, Val b) {
    return dtype_is_float(a.dtype) ? e_select(e, e_is_nan(e, a), a, e_max(e, a, b)) : e_max(e, a, b);
}

Val e_and(Emit *e, Val a, Val b) {
    return val(LLVMBuildAnd(e->builder, a.v, b.v, ""), a.dtype, a.lanes);
}

Val e_or(Emit *e, Val a, Val b) {
    return val(LLVMBuildOr(e->builder, a.v, b.v, ""), a.dtype, a.lanes);
}

Val e_xor(Emit *e, Val a, Val b) {
    return val(LLVMBuildXor(e->builder, a.v, b.v, ""), a.dtype, a.lanes);
}

Val e_not(Emit *e, Val a) {
    return val(LLVMBuildNot(e->builder, a.v, ""), a.dtype, a.lanes);
}

static Val guarded_shift(Emit *e, Val a, Val b, bool left) {
    int bits = dtype_info[a.dtype].bits;
    Val last = e_splat(e, e_int(e, b.dtype, bits - 1), b.lanes);
    Val amount = e_and(e, b, last);
    LLVMValueRef v = left ? LLVMBuildShl(e->builder, a.v, amount.v, "")
                   : dtype_is_signed(a.dtype) ? LLVMBuildAShr(e->builder, a.v, amount.v, "")
                                              : LLVMBuildLShr(e->builder, a.v, amount.v, "");
    return e_select(e, e_eq(e, amount, b), val(v, a.dtype, a.lanes), e_zero(e, a.dtype, a.lanes));
}

Val e_shl(Emit *e, Val a, Val b) {
    return guarded_shift(e, a, b, true);
}

Val e_shr(Emit *e, Val a, Val b) {
    return guarded_shift(e, a, b, false);
}

static Val compare(Emit *e, LLVMRealPredicate real, LLVMIntPredicate with_sign, LLVMIntPredicate without, Val a,
                   Val b) {
    LLVMValueRef v;
    if (half_is(a.dtype))
        return compare(e, real, with_sign, without, half_widen(e, a), half_widen(e, b));
    if (dtype_is_float(a.dtype))
        v = LLVMBuildFCmp(e->builder, real, a.v, b.v, "");
    else
        v = LLVMBuildICmp(e->builder, dtype_is_signed(a.dtype) ? with_sign : without, a.v, b.v, "");
    return val(v, DT_BOOL, a.lanes);
}

Val e_eq(Emit *e, Val a, Val b) {
    return compare(e, LLVMRealOEQ, LLVMIntEQ, LLVMIntEQ, a, b);
}

Val e_ne(Emit *e, Val a, Val b) {
    return compare(e, LLVMRealUNE, LLVMIntNE, LLVMIntNE, a, b);
}

Val e_lt(Emit *e, Val a, Val b) {
    return compare(e, LLVMRealOLT, LLVMIntSLT, LLVMIntULT, a, b);
}

Val e_le(Emit *e, Val a, Val b) {
    return compare(e, LLVMRealOLE, LLVMIntSLE, LLVMIntULE, a, b);
}

Val e_gt(Emit *e, Val a, Val b) {
    return compare(e, LLVMRealOGT, LLVMIntSGT, LLVMIntUGT, a, b);
}

Val e_ge(Emit *e, Val a, Val b) {
    return compare(e, LLVMRealOGE, LLVMIntSGE, LLVMIntUGE, a, b);
}

Val e_select(Emit *e, Val condition, Val yes, Val no) {
    return val(LLVMBuildSelect(e->builder, condition.v, yes.v, no.v, ""), yes.dtype, yes.lanes);
}

Val e_is_nan(Emit *e, Val a) {
    if (!dtype_is_float(a.dtype))
        return e_zero(e, DT_BOOL, a.lanes);
    if (half_is(a.dtype))
        a = half_widen(e, a);
    return val(LLVMBuildFCmp(e->builder, LLVMRealUNO, a.v, a.v, ""), DT_BOOL, a.lanes);
}

// ---- Lanes against each other

enum { SHUFFLED_MAX = 64 };

static Val shuffle(Emit *e, Val a, Val b, const int *from, int lanes) {
    LLVMValueRef mask[SHUFFLED_MAX];
    for (int i = 0; i < lanes; i++)
        mask[i] = LLVMConstInt(LLVMInt32TypeInContext(e->context), (unsigned)from[i], 0);
    LLVMValueRef order = LLVMConstVector(mask, (unsigned)lanes);
    return val(LLVMBuildShuffleVector(e->builder, a.v, b.v, order, ""), a.dtype, lanes);
}

Val e_zip(Emit *e, Val a, Val b) {
    int from[SHUFFLED_MAX];
    for (int i = 0; i < 2 * a.lanes; i++)
        from[i] = i / 2 + i % 2 * a.lanes;
    return shuffle(e, a, b, from, 2 * a.lanes);
}

Val e_part(Emit *e, Val v, int first, int lanes) {
    int from[SHUFFLED_MAX];
    if (lanes == 1 || lanes == v.lanes)
        return lanes == 1 ? e_lane(e, v, first) : v;
    for (int i = 0; i < lanes; i++)
        from[i] = first + i;
    return shuffle(e, v, v, from, lanes);
}

Val e_place(Emit *e, Val v, int first, Val part) {
    int wide[SHUFFLED_MAX], from[SHUFFLED_MAX];
    if (part.lanes == 1 || part.lanes == v.lanes)
        return part.lanes == 1 ? e_set_lane(e, v, first, part) : part;
    for (int i = 0; i < v.lanes; i++) {
        wide[i] = i < part.lanes ? i : 0;
        from[i] = i >= first && i < first + part.lanes ? v.lanes + i - first : i;
    }
    return shuffle(e, v, shuffle(e, part, part, wide, v.lanes), from, v.lanes);
}

// One half of a vector.
static Val half(Emit *e, Val v, int from) {
    int lanes = v.lanes / 2;
    LLVMValueRef mask[64];
    for (int i = 0; i < lanes; i++)
        mask[i] = LLVMConstInt(LLVMInt32TypeInContext(e->context), (unsigned)(from + i), 0);
    LLVMValueRef poison = LLVMGetPoison(emit_type(e, v.dtype, v.lanes));
    Val part = val(LLVMBuildShuffleVector(e->builder, v.v, poison, LLVMConstVector(mask, (unsigned)lanes), ""), v.dtype,
                   lanes);
    if (lanes == 1)
        part.v =
            LLVMBuildExtractElement(e->builder, part.v, LLVMConstInt(LLVMInt32TypeInContext(e->context), 0, 0), "");
    return part;
}

// Lane i of the result: lane i of `a` where i has no bit `bit`, else lane i - bit of `b`; or, for `high`, lane i + bit
// of `a` where i has not got it, else lane i of `b`.
static Val exchange(Emit *e, Val a, Val b, int bit, bool high) {
    LLVMValueRef mask[64];
    for (int i = 0; i < a.lanes; i++) {
        int lane = i & bit ? a.lanes + i - (high ? 0 : bit) : i + (high ? bit : 0);
        mask[i] = LLVMConstInt(LLVMInt32TypeInContext(e->context), (unsigned)lane, 0);
    }
    LLVMValueRef order = LLVMConstVector(mask, (unsigned)a.lanes);
    return val(LLVMBuildShuffleVector(e->builder, a.v, b.v, order, ""), a.dtype, a.lanes);
}

// Blocks of half the size change places, then the blocks in these (Eklundh, 1972).
void e_transpose(Emit *e, Val *rows) {
    int n = rows[0].lanes;
    for (int bit = n / 2; bit > 0; bit /= 2)
        for (int i = 0; i < n; i++) {
            if (i & bit)
                continue;
            Val low = exchange(e, rows[i], rows[i + bit], bit, false);
            rows[i + bit] = exchange(e, rows[i], rows[i + bit], bit, true);
            rows[i] = low;
        }
}

// Of two vectors at first, and then of one more each.
Val emit_gather_lanes(Emit *e, const Val *v, int n, const int *lane) {
    LLVMTypeRef int32 = LLVMInt32TypeInContext(e->context);
    int lanes = v[0].lanes;
    Val all = v[0];
    for (int k = 1; k < n; k++) {
        LLVMValueRef mask[64];
        for (int i = 0; i < lanes; i++) {
            bool done = lane[i] / lanes < k && k > 1;
            int from = done ? i : lane[i] / lanes == k ? lanes + lane[i] % lanes : lane[i];
            mask[i] = from < 2 * lanes ? LLVMConstInt(int32, (unsigned)from, 0) : LLVMGetPoison(int32);
        }
        all.v = LLVMBuildShuffleVector(e->builder, all.v, v[k].v, LLVMConstVector(mask, (unsigned)lanes), "");
    }
    return all;
}

static void permute_tuples(Emit *e, Val *v, int n, bool join) {
    int lanes = v[0].lanes, lane[64];
    Val *old = ARENA_ARRAY(e->arena, Val, n);
    memcpy(old, v, sizeof(Val) * (size_t)n);
    for (int k = 0; k < n; k++) {
        for (int i = 0; i < lanes; i++) {
            int at = k * lanes + i;  // of the result
            lane[i] = join ? at % n * lanes + at / n : i * n + k;
        }
        v[k] = emit_gather_lanes(e, old, n, lane);
    }
}

void e_split_tuples(Emit *e, Val *v, int n) {
    permute_tuples(e, v, n, false);
}

void e_join_tuples(Emit *e, Val *v, int n) {
    permute_tuples(e, v, n, true);
}

Val e_reduce(Emit *e, Val v, Val (*combine)(Emit *e, Val a, Val b)) {
    while (v.lanes > 1)
        v = combine(e, half(e, v, 0), half(e, v, v.lanes / 2));
    return v;
}

Val e_reduce_add(Emit *e, Val v) {
    return e_reduce(e, v, e_add);
}

Val e_reduce_max(Emit *e, Val v) {
    return e_reduce(e, v, e_max_nan);
}

static Val unary_intrinsic(Emit *e, const char *name, Val x) {
    LLVMValueRef args[1] = {x.v};
    return val(emit_intrinsic(e, name, emit_type(e, x.dtype, x.lanes), args, 1), x.dtype, x.lanes);
}

Val e_sqrt(Emit *e, Val x) {
    if (half_is(x.dtype))
        return half_unary(e, e_sqrt, x);
    return unary_intrinsic(e, "llvm.sqrt", x);
}

Val e_round_intrinsic(Emit *e, const char *name, Val x) {
    char full[40];
    snprintf(full, sizeof full, "llvm.%s", name);
    return unary_intrinsic(e, full, x);
}

// Values of the kernel language on LLVM: types, constants, conversions. Arithmetic is in emit_arithmetic.c, control
// flow in emit_flow.c, memory in emit_memory.c, functions of floats in emit_math.c.
//
// Each function here is one operation of emit.h. What LLVM leaves undefined (conversions out of range) is given the
// meaning that emit.h states, at the point of emission.
#include <llvm-c/Core.h>
#include <math.h>
#include <string.h>

#include "codegen/emit_half.h"
#include "codegen/emit_internal.h"
#include "codegen/emit_soft.h"

enum { SUM_BITS = 256 };  // of vectors of partial sums in the one order

const Target *e_target(const Emit *e) {
    return e->target;
}

Arena *e_arena(Emit *e) {
    return e->arena;
}

bool e_fast(const Emit *e) {
    return e->level != '0';
}

bool e_exact(const Emit *e) {
    return e->level == '0' || e->strict;
}

int e_sum_lanes(const Emit *e, DType dtype) {
    return e_exact(e) && dtype_is_float(dtype) ? SUM_BITS / dtype_info[dtype].bits : e_lanes(e, dtype);
}

int e_lanes(const Emit *e, DType dtype) {
    int bits = dtype_info[dtype].bits;
    if (!e_fast(e) || (bits == 64 && e->target->pointer_bits == 32))
        return 1;
    return target_lanes(e->target, bits);
}

DType e_index_type(const Emit *e) {
    return e->target->pointer_bits == 32 ? DT_I32 : DT_I64;
}

static LLVMTypeRef scalar_type(Emit *e, DType dtype, unsigned bool_bits) {
    switch (dtype) {
    case DT_F32: return LLVMFloatTypeInContext(e->context);
    case DT_F64: return LLVMDoubleTypeInContext(e->context);
    case DT_BOOL: return LLVMIntTypeInContext(e->context, bool_bits);
    case DT_F16:
    case DT_BF16:
    case DT_F8E4M3FN:
    case DT_F8E4M3FNUZ:
    case DT_F8E5M2:
    case DT_F8E5M2FNUZ:
    case DT_F8E8M0:
    case DT_F4E2M1:
    case DT_I4:
    case DT_I2:
    case DT_U4:
    case DT_U2:
    case DT_I8:
    case DT_I16:
    case DT_I32:
    case DT_I64:
    case DT_U8:
    case DT_U16:
    case DT_U32:
    case DT_U64: return LLVMIntTypeInContext(e->context, (unsigned)dtype_info[dtype].bits);
    case DT_COUNT: break;
    }
    return LLVMVoidTypeInContext(e->context);
}

LLVMTypeRef emit_type(Emit *e, DType dtype, int lanes) {
    LLVMTypeRef type = scalar_type(e, dtype, 1);
    return lanes == 1 ? type : LLVMVectorType(type, (unsigned)lanes);
}

LLVMTypeRef emit_memory_type(Emit *e, DType dtype, int lanes) {
    LLVMTypeRef type = scalar_type(e, dtype, 8);
    return lanes == 1 ? type : LLVMVectorType(type, (unsigned)lanes);
}

LLVMTypeRef emit_pointer_type(Emit *e) {
    return LLVMPointerTypeInContext(e->context, 0);
}

LLVMTypeRef emit_index_type(Emit *e) {
    return emit_type(e, e_index_type(e), 1);
}

LLVMValueRef emit_intrinsic(Emit *e, const char *name, LLVMTypeRef overload, LLVMValueRef *args, unsigned count) {
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    size_t overloads = overload ? 1 : 0;
    LLVMValueRef function = LLVMGetIntrinsicDeclaration(e->module, id, &overload, overloads);
    LLVMTypeRef type = LLVMIntrinsicGetType(e->context, id, &overload, overloads);
    return LLVMBuildCall2(e->builder, type, function, args, count, "");
}

// ---- Constants

Val e_int(Emit *e, DType dtype, int64_t n) {
    return val(LLVMConstInt(emit_type(e, dtype, 1), (unsigned long long)n, 1), dtype, 1);
}

Val e_float(Emit *e, DType dtype, double x) {
    if (half_is(dtype))
        return half_constant(e, dtype, x);
    return val(LLVMConstReal(emit_type(e, dtype, 1), dtype == DT_F32 ? (double)(float)x : x), dtype, 1);
}

static int64_t saturate(DType dtype, double x) {
    int bits = dtype_info[dtype].packed;
    double limit = dtype_is_signed(dtype) ? (double)(1ULL << (bits - 1)) : 2.0 * (double)(1ULL << (bits - 1));
    if (!(x == x))
        return 0;
    if (x >= limit)
        return dtype_is_signed(dtype) ? (int64_t)(UINT64_MAX >> (65 - bits)) : (int64_t)(UINT64_MAX >> (64 - bits));
    if (!dtype_is_signed(dtype))
        return x <= 0 ? 0 : (int64_t)(uint64_t)x;
    return x <= -limit ? INT64_MIN >> (64 - bits) : (int64_t)x;
}

Val e_number(Emit *e, DType dtype, double x) {
    if (dtype_is_float(dtype))
        return e_float(e, dtype, x);
    if (dtype == DT_BOOL)
        return e_bool(e, x != 0);
    return e_int(e, dtype, saturate(dtype, x));
}

Val e_index(Emit *e, int64_t n) {
    return e_int(e, e_index_type(e), n);
}

Val e_bool(Emit *e, bool b) {
    return e_int(e, DT_BOOL, b);
}

bool e_is_const(Val v, int64_t *n) {
    if (v.lanes != 1 || dtype_is_float(v.dtype) || !LLVMIsAConstantInt(v.v))
        return false;
    *n = LLVMConstIntGetSExtValue(v.v);
    return true;
}

Val e_splat(Emit *e, Val scalar, int lanes) {
    if (lanes == 1)
        return scalar;
    LLVMTypeRef type = emit_type(e, scalar.dtype, lanes);
    LLVMTypeRef int32 = LLVMInt32TypeInContext(e->context);
    LLVMValueRef vector =
        LLVMBuildInsertElement(e->builder, LLVMGetPoison(type), scalar.v, LLVMConstInt(int32, 0, 0), "");
    LLVMValueRef mask = LLVMConstNull(LLVMVectorType(int32, (unsigned)lanes));
    return val(LLVMBuildShuffleVector(e->builder, vector, LLVMGetPoison(type), mask, ""), scalar.dtype, lanes);
}

Val e_zero(Emit *e, DType dtype, int lanes) {
    return val(LLVMConstNull(emit_type(e, dtype, lanes)), dtype, lanes);
}

Val e_iota(Emit *e, DType dtype, int lanes) {
    if (lanes == 1)
        return e_int(e, dtype, 0);
    LLVMValueRef *item = ARENA_ARRAY(e->arena, LLVMValueRef, lanes);
    for (int i = 0; i < lanes; i++)
        item[i] = e_int(e, dtype, i).v;
    return val(LLVMConstVector(item, (unsigned)lanes), dtype, lanes);
}

// ---- Conversions

typedef Val (*SoftCast)(Emit *e, DType to, Val v);

static Val cast_by_lane(Emit *e, SoftCast cast, DType to, Val v) {
    Val result = e_zero(e, to, v.lanes);
    for (int i = 0; i < v.lanes; i++)
        result = e_set_lane(e, result, i, cast(e, to, e_lane(e, v, i)));
    return result;
}

static Val clamped(Emit *e, Val v, double low, double high) {
    Val within = e_max(e, v, e_splat(e, e_float(e, v.dtype, low), v.lanes));
    within = e_min(e, within, e_splat(e, e_float(e, v.dtype, high), v.lanes));
    if (low < 0)  // of a NaN, the limit
        within = e_select(e, e_is_nan(e, v), e_zero(e, v.dtype, v.lanes), within);
    return within;
}

// To fewer than 32 bits, by way of them: LLVM takes vectors apart otherwise. Within the limits nothing is undefined.
static Val float_to_short(Emit *e, DType to, Val v) {
    double low = dtype_is_signed(to) ? -ldexp(1, dtype_info[to].bits - 1) : 0,
           high = low + ldexp(1, dtype_info[to].bits) - 1;
    Val within = v;
    int most = target_lanes(e->target, dtype_info[v.dtype].bits);
    for (int i = 0; i < v.lanes; i += most) {  // of longer vectors LLVM does not see that these are instructions
        int lanes = most < v.lanes - i ? most : v.lanes - i;
        within = e_place(e, within, i, clamped(e, e_part(e, v, i, lanes), low, high));
    }
    Val wide = val(LLVMBuildFPToSI(e->builder, within.v, emit_type(e, DT_I32, v.lanes), ""), DT_I32, v.lanes);
    if (v.lanes > 1 && to != DT_U16) {  // which is so already, but lets LLVM take what narrows with saturation
        wide = e_max(e, wide, e_splat(e, e_int(e, DT_I32, (int64_t)low), v.lanes));
        wide = e_min(e, wide, e_splat(e, e_int(e, DT_I32, (int64_t)high), v.lanes));
    }
    return e_cast(e, to, wide);
}

static Val float_to_int(Emit *e, DType to, Val v) {
    int bits = dtype_info[to].bits;
    if (bits < 32)
        return float_to_short(e, to, v);
    if (bits == 64 && e->target->pointer_bits == 32)
        return cast_by_lane(e, soft_float_to_i64, to, v);
    LLVMTypeRef types[2] = {emit_type(e, to, v.lanes), emit_type(e, v.dtype, v.lanes)};
    const char *name = dtype_is_signed(to) ? "llvm.fptosi.sat" : "llvm.fptoui.sat";
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMValueRef function = LLVMGetIntrinsicDeclaration(e->module, id, types, 2);
    LLVMValueRef args[1] = {v.v};
    return val(LLVMBuildCall2(e->builder, LLVMIntrinsicGetType(e->context, id, types, 2), function, args, 1, ""), to,
               v.lanes);
}

static Val int_to_float(Emit *e, DType to, Val v) {
    if (dtype_info[v.dtype].bits == 64 && e->target->pointer_bits == 32)
        return cast_by_lane(e, soft_i64_to_float, to, v);
    LLVMTypeRef type = emit_type(e, to, v.lanes);
    return val(dtype_is_signed(v.dtype) ? LLVMBuildSIToFP(e->builder, v.v, type, "")
                                        : LLVMBuildUIToFP(e->builder, v.v, type, ""), to, v.lanes);
}

static Val int_to_int(Emit *e, DType to, Val v) {
    LLVMTypeRef type = emit_type(e, to, v.lanes);
    int from_bits = v.dtype == DT_BOOL ? 1 : dtype_info[v.dtype].bits, to_bits = dtype_info[to].bits;
    if (from_bits == to_bits)
        return val(v.v, to, v.lanes);
    if (from_bits > to_bits)
        return val(LLVMBuildTrunc(e->builder, v.v, type, ""), to, v.lanes);
    return val(dtype_is_signed(v.dtype) ? LLVMBuildSExt(e->builder, v.v, type, "")
                                        : LLVMBuildZExt(e->builder, v.v, type, ""), to, v.lanes);
}

// To an integer of less than 8 bits, in a byte: the low bits, of which the highest is the sign.
static Val cast_to_bits(Emit *e, DType to, Val v) {
    DType byte = dtype_info[to].compute;
    v = e_cast(e, byte, dtype_is_float(v.dtype) ? e_cast(e, DT_I32, v) : v);
    Val unused = e_splat(e, e_int(e, byte, 8 - dtype_info[to].packed), v.lanes);
    return val(e_shr(e, e_shl(e, v, unused), unused).v, to, v.lanes);
}

Val e_cast(Emit *e, DType to, Val v) {
    if (v.dtype == to)
        return v;
    if (half_is(v.dtype))
        return e_cast(e, to, half_widen(e, v));
    if (half_is(to))
        return half_narrow(e, to, v);
    if (dtype_is_packed(v.dtype))
        v.dtype = dtype_info[v.dtype].compute;
    if (v.dtype == to)
        return v;
    if (dtype_is_packed(to))
        return cast_to_bits(e, to, v);
    if (to == DT_BOOL)
        return e_ne(e, v, e_zero(e, v.dtype, v.lanes));
    if (dtype_is_float(v.dtype) && dtype_is_float(to))
        return val(LLVMBuildFPCast(e->builder, v.v, emit_type(e, to, v.lanes), ""), to, v.lanes);
    if (dtype_is_float(v.dtype))
        return float_to_int(e, to, v);
    if (dtype_is_float(to))
        return int_to_float(e, to, v);
    return int_to_int(e, to, v);
}

Val e_cast_as(Emit *e, const CastAttrs *attrs, Val v) {
    return half_is(attrs->to) && v.dtype != attrs->to ? half_narrow_as(e, attrs, v) : e_cast(e, attrs->to, v);
}

Val e_settle(Emit *e, Val v, DType dtype) {
    return e_cast(e, dtype_info[dtype].compute, e_cast(e, dtype, v));
}

Val e_to_index(Emit *e, Val v) {
    return e_cast(e, e_index_type(e), v);
}

Val e_bits(Emit *e, DType to, Val v) {
    return val(LLVMBuildBitCast(e->builder, v.v, emit_type(e, to, v.lanes), ""), to, v.lanes);
}

Val e_lane(Emit *e, Val v, int lane) {
    if (v.lanes == 1)
        return v;
    LLVMValueRef index = LLVMConstInt(LLVMInt32TypeInContext(e->context), (unsigned)lane, 0);
    return val(LLVMBuildExtractElement(e->builder, v.v, index, ""), v.dtype, 1);
}

Val e_set_lane(Emit *e, Val v, int lane, Val scalar) {
    if (v.lanes == 1)
        return scalar;
    LLVMValueRef index = LLVMConstInt(LLVMInt32TypeInContext(e->context), (unsigned)lane, 0);
    return val(LLVMBuildInsertElement(e->builder, v.v, scalar.v, index, ""), v.dtype, v.lanes);
}

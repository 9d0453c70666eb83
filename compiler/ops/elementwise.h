// What the families of elementwise expressions share. Models are untrusted and inference is lenient about element
// types, so expressions bring operands into a type they can work in; map.c brings results back.
#ifndef OPS_ELEMENTWISE_H
#define OPS_ELEMENTWISE_H

#include "ops/map.h"

static inline bool val_is_float(Val v) {
    return v.dtype == DT_F32 || v.dtype == DT_F64;
}

// Conditions as numbers.
static inline Val as_number(Emit *e, Val v) {
    return v.dtype == DT_BOOL ? e_cast(e, DT_U8, v) : v;
}

static inline Val as_float(Emit *e, Val v) {
    return val_is_float(v) ? v : e_cast(e, dtype_info[v.dtype].bits > 16 ? DT_F64 : DT_F32, as_number(e, v));
}

static inline Val as_int(Emit *e, Val v) {
    return val_is_float(v) ? e_cast(e, DT_I64, v) : as_number(e, v);
}

static inline Val as_bool(Emit *e, Val v) {
    return v.dtype == DT_BOOL ? v : e_cast(e, DT_BOOL, v);
}

// The same number in every lane, in the type of `like`.
static inline Val constant_like(Emit *e, Val like, double x) {
    return e_splat(e, e_number(e, like.dtype, x), like.lanes);
}

#endif

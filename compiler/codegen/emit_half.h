// Conversions and arithmetic of floats of 16 bits and fewer, in the kernel language.
#ifndef CODEGEN_EMIT_HALF_H
#define CODEGEN_EMIT_HALF_H

#include "codegen/emit.h"

bool half_is(DType dtype);
Val half_constant(Emit *e, DType dtype, double x);
Val half_narrow(Emit *e, DType to, Val v);  // from any type, to nearest even; NaN stays NaN
Val half_narrow_as(Emit *e, const CastAttrs *attrs, Val v);
Val half_widen(Emit *e, Val v);             // to F32, exact
// f in f32, rounded.
Val half_unary(Emit *e, Val (*f)(Emit *e, Val a), Val a);
Val half_binary(Emit *e, Val (*f)(Emit *e, Val a, Val b), Val a, Val b);

#endif

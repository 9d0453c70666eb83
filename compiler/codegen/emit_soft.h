// What some targets have no instructions for, as private helper functions in the kernel language. Scalars only.
#ifndef CODEGEN_EMIT_SOFT_H
#define CODEGEN_EMIT_SOFT_H

#include "codegen/emit.h"

Val soft_udiv64(Emit *e, Val a, Val b);  // U64; b is not 0
Val soft_urem64(Emit *e, Val a, Val b);
Val soft_udiv32(Emit *e, Val a, Val b);  // U32; b is not 0
Val soft_urem32(Emit *e, Val a, Val b);
Val soft_i64_to_float(Emit *e, DType to, Val v);  // I64 or U64, rounded to nearest
Val soft_float_to_i64(Emit *e, DType to, Val v);  // to I64 or U64, saturated
Val soft_fmod(Emit *e, Val a, Val b);             // F32 or F64, exact

#endif

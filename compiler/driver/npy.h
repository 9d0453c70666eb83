// NumPy's .npy files, version 1 to 3: read and written in row-major order, little-endian.
#ifndef DRIVER_NPY_H
#define DRIVER_NPY_H

#include <stddef.h>

#include "ir/type.h"
#include "support/diag.h"
#include "support/str.h"

// `*data` borrows from `bytes`. Types that NumPy lacks are written as integers: bf16 as u2, float8, f4e2m1, u4 and u2
// as u1, i4 and i2 as i1, an element each; what ml_dtypes saves (V1, V2) is read as u1 and u2.
bool npy_is(const unsigned char *bytes, size_t size);  // by its first bytes
bool npy_read(Arena *arena, const unsigned char *bytes, size_t size, const char *path, Type *type, const void **data,
              Diag *diag);
void npy_write(Str *out, const Type *type, const void *data);

#endif

// NumPy's .npy files, version 1 to 3: read and written in row-major order, little-endian.
#ifndef DRIVER_NPY_H
#define DRIVER_NPY_H

#include <stddef.h>

#include "ir/type.h"
#include "support/diag.h"
#include "support/str.h"

// `*data` borrows from `bytes`. bf16 has no type of NumPy's: it is written as u2.
bool npy_read(Arena *arena, const unsigned char *bytes, size_t size, const char *path, Type *type, const void **data,
              Diag *diag);
void npy_write(Str *out, const Type *type, const void *data);

#endif

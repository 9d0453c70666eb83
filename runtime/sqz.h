/* sqz.h - what a program and an object made by sqzc agree on. ABI version 1. C99 and C++.
 *
 * A model compiled to NAME.o needs nothing of this file but the types below; libsqz.a adds a thread pool and error
 * strings for those who want them. Every struct starts with its size or ABI number and grows only at its end. */
#ifndef SQZ_H
#define SQZ_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SQZ_ABI 1
#define SQZ_MAX_RANK 8

/* What NAME_run and its kin return. */
enum {
    SQZ_OK = 0,
    SQZ_EARGUMENT = 1,  /* a pointer is null, or not aligned as its C type wants; a struct of another size or ABI; an
                         * open dimension has a value that the model does not take */
    SQZ_EWORKSPACE = 2, /* the workspace is null, not 64-aligned, or too small even for one thread */
    SQZ_ERANGE = 3, /* an index in the data is out of range, or numbers that decide a shape (axes, sizes, amounts) do
                     * not give the declared one; the outputs are then unspecified */
    SQZ_ECPU = 4 /* the CPU lacks what the object was compiled for (x86 only; on ARM the caller promises it) */
};

/* Element types, numbered as in ONNX's TensorProto. Bool is one byte, 0 or 1; f16 and bf16 are
 * uint16_t, float8 are uint8_t. Of 4-bit types two, of 2-bit types four elements share a uint8_t, the first in the
 * lowest bits, without regard to rows; bits behind the last element are 0 in outputs. */
enum {
    SQZ_F32 = 1, SQZ_U8 = 2, SQZ_I8 = 3, SQZ_U16 = 4, SQZ_I16 = 5, SQZ_I32 = 6, SQZ_I64 = 7, SQZ_BOOL = 9,
    SQZ_F16 = 10, SQZ_F64 = 11, SQZ_U32 = 12, SQZ_U64 = 13, SQZ_BF16 = 16,
    SQZ_F8E4M3FN = 17, SQZ_F8E4M3FNUZ = 18, SQZ_F8E5M2 = 19, SQZ_F8E5M2FNUZ = 20, SQZ_U4 = 21, SQZ_I4 = 22,
    SQZ_F4E2M1 = 23, SQZ_F8E8M0 = 24, SQZ_U2 = 25, SQZ_I2 = 26
};

/* A pool runs task(arg, 0) ... task(arg, shards - 1), each exactly once, in any order and on any threads, and returns
 * when all are done. `threads` is how many run at once. Results do not depend on it. */
typedef struct sqz_pool {
    void *self;
    int threads;
    void (*run)(void *self, int shards, void (*task)(void *arg, int shard), void *arg);
} sqz_pool;

/* One inference through the uniform entry NAME_call. `size` is sizeof(sqz_call). Inputs and outputs are in the model's
 * order, row-major, and may not overlap; outputs that say how much there is of others stand behind the model's own. The
 * workspace is 64-aligned, not shared with a concurrent call, and its contents before and after the call mean nothing.
 * `pool` may be null (no threads). `dims` has the value of each open dimension; null where the model has none. Where
 * `output_dims` is not null, a call that returns SQZ_OK writes there the sizes of all outputs, one output after the
 * other, as many numbers for each as its rank: also those that depend on the data. Fields behind it are for models with
 * outside weights or state; null here. */
typedef struct sqz_call {
    uint32_t size;
    const void *const *inputs;
    void *const *outputs;
    void *workspace;
    size_t workspace_size;
    const sqz_pool *pool;
    const int64_t *dims;
    int64_t *output_dims;
    const void *weights;
    void *state;
} sqz_call;

/* Describes an input or output. `name` is the offset of the name's text from this struct's own address. Where bit i of
 * `open` is set, dims[i] is for one: its size in a call is dims[i] times the open dimension's value.
 * Where `counted` is not 0, one size of an output depends on the data: dims has the most that it can be, for which
 * there must be memory, laid out as for that size; what there is comes first along that axis, and zeros behind it. How
 * much is the (only) element of another output. The two functions below say which axis and which output. */
typedef struct sqz_tensor {
    int32_t name;
    int32_t dtype;
    int32_t rank;
    uint16_t open;
    uint16_t counted;
    int64_t dims[SQZ_MAX_RANK];
} sqz_tensor;

/* Describes a model. Offsets are bytes from the struct's own address, so that it needs no relocation and may lie in
 * ROM. Inputs come first in the tensors, outputs behind them. */
typedef struct sqz_model {
    uint32_t abi;
    uint32_t size;             /* of this struct */
    uint64_t interface_hash;   /* of names, types, shapes and sizes; the header has the same */
    int32_t name;              /* offset of the model's name */
    int32_t tensors;           /* offset of the first sqz_tensor */
    int32_t inputs, outputs;   /* how many */
    uint64_t workspace_size;   /* bytes on one thread */
    uint64_t shard_size;       /* bytes of each further thread: a shard's scratch */
    uint64_t weights_size;
    int32_t call;              /* offset of NAME_call */
    int32_t open;              /* how many dimensions are open, 0 or 1; sqz_call.dims has so many */
    int32_t dim_name;          /* of the open one: offset of its name, */
    int32_t reserved;
    int64_t dim_min, dim_max;  /* and what it may be */
} sqz_model;

static inline const char *sqz_model_name(const sqz_model *model) { return (const char *)model + model->name; }
static inline const sqz_tensor *sqz_model_tensor(const sqz_model *model, int index) {
    return (const sqz_tensor *)(const void *)((const char *)model + model->tensors) + index;
}
static inline const char *sqz_tensor_name(const sqz_tensor *tensor) { return (const char *)tensor + tensor->name; }
/* Bytes of an input or output; of one sample where a dimension is open. */
static inline int64_t sqz_tensor_bytes(const sqz_tensor *tensor) {
    static const unsigned char bits[27] = {0, 32, 8, 8, 16, 16, 32, 64, 0, 8, 16, 64, 32, 64,
                                           0, 0, 16, 8, 8, 8, 8, 4, 4, 4, 8, 2, 2};
    int64_t count = 1;
    int i;
    for (i = 0; i < tensor->rank; i++)
        count *= tensor->dims[i];
    return (count * bits[tensor->dtype] + 7) / 8;
}

/* The axis of an output whose size depends on the data, and which output (int64_t, from 0) holds it; or -1. */
static inline int sqz_tensor_counted_axis(const sqz_tensor *tensor) {
    return tensor->counted ? (tensor->counted - 1) % SQZ_MAX_RANK : -1;
}
static inline int sqz_tensor_count_output(const sqz_tensor *tensor) {
    return tensor->counted ? (tensor->counted - 1) / SQZ_MAX_RANK : -1;
}

/* libsqz.a */

/* A pool of `threads` threads, the caller's own among them (0: as many as the process may use). Null when threads
 * cannot be had. One call at a time may use a pool. */
sqz_pool *sqz_pool_create(int threads);
void sqz_pool_destroy(sqz_pool *pool); /* null is allowed */

/* A text for a result, never null, not to be freed. */
const char *sqz_error_string(int result);

#ifdef __cplusplus
}
#endif

#endif

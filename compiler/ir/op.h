// Operators: their kinds and what the table says of them.
#ifndef IR_OP_H
#define IR_OP_H

#include "ir/attrs.h"

typedef enum OpKind {
#define OP(id, name, in_min, in_max, out_min, out_max, attrs, infer, flags) OP_##id,
#include "ir/ops.def"
#undef OP
    OP_COUNT
} OpKind;

enum OpFlag {
    ELEMENTWISE = 1,  // output element i depends on elements i (broadcast) of the inputs only
    COMMUTES = 2,     // in[0] and in[1] may be swapped
    VIEW = 4,         // the output is the input's bytes in another shape (row-major)
    RECIPE = 8,       // runs when the object is written, on constants; no code is emitted
    INTERNAL = 16,    // sqzc's own, named sqz.*: no operator of a model
    HAS_BODY = 32,
    DIMS = 64,        // shape inference computes it on small integer tensors
    RANDOM = 128,     // not folded
    ANY_LAYOUT = 256, // the generic lowering reads and writes blocks of channels too
    FLOW = 512,       // control flow: nodes of the bodies are layers of their own
    FUSES = 1024,     // a kernel may apply a body to its sums as it stores them (Node.body)

    // Whether an operator keeps samples apart that lie side by side along an axis of its inputs: one of these rules,
    // which open.c reads. Elementwise operators and views need none; any other without one may not see an open
    // dimension.
    KEEPS = 1 << 16,        // along every axis that the output has too
    KEEPS_FIRST = 2 << 16,  // along axis 0
    KEEPS_OTHER = 3 << 16,  // along every axis but its own, which attribute or input `axis` names
    KEEPS_ALL = 4 << 16,    // the same, where all inputs have them
    KEEPS_TABLE = 5 << 16,  // Gather: of its data or of its indices
    KEEPS_FILL = 6 << 16,   // a dimension that it makes holds copies
    KEEPS_BATCH = 7 << 16,  // of a recurrent network
    KEEPS_LABEL = 8 << 16,  // along one letter of an Einsum
    KEEPS_POINTS = 9 << 16, // GatherND, ScatterND: of all but what the tuples of indices point into
    KEEPS_LIST = 10 << 16,  // of all but input 0, in which each of a list looks up what it needs
    KEEPS_TURNED = 11 << 16, // ReverseSequence: along every axis but that of time
    KEEPS_BYTES = 12 << 16, // of packed elements: where each sample has whole bytes
    KEEPS_MASK = 15 << 16
};
// Input i's elements decide the shape of the result, or which axes are meant.
#define DECIDES(i) (1u << (24 + (i)))
enum { DECIDES_MAX = 8 };

enum { MANY = 1 << 20 };  // as many inputs or outputs as wanted

struct Infer;
struct Node;
struct Type;
// Writes the type of each output to out[0..nout-1]; on error reports it and returns false.
typedef bool (*InferFn)(struct Infer *infer, const struct Node *node, Type *out);

typedef struct OpInfo {
    const char *name;  // as in ONNX, or "sqz.Something"
    int in_min, in_max, out_min, out_max;
    const AttrTable *attrs;
    InferFn infer;
    unsigned flags;
} OpInfo;

extern const OpInfo op_info[OP_COUNT];
OpKind op_find(const char *name);  // OP_COUNT if unknown

// What the text form must know of kernels, which are codegen's: codegen/kernel.c defines these.
const char *kernel_name(int kernel);          // null if there is no such kernel
const AttrTable *kernel_params(int kernel);   // null: it has none
int kernel_by_name(const char *name);         // -1 if unknown
bool kernel_is_view(int kernel);              // emits nothing: the outputs' bytes are those of the inputs

#endif

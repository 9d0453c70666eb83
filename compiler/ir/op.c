// The operator table, expanded.
#include "ir/op.h"

#include <string.h>

#include "ir/infer.h"

const OpInfo op_info[OP_COUNT] = {
#define OP(id, name, in_min, in_max, out_min, out_max, attrs, infer, flags) \
    {name, in_min, in_max, out_min, out_max, attrs, infer, flags},
#include "ir/ops.def"
#undef OP
};

OpKind op_find(const char *name) {
    for (int i = 0; i < OP_COUNT; i++)
        if (!strcmp(op_info[i].name, name))
            return (OpKind)i;
    return OP_COUNT;
}

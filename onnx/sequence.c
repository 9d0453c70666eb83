// Operators on sequences and signals whose ONNX form the operator table does not have as it is.
#include "onnx/sequence.h"

#include <string.h>

#include "support/str.h"

// The list of activations becomes one text.
bool make_recurrent(Importer *im, Draft *d) {
    const Onnx__AttributeProto *a = draft_take(d, "activations");
    Str names = {.arena = im->scratch};
    for (size_t i = 0; a && i < a->n_strings; i++)
        str_printf(&names, "%s%.*s", i ? "," : "", (int)a->strings[i].len, (const char *)a->strings[i].data);
    if (a && a->n_strings)
        draft_set_text(im, d, "activations", names.text);
    return draft_finish(im, d, op_find(d->op));
}

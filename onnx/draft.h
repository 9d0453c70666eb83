// A node on its way from ONNX to the IR: upgrades edit it, decompositions replace it by nodes.
#ifndef ONNX_DRAFT_H
#define ONNX_DRAFT_H

#include "onnx/importer.h"

typedef struct Draft {
    const char *op;  // an upgrade may change it
    const char *domain;
    int64_t opset;
    Loc *loc;
    Scope *scope;
    Value **in;  // with room for DRAFT_SPARE more; null: left out
    List **list;  // of inputs that are sequences, else null; as many as `in` had at first
    int nin, nlist;
    const char *const *out;  // names in the scope, "" where not wanted
    int nout;  // at least 1
    Onnx__AttributeProto **attr;  // with room for DRAFT_SPARE more
    int nattr;
    bool done;  // all outputs are defined
} Draft;

enum { DRAFT_SPARE = 8 };

// A builder: it defines all outputs of a composite operator; false after an error.
typedef bool (*Decomposition)(Importer *im, Draft *d);

static inline Value *draft_in(const Draft *d, int index) {
    return index < d->nin ? d->in[index] : 0;
}
static inline List *draft_list(const Draft *d, int index) {
    return index < d->nlist ? d->list[index] : 0;
}
bool draft_wants(const Draft *d, int output);
int draft_rank(const Draft *d, int input);     // -1 if not known
DType draft_dtype(const Draft *d, int input);  // f32 if not known

// Attributes. The take functions remove one and check its type: false after an error. A missing one gives `initial`.
Onnx__AttributeProto *draft_take(Draft *d, const char *name);  // null if it isn't there
bool draft_take_int(Importer *im, Draft *d, const char *name, int64_t initial, int64_t *number);
bool draft_take_float(Importer *im, Draft *d, const char *name, double initial, double *number);
bool draft_take_ints(Importer *im, Draft *d, const char *name, Ints *ints, bool *found);
bool draft_take_text(Importer *im, Draft *d, const char *name, const char *initial, const char **text);
bool draft_take_floats(Importer *im, Draft *d, const char *name, Floats *floats);
// One of the null-terminated words; `*index` is the default's before, and the word's after.
bool draft_take_word(Importer *im, Draft *d, const char *name, const char *const *words, int *index);
void draft_set_int(Importer *im, Draft *d, const char *name, int64_t number);
void draft_set_float(Importer *im, Draft *d, const char *name, double number);
void draft_set_text(Importer *im, Draft *d, const char *name, const char *text);
void draft_set_input(Draft *d, int index, Value *value);  // index < nin + DRAFT_SPARE; inputs between are left out

// Constants and nodes on the way; their names derive from the draft's first output and `part`.
Value *draft_ints(Importer *im, const Draft *d, const char *part, const int64_t *v, int n);
Value *draft_int(Importer *im, const Draft *d, const char *part, int64_t number);  // of rank 1
Value *draft_scalar(Importer *im, const Draft *d, const char *part, DType dtype, double number);
Value *draft_constant(Importer *im, const Draft *d, const char *part, const Type *type, const void *bytes);
// A node with default attributes, and its one output. Trailing null inputs are left out.
Value *draft_node(Importer *im, const Draft *d, OpKind op, Value *a, Value *b, Value *c);
Value *draft_binary(Importer *im, const Draft *d, OpKind op, Value *a, Value *b);
Value *draft_sum(Importer *im, const Draft *d, Value *a, Value *b);  // of those that are not null
bool draft_set_attributes(Importer *im, const Draft *d, Node *node);  // all that the draft has
void draft_infer(Importer *im, Node *node);  // again, once attributes of a draft_node were set

Node *draft_append(Importer *im, const Draft *d, OpKind op, Value *const *in, int nin, int nout);
// One integer or truth that is known while importing, through simple operators on sizes too.
bool draft_known(Importer *im, const Value *value, int64_t *number);

// `value`, which has `rank` axes, with `count` more of size 1 behind them.
Value *draft_add_axes(Importer *im, const Draft *d, Value *value, int rank, int count);
// 0, 1, ... up to the scalar or one-element `count`, of type i64, followed by `behind` axes of size 1.
Value *draft_count_up(Importer *im, const Draft *d, Value *count, int behind);
// How many axes lie behind `axis` of a tensor whose rank may be unknown; -1 if that cannot be told.
int draft_axes_behind(int64_t axis, int rank);
Value *draft_cast(Importer *im, const Draft *d, Value *value, DType to);  // itself if it has that type already

bool draft_need(Importer *im, const Draft *d, int n);  // an error unless inputs 0..n-1 are there
// Names the first output's value; an attribute that nobody took is an error.
bool draft_all_taken(Importer *im, const Draft *d);  // no attribute is left, or that is an error
bool draft_done(Importer *im, Draft *d, Value *result);
// The draft becomes this operator, attributes and outputs taken over.
bool draft_finish(Importer *im, Draft *d, OpKind op);
// `value` is what the output's name stands for.
bool draft_define(Importer *im, Draft *d, int output, Value *value);
bool draft_define_list(Importer *im, Draft *d, int output, List *list);

#endif

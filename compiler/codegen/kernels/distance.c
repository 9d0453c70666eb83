// Where a value lies when a node reads it: in the caches there is what was touched last, so what counts is how many
// bytes have passed since it was written. Half of what its own node touches and half of what the reader does belong to
// that, since the first elements are written, and read, before the others are; and all that the nodes in between touch.
//
// A view's elements are those of its inputs. What the model gets from outside was written before the whole inference.
// In a body the walk ends at its begin, and what comes from outside counts as far away.
#include "codegen/kernel.h"
#include "codegen/kernels/cost.h"

enum { MOST_VIEWS = 8 };  // through which to look

static double value_size(const Value *value) {
    return type_is_static(&value->type) ? (double)type_bytes(&value->type) : 0;
}

static double distance(const Value *value, const Node *reader, double most, int views);

// Of the elements of a view, the mean.
static double view_distance(const Node *view, double most, int views) {
    double sum = 0, bytes = 0;
    for (int i = 0; i < view->nin; i++)
        if (view->in[i] && !view->in[i]->data && value_size(view->in[i]) > 0) {
            sum += value_size(view->in[i]) * distance(view->in[i], view, most, views);
            bytes += value_size(view->in[i]);
        }
    return bytes > 0 ? sum / bytes : most;
}

static double distance(const Value *value, const Node *reader, double most, int views) {
    double passed = kernel_bytes(reader) / 2;
    const Node *node = reader->prev;
    if (!value->def)
        return most;
    for (; node && node != value->def && passed < most; node = node->prev)
        passed += kernel_bytes(node);
    if (!node || node != value->def)
        return most;
    bool looks = node->kernel == KERNEL_view && views < MOST_VIEWS;
    passed += looks ? view_distance(node, most, views + 1) : kernel_bytes(node) / 2;
    return passed < most ? passed : most;
}

double cost_distance(const Node *node, int input, const Target *target) {
    return distance(node->in[input], node, cost_farthest(target), 0);
}

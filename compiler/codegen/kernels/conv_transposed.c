// ConvTranspose on channel blocks, as one convolution of stride 1 for each phase of the output.
//
// Along an axis of stride s the outputs o = p + s * t of phase p are reached by every (s / gcd(s, d))-th tap k, those
// with p + begin - k * d divisible by s, from the inputs t + (p + begin - k * d) / s:
//
//     stride 2, 4 taps, begin 1         x[t-1]  x[t]  x[t+1]
//     y[2 t]     = w[3] x[t-1] + w[1] x[t]
//     y[2 t + 1] =               w[2] x[t]   + w[0] x[t+1]
//
// So a phase is a convolution by some of the taps, whose rows and pixels are stored s apart: conv_direct's tiles do
// that, since a pixel's block of channels is contiguous. Weights are packed as conv_direct's are and a phase steps over
// the taps that are not its own; no multiplication by an inserted zero is left. What no tap reaches gets the bias.
#include "codegen/kernels/cost.h"
#include "codegen/kernels/direct.h"
#include "codegen/lower.h"
#include "support/checked.h"

enum { MOST_PHASES = 16, MOST_BORDER = 16 };  // code is emitted for each phase

typedef struct PhaseAxis {
    int64_t count;        // outputs
    int64_t taps, first, step;
    int64_t shift, back;  // of the input that the first tap reads, and how much further back the next one's lies
} PhaseAxis;

static PhaseAxis phase_axis(const Window *w, int axis, int64_t phase) {
    int64_t stride = w->stride[axis], dilation = w->dilation[axis];
    PhaseAxis found = {.count = div_up(max_i64(w->out[axis] - phase, 0), stride), .step = 1};
    for (int64_t k = w->kernel[axis] - 1; k >= 0; k--) {
        int64_t way = phase + w->begin[axis] - k * dilation;
        if (way % stride)
            continue;
        if (found.taps)
            found.step = found.first - k;
        found.first = k;
        found.shift = way / stride;
        found.taps++;
    }
    found.back = dilation * found.step / stride;
    return found;
}

// The rim that the input needs so that no phase leaves it.
static int64_t transposed_border(const Window *w) {
    int64_t border = 0;
    for (int axis = 0; axis < 2; axis++)
        for (int64_t p = 0; p < w->stride[axis]; p++) {
            PhaseAxis phase = phase_axis(w, axis, p);
            if (!phase.taps || !phase.count)
                continue;
            border = max_i64(border, (phase.taps - 1) * phase.back - phase.shift);
            border = max_i64(border, phase.count + phase.shift - w->in[axis]);
        }
    return border;
}

static bool has_shape(const Node *node) {
    if (node->op != OP_ConvTranspose || ((const ConvAttrs *)node->attrs)->group != 1 || !direct_operands(node))
        return false;
    Window window = node_window(node);
    return max_i64(window.stride[0], window.stride[1]) <= MOST_PHASES &&
           window.stride[0] * window.stride[1] <= MOST_PHASES && transposed_border(&window) <= MOST_BORDER;
}

// Few outputs would leave most lanes of a block empty.
bool conv_transposed_layouts(const Node *node, const Target *target, Layout *in, Layout *out) {
    if (!has_shape(node) || node->out[0]->type.dim[1].n < target->block / 2)
        return false;
    Window window = node_window(node);
    bool few = node->in[0]->type.dim[1].n < target->block / 2;
    *in = (Layout){few ? LAYOUT_ROW_MAJOR : LAYOUT_NCHWC, few ? 1 : target->block, (int)transposed_border(&window), 0};
    *out = (Layout){LAYOUT_NCHWC, target->block, 0, 0};
    return true;
}

bool conv_transposed_accepts(const Node *node, const Target *target) {
    if (!has_shape(node) || !is_blocked(&node->out[0]->type, target))
        return false;
    Window window = node_window(node);
    const Type *x = &node->in[0]->type;
    return (x->layout.kind == LAYOUT_ROW_MAJOR || is_blocked(x, target)) &&
           x->layout.border >= transposed_border(&window) &&
           (node->kernel != KERNEL_conv_transposed || direct_params_fit(node, target));
}

// Taps of the phase that has the most.
static int64_t most_taps(const Window *w) {
    int64_t taps = 1;
    for (int axis = 0; axis < 2; axis++) {
        int64_t most = 0;
        for (int64_t p = 0; p < w->stride[axis]; p++)
            most = max_i64(most, phase_axis(w, axis, p).taps);
        taps *= most;
    }
    return taps;
}

bool conv_transposed_choice(Node *node, const Target *target, int number) {
    Window window = node_window(node);
    return direct_choice(node, target, number, most_taps(&window));
}

void conv_transposed_packing(const Node *node, PackAttrs *attrs) {
    conv_direct_packing(node, attrs);
    attrs->transposed = true;
}

// As conv_direct's, phase by phase.
double conv_transposed_cost(const Node *node, const Target *target) {
    const DirectParams *params = node->params;
    const Type *x = &node->in[0]->type, *y = &node->out[0]->type;
    Window w = node_window(node);
    int64_t block = x->layout.kind == LAYOUT_NCHWC ? x->layout.block : 1, ins = div_up(x->dim[1].n, block);
    int64_t depth = params->depth ? params->depth : ins;
    double sets = (double)div_up(y->dim[1].n, target->block * params->panels), slices = (double)div_up(ins, depth);
    double cycles = 0, size = (double)type_bytes(x);
    for (int64_t p = 0; p < w.stride[0] * w.stride[1]; p++) {
        PhaseAxis down = phase_axis(&w, 0, p / w.stride[1]), right = phase_axis(&w, 1, p % w.stride[1]);
        if (!down.count || !right.count)
            continue;
        double steps = (double)(depth * block * down.taps * right.taps);
        double tiles = (double)(down.count * div_up(right.count, params->rows));
        double panel = steps * (double)(target->block * params->panels) * sizeof(float);
        cycles += slices * (double)down.count * direct_row_cycles(node, target, right.count, steps);
        cycles += cost_near(target, panel * tiles * slices * sets, panel) + cost_far(target, panel * slices * sets);
        cycles += cost_near(target, size * sets, size);
    }
    return cost_seconds(target, cost_call(target) + (double)y->dim[0].n * cycles);
}

// ---- Lowering

static Direct phase_of(Emit *e, const Direct *whole, int64_t down, int64_t right) {
    Direct d = *whole;
    const Window *w = &whole->window;
    const PhaseAxis axis[2] = {phase_axis(w, 0, down), phase_axis(w, 1, right)};
    for (int i = 0; i < 2; i++) {
        d.window.kernel[i] = axis[i].taps;
        d.window.stride[i] = 1;
        d.window.dilation[i] = -axis[i].back;
        d.window.begin[i] = -axis[i].shift;
    }
    d.w = e_at_const(e, d.w, (axis[0].first * w->kernel[1] + axis[1].first) * d.x.block * d.y.block);
    d.tap[0] = axis[0].step * w->kernel[1];
    d.tap[1] = axis[1].step;
    d.y.stride.origin += down * d.y.stride.row + right * d.y.stride.pixel;
    d.y.stride.row *= w->stride[0];
    d.y.stride.pixel *= w->stride[1];
    d.rows = d.y.height = axis[0].count;
    d.row_length = d.y.width = axis[1].count;
    return d;
}

// Rows first .. last - 1 of every phase; a phase may have one less.
static void phases_emit(Emit *e, const Direct *whole, const void *context, Val batch, Val panel, Val first, Val last) {
    const Window *w = &whole->window;
    int64_t most = ((const DirectParams *)whole->node->params)->rows;
    (void)context;
    for (int64_t p = 0; p < w->stride[0] * w->stride[1]; p++) {
        Direct d = phase_of(e, whole, p / w->stride[1], p % w->stride[1]);
        if (d.rows > 0 && d.row_length > 0)
            direct_set(e, &d, most, batch, panel, first, e_min(e, last, e_index(e, d.rows)));
    }
}

void conv_transposed_lower(Emit *e, const Node *node) {
    Direct d = direct_of(e, node);
    d.rows = div_up(d.window.out[0], d.window.stride[0]);
    direct_share(e, &d, d.rows, phases_emit, NULL);
}

// From the graph to functions. Codegen obeys here: which kernel, which layout and which place are fields of the IR.
//
// A kernel function takes pointers to its operands, so two nodes of one signature share it. A layer function knows
// where one node's operands lie, and calls the kernel; profilers see the layer's name.
#include "codegen/lower.h"

#include <llvm-c/Core.h>
#include <string.h>

#include "codegen/kernel.h"
#include "codegen/program.h"
#include "ir/print.h"
#include "support/checked.h"

// ---- Kernels

// What the names of functions begin with; the CPU is in it where there are several.
static const char *version_prefix(Program *program) {
    if (program->nversions == 1)
        return program->prefix;
    Arena *arena = program->e->arena;
    const char *blocks = program->version->module->open.block ? "_blocks" : "";
    const char *cpu = str_identifier(arena, program->version->target->cpu);
    return arena_printf(arena, "%s_%s%s", program->prefix, cpu, blocks);
}

static void lower_node(Emit *e, const Node *node) {
    if (node->kernel != KERNEL_generic)
        kernel_info[node->kernel].lower(e, node);
    else
        op_impl[node->op]->lower(e, node);
}

// Parameters of a kernel behind its operands. It hears how many samples it gets only where there is room for several.
static int param_count(const Node *node) {
    return node->graph->module->open.block ? PARAM_COUNT : PARAM_SAMPLES;
}

static LLVMTypeRef kernel_type(Emit *e, const Node *node) {
    int operands = node->nin + node->nout, count = operands + param_count(node);
    LLVMTypeRef *types = ARENA_ARRAY(e->arena, LLVMTypeRef, count);
    for (int i = 0; i < count; i++)
        types[i] = i < operands + PARAM_SHARD ? emit_pointer_type(e) : emit_index_type(e);
    return LLVMFunctionType(LLVMVoidTypeInContext(e->context), types, (unsigned)count, 0);
}

static LLVMValueRef kernel_function(Emit *e, const char *name, const Node *node) {
    int operands = node->nin + node->nout;
    LLVMValueRef function = emit_function(e, name, kernel_type(e, node), false);
    emit_attribute(e, function, (unsigned)LLVMAttributeFunctionIndex, "noinline");
    for (int i = 0; i < operands + PARAM_SHARD; i++)
        emit_attribute(e, function, (unsigned)i + 1, "noalias");
    return function;
}

// What decides about the code that is emitted: integers, and a float that stands alone.
static const Constant *read_by_lowering(const Value *value) {
    const Constant *data = value_data(value);
    bool reads = data && !type_is_packed(&value->type) && (!dtype_is_float(value->type.dtype) || data->size <= 8);
    return reads ? data : NULL;
}

// The signature has the types of all operands, and hashes of long constants only.
static bool same_constants(const Node *a, const Node *b) {
    for (int i = 0; i < a->nin; i++) {
        const Constant *one = read_by_lowering(a->in[i]), *other = read_by_lowering(b->in[i]);
        if (!one != !other || (one && !constant_equal(one, other)))
            return false;
    }
    return true;
}

static void kernel_body(Program *program, Kernel *kernel, const char *name, const Node *node) {
    Emit *e = parts_emit(program);
    LLVMValueRef function = kernel->function = kernel_function(e, name, node);
    e->kernel = (KernelState){.node = node, .function = function, .used = kernel->used};
    lower_node(e, node);
    LLVMBuildRetVoid(e->builder);
    kernel->shared = e->kernel.shared;
    kernel->scratch = e->kernel.scratch_bytes > 0;
    kernel->wide = e->kernel.wide;
    parts_filled(program, function);
    if (e == program->e)
        return;
    LLVMSetLinkage(function, LLVMExternalLinkage);
    LLVMSetVisibility(function, LLVMHiddenVisibility);
    kernel->function = LLVMAddFunction(program->e->module, name, kernel_type(program->e, node));
    LLVMSetVisibility(kernel->function, LLVMHiddenVisibility);
}

static Kernel *kernel_of(Program *program, const Node *node) {
    Emit *e = program->e;
    Str text = {.arena = e->arena};
    print_signature(&text, node);
    for (Kernel *kernel = program->version->kernels; kernel; kernel = kernel->next)
        if (!strcmp(kernel->signature, text.text) && same_constants(kernel->node, node))
            return kernel;
    Kernel *kernel = ARENA_NEW(e->arena, Kernel);
    int number = program->version->kernels ? program->version->kernels->number + 1 : 0;
    const char *way = node->kernel == KERNEL_generic ? op_info[node->op].name : kernel_info[node->kernel].name;
    const char *name =
        arena_printf(e->arena, "%s_kernel%d_%s", version_prefix(program), number, str_identifier(e->arena, way));
    *kernel = (Kernel){.signature = text.text, .node = node, .number = number, .next = program->version->kernels};
    kernel->used = ARENA_ARRAY(e->arena, bool, node->nin + node->nout);
    program->version->kernels = kernel;
    kernel_body(program, kernel, name, node);
    return kernel;
}

// ---- Where operands lie

static bool is_weight(const Value *value) {
    return value->data || (value->def && (op_info[value->def->op].flags & RECIPE));
}

// Whether two weights will be the same bytes. The versions for several CPUs share what they pack in the same way.
static bool same_weight(const Value *a, const Value *b) {
    if (a == b)
        return true;
    if (a->data || b->data)
        return a->data && b->data && constant_equal(a->data, b->data);
    if (a->def->op != b->def->op || a->def->nin != b->def->nin || !type_equal(&a->type, &b->type) ||
        !attrs_equal(op_info[a->def->op].attrs, a->def->attrs, b->def->attrs))
        return false;
    for (int i = 0; i < a->def->nin; i++) {
        const Value *from = a->def->in[i], *other = b->def->in[i];
        if (!type_equal(&from->type, &other->type) || !constant_equal(value_data(from), value_data(other)))
            return false;
    }
    return true;
}

static int64_t weight_offset(Program *program, const Value *value) {
    for (int i = 0; i < program->weights.n; i++)
        if (same_weight(program->weights.item[i].value, value))
            return program->weights.item[i].offset;
    int64_t offset = program->weights_size;
    Weight weight = {value, offset};
    LIST_PUSH(program->e->arena, &program->weights, weight);
    program->weights_size = align_up(offset + type_bytes(&value->type), 64);
    return offset;
}

static LLVMValueRef byte_offset(Program *program, LLVMValueRef base, int64_t offset) {
    if (!offset)
        return base;
    LLVMValueRef index[1] = {e_index(program->e, offset).v};
    LLVMTypeRef byte = LLVMInt8TypeInContext(program->e->context);
    return LLVMBuildInBoundsGEP2(program->e->builder, byte, base, index, 1, "");
}

LLVMValueRef context_field(Program *program, LLVMValueRef context, unsigned field) {
    Emit *e = program->e;
    LLVMValueRef address = LLVMBuildStructGEP2(e->builder, program->context_type, context, field, "");
    return LLVMBuildLoad2(e->builder, LLVMStructGetTypeAtIndex(program->context_type, field), address, "");
}

static int list_index(const ValueList *list, const Value *value) {
    for (int i = 0; i < list->n; i++)
        if (list->item[i] == value)
            return i;
    return -1;
}

static LLVMValueRef argument(Program *program, LLVMValueRef context, unsigned field, int index) {
    LLVMValueRef array = context_field(program, context, field);
    LLVMValueRef i[1] = {e_index(program->e, index).v};
    LLVMTypeRef pointer = emit_pointer_type(program->e);
    return LLVMBuildLoad2(program->e->builder, pointer,
                          LLVMBuildInBoundsGEP2(program->e->builder, pointer, array, i, 1, ""), "");
}

LLVMValueRef address_of(Program *program, LLVMValueRef context, const Value *value, const Loc *loc) {
    const Graph *graph = program->version->module->graphs.item[0];
    int64_t offset = 0;
    const Value *root = place_root(value, &offset);
    offset *= dtype_info[value->type.dtype].bits / 8;
    int input = list_index(&graph->inputs, root), output = list_index(&graph->outputs, root);
    LLVMValueRef base = NULL;
    if (output >= 0)
        base = argument(program, context, CONTEXT_OUTPUTS, output);
    else if (input >= 0)
        base = argument(program, context, CONTEXT_INPUTS, input);
    else if (is_weight(root))
        base = byte_offset(program, program->weights_base, weight_offset(program, root));
    else if (root->place.kind == PLACE_WORKSPACE)
        base = byte_offset(program, context_field(program, context, CONTEXT_WORKSPACE), root->place.offset);
    else
        diag_error(program->e->diag, loc, E_VERIFY, "value %s has no place; run plan-memory", value->name);
    return base ? byte_offset(program, base, offset) : NULL;
}

// ---- Layers

static const Value *operand_of(const Node *node, int i) {
    return i < node->nin ? node->in[i] : node->out[i - node->nin];
}

// Bytes from one sample of a value to the next; 0 where all share it.
static int64_t sample_step(const Program *program, const Value *value) {
    const Graph *graph = program->version->module->graphs.item[0];
    int64_t offset;
    const Value *root = place_root(value, &offset);
    int output = list_index(&graph->outputs, root), input = list_index(&graph->inputs, root);
    int operand = output >= 0 ? graph->inputs.n + output : input;
    bool shared = is_weight(root) || (operand >= 0 && program->version->module->open.axis[operand] < 0);
    return shared ? 0 : type_bytes(&root->type);
}

// Whether the samples of all operands but weights lie one behind the other.
static bool has_close_samples(const Program *program, const Node *node) {
    int64_t offset;
    for (int i = 0; i < node->nin + node->nout; i++) {
        const Value *value = operand_of(node, i);
        if (value && !is_weight(place_root(value, &offset)) &&
            sample_step(program, value) != type_bytes(&value->type))
            return false;
    }
    return true;
}

static void call_kernel(Emit *e, const Kernel *kernel, LLVMValueRef *args, int count) {
    LLVMBuildCall2(e->builder, LLVMGlobalGetValueType(kernel->function), kernel->function, args, (unsigned)count, "");
}

// Of a graph with room for several samples: all at once, or one by one.
static void call_for_samples(Program *program, const Node *node, const Kernel *kernel, LLVMValueRef context,
                             LLVMValueRef *args) {
    Emit *e = program->e;
    int operands = node->nin + node->nout;
    Val samples = {context_field(program, context, CONTEXT_SAMPLES), e_index_type(e), 1};
    args[operands + PARAM_SAMPLES] = samples.v;
    if (kernel->wide && has_close_samples(program, node)) {
        call_kernel(e, kernel, args, operands + PARAM_COUNT);
        return;
    }
    LLVMValueRef *one = ARENA_ARRAY(e->arena, LLVMValueRef, operands + PARAM_COUNT);
    memcpy(one, args, (size_t)(operands + PARAM_COUNT) * sizeof *one);
    one[operands + PARAM_SAMPLES] = e_index(e, 1).v;
    EMIT_FOR(e, sample, e_index(e, 0), samples, 1) {
        for (int i = 0; i < operands; i++) {
            int64_t step = operand_of(node, i) && kernel->used[i] ? sample_step(program, operand_of(node, i)) : 0;
            if (step)
                one[i] = e_at(e, (Ptr){args[i], DT_U8}, e_mul_const(e, sample.i, step)).v;
        }
        call_kernel(e, kernel, one, operands + PARAM_COUNT);
    }
}

static bool layer_body(Program *program, const Node *node, const Kernel *kernel, LLVMValueRef function) {
    Emit *e = program->e;
    int operands = node->nin + node->nout;
    LLVMValueRef context = LLVMGetParam(function, 0);
    LLVMValueRef *args = ARENA_ARRAY(e->arena, LLVMValueRef, operands + PARAM_COUNT);
    for (int i = 0; i < operands; i++) {
        const Value *value = operand_of(node, i);
        args[i] = LLVMGetPoison(emit_pointer_type(e));
        if (value && kernel->used[i] && !(args[i] = address_of(program, context, value, node->loc)))
            return false;
    }
    Val shard = e_to_index(e, (Val){LLVMGetParam(function, 1), DT_I32, 1});
    Val shards = e_to_index(e, (Val){context_field(program, context, CONTEXT_SHARDS), DT_I32, 1});
    bool takes = kernel->shared && kernel->scratch;
    Val slot = takes ? slots_take(program, context) : e_index(e, 0);
    int64_t first = program->interface.workspace_bytes - program->interface.shard_bytes;
    Val place = e_add_const(e, e_mul_const(e, slot, program->interface.shard_bytes), first);
    LLVMValueRef workspace = context_field(program, context, CONTEXT_WORKSPACE);
    LLVMTypeRef byte = LLVMInt8TypeInContext(e->context);
    args[operands + PARAM_SCRATCH] = LLVMBuildGEP2(e->builder, byte, workspace, (LLVMValueRef *)&place.v, 1, "");
    args[operands + PARAM_STATUS] = LLVMBuildStructGEP2(e->builder, program->context_type, context, CONTEXT_STATUS, "");
    args[operands + PARAM_SHARD] = shard.v;
    args[operands + PARAM_SHARDS] = shards.v;
    if (node->graph->module->open.block)
        call_for_samples(program, node, kernel, context, args);
    else
        call_kernel(e, kernel, args, operands + PARAM_SAMPLES);
    if (takes)
        slots_give(program, context, slot);
    LLVMBuildRetVoid(e->builder);
    return true;
}

static Layer *layer_new(Program *program, const Node *node, const Kernel *kernel) {
    Emit *e = program->e;
    const char *label = node->loc && node->loc->node ? node->loc->node : node->out[0]->name;
    const char *name = arena_printf(e->arena, "%s_layer_%s", version_prefix(program), str_identifier(e->arena, label));
    LLVMTypeRef types[2] = {emit_pointer_type(e), LLVMInt32TypeInContext(e->context)};
    LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(e->context), types, 2, 0);
    Layer *layer = ARENA_NEW(e->arena, Layer);
    *layer = (Layer){.node = node, .kernel = kernel, .function = emit_function(e, name, type, false)};
    if (kernel)  // a call, which LLVM need not spend its time on
        for (int i = 0; i < 2; i++)
            emit_attribute(e, layer->function, (unsigned)LLVMAttributeFunctionIndex, i ? "optnone" : "noinline");
    *program->version->last_layer = layer;
    program->version->last_layer = &layer->next;
    return layer;
}

static bool layer_lower(Program *program, const Node *node) {
    const Kernel *kernel = kernel_of(program, node);
    const Layer *layer = layer_new(program, node, kernel);
    return layer_body(program, node, kernel, layer->function);
}

static bool graph_lower(Program *program, const Graph *graph);

// The layers of the bodies first: they are functions of their own.
static bool layer_of_flow(Program *program, const Node *node) {
    Layer **last = program->version->last_layer, *bodies[2] = {NULL, NULL};
    for (int i = 0; i < 2; i++) {
        program->version->last_layer = &bodies[i];
        if (node_body(node, i) && !graph_lower(program, node_body(node, i)))
            return false;
    }
    program->version->last_layer = last;
    Layer *layer = layer_new(program, node, NULL);
    layer->bodies[0] = bodies[0];
    layer->bodies[1] = bodies[1];
    return flow_lower(program, layer);
}

static bool types_supported(const Program *program, const Node *node) {
    for (int i = 0; i < node->nin + node->nout; i++) {
        const Value *value = i < node->nin ? node->in[i] : node->out[i - node->nin];
        if (!value)
            continue;
        if (value->type.dtype == DT_NONE)
            return diag_error(program->e->diag, node->loc, E_DTYPE, "the element type of %s is not known", value->name);
        if (!type_is_static(&value->type))
            return diag_error(program->e->diag, node->loc, E_SYMBOL, "the shape of %s is not known; run infer-shapes",
                              value->name);
    }
    return true;
}

static bool kernel_supported(const Program *program, const Node *node) {
    const Node *weights = kernel_info[node->kernel].packing ? node->in[1]->def : NULL;
    if (kernel_info[node->kernel].packing && !(weights && (op_info[weights->op].flags & RECIPE)))
        return diag_error(program->e->diag, node->loc, E_VERIFY, "the weights are not packed; run pack-weights");
    return kernel_fits(node, program->e->target) ||
           diag_error(program->e->diag, node->loc, E_VERIFY, "'%s' cannot be computed by kernel %s", node->out[0]->name,
                      kernel_info[node->kernel].name);
}

// Reports every node that no code can be made for, also those in bodies.
static bool graph_supported(const Program *program, const Graph *graph) {
    bool ok = true;
    for (const Node *node = graph->first; node; node = node->next) {
        for (int i = 0; i < 2; i++)
            ok = (!node_body(node, i) || graph_supported(program, node_body(node, i))) && ok;
        ok = types_supported(program, node) && kernel_supported(program, node) && ok;
    }
    return ok;
}

static bool emits_code(const Node *node) {
    int64_t count = 0;
    for (int i = 0; i < node->nout; i++)
        count |= node->out[i] ? type_count(&node->out[i]->type) : 0;
    return node->kernel != KERNEL_view && !(op_info[node->op].flags & RECIPE) && count > 0;
}

static bool graph_lower(Program *program, const Graph *graph) {
    for (const Node *node = graph->first; node; node = node->next) {
        if (node->op == OP_Fire) {
            if (!graph_lower(program, node->body))
                return false;
        } else if (node_is_flow(node)) {
            if (!layer_of_flow(program, node))
                return false;
        } else if (emits_code(node) && !layer_lower(program, node)) {
            return false;
        }
    }
    return true;
}

void program_open(Program *program, Emit *e, const Variant *variants, int count, const char *prefix) {
    *program = (Program){.e = e, .prefix = prefix, .nversions = count};
    program->versions = ARENA_ARRAY(e->arena, Version, count);
    for (int i = 0; i < count; i++) {
        program->versions[i].module = variants[i].module;
        program->versions[i].target = variants[i].target;
        program->versions[i].last_layer = &program->versions[i].layers;
        program->ncpus += variants[i].module->open.block == variants[0].module->open.block;
    }
    program->interface = interface_of(variants[0].module, prefix, e->arena);
}

// Each version starts without helper functions, since those are code for its CPU.
bool program_lower(Program *program) {
    for (int i = 0; i < program->nversions; i++) {
        program->version = &program->versions[i];
        program->e->target = program->version->target;
        program->e->helpers = NULL;
        if (program->kernels)
            program->kernels->helpers = NULL;
        const Graph *graph = program->version->module->graphs.item[0];
        if (!graph_supported(program, graph) || !graph_lower(program, graph))
            return false;
    }
    program->e->target = program->versions[0].target;
    return true;
}

// ---- Weights

void program_weights(const Program *program, unsigned char *bytes) {
    Arena *scratch = arena_new();
    for (int i = 0; i < program->weights.n; i++) {
        const Value *value = program->weights.item[i].value;
        unsigned char *place = bytes + program->weights.item[i].offset;
        if (value->data && value->data->stored)
            memcpy(place, value->data->stored, (size_t)value->data->size);
        else if (value->data)
            constant_read(value->data, value->type.dtype, 0, value->data->size * 8 / dtype_info[value->type.dtype].bits,
                          place);
        else
            recipe_write(value->def, 0, value->type.dim[0].n, place, scratch);
        arena_reset(scratch);
    }
    arena_free(scratch);
}

enum { PIECE = 4 << 20 };  // bytes to hand on at a time, about

static HeldConstants hold_source(const Constant *constant) {
    HeldConstants held = {.arena = arena_new()};
    constant_hold(constant, &held);
    return held;
}

static void release_source(HeldConstants *held) {
    constant_release(held);
    arena_free(held->arena);
}

// A recipe's panels.
static void stream_recipe(const Value *value, const Sink *sink) {
    int64_t panels = value->type.dim[0].n, bytes = type_bytes(&value->type) / max_i64(panels, 1);
    int64_t step = max_i64(PIECE / max_i64(bytes, 1), 1);
    Arena *scratch = arena_new();
    HeldConstants held = hold_source(value_data(value->def->in[0]));
    for (int64_t first = 0; first < panels; first += step) {
        int64_t count = min_i64(step, panels - first);
        unsigned char *piece = arena_alloc(scratch, (size_t)(count * bytes));
        recipe_write(value->def, first, count, piece, scratch);
        sink->write(sink->context, piece, (size_t)(count * bytes));
        arena_reset(scratch);
    }
    release_source(&held);
    arena_free(scratch);
}

static void stream_constant(const Value *value, const Sink *sink) {
    if (value->data->stored) {
        sink->write(sink->context, value->data->stored, (size_t)value->data->size);
        return;
    }
    DType dtype = value->type.dtype;
    int64_t bytes = dtype_info[dtype].bits / 8, elements = value->data->size / bytes;
    Arena *scratch = arena_new();
    void *piece = arena_alloc(scratch, PIECE);
    HeldConstants held = hold_source(value->data);
    for (int64_t first = 0, count; first < elements; first += count) {
        count = min_i64(PIECE / bytes, elements - first);
        constant_read(value->data, dtype, first, count, piece);
        sink->write(sink->context, piece, (size_t)(count * bytes));
    }
    release_source(&held);
    arena_free(scratch);
}

void program_stream(const Program *program, const Sink *sink) {
    static const unsigned char zeros[64] = {0};
    for (int i = 0; i < program->weights.n; i++) {
        const Weight *weight = &program->weights.item[i];
        int64_t size = type_bytes(&weight->value->type);
        int64_t next = i + 1 < program->weights.n ? weight[1].offset : program->weights_size;
        if (weight->value->data)
            stream_constant(weight->value, sink);
        else
            stream_recipe(weight->value, sink);
        sink->write(sink->context, zeros, (size_t)(next - weight->offset - size));
    }
}

// ---- Shared by kernels

static void clear_side(Emit *e, Ptr plane, const Layout *layout, int64_t first_row, int64_t rows, int64_t first,
                       int64_t width) {
    if (rows <= 0 || width <= 0)
        return;
    EMIT_FOR(e, y, e_index(e, first_row), e_index(e, first_row + rows), 1)
        e_clear(e, plane, e_add_const(e, e_mul_const(e, y.i, layout->pitch * layout->block), first * layout->block),
                width * layout->block);
}

void lower_border(Emit *e, Ptr p, const Type *type, Val begin, Val end) {
    Layout layout = type->layout;
    int64_t border = layout.border, height = type->dim[2].n, width = type->dim[3].n;
    if (!layout.pitch)
        layout.pitch = width + 2 * border;
    if (border == 0 && layout.pitch == width)
        return;
    int64_t plane = layout.pitch * (height + 2 * border) * layout.block;
    EMIT_FOR(e, i, begin, end, 1) {
        Ptr start = e_at(e, p, e_mul_const(e, i.i, plane));
        clear_side(e, start, &layout, 0, border, 0, layout.pitch);
        clear_side(e, start, &layout, border, height, 0, border);
        clear_side(e, start, &layout, border, height, border + width, layout.pitch - width - border);
        clear_side(e, start, &layout, border + height, border, 0, layout.pitch);
    }
}

// What control flow puts around the layers of its bodies: a function for each node, which runs them.
//
// The outputs of an If's bodies lie where its own outputs do, so a branch is all there is. A Loop or Scan is
//
//     outputs[k] = initial[k]                      carried values lie in the outputs, which the body reads
//     for (i = 0; condition && i < trips; i++)
//         body's own inputs = i, condition, slices number i of the scan inputs
//         the body's layers
//         outputs[k] = the body's output k         after the turn, when nothing reads the old one any more
//         slice number i of each scan output = the body's output
//     outputs[the count] = i                       of a Loop that counts its turns
//
// Layers that can be split run on the caller's pool inside of bodies, too.
#include <llvm-c/Core.h>

#include "codegen/program.h"
#include "ir/infer.h"
#include "runtime/sqz.h"

// ---- Copies, of bits

typedef struct Flow {
    Program *program;
    Emit *e;
    const Node *node;
    const Layer *layer;
    LLVMValueRef context, pool;  // the pool is null where the bodies run on this thread
    bool ok;  // false after an error: a value without a place
} Flow;

static DType bits_type(DType dtype) {
    int bits = dtype_info[dtype].bits;
    return bits == 64 ? DT_U64 : bits == 32 ? DT_U32 : bits == 16 ? DT_U16 : DT_U8;
}

static Ptr place_of(Flow *flow, const Value *value, DType dtype) {
    LLVMValueRef address = address_of(flow->program, flow->context, value, flow->node->loc);
    flow->ok = flow->ok && address;
    return (Ptr){address ? address : LLVMGetPoison(emit_pointer_type(flow->e)), dtype};
}

static void copy_bits(Emit *e, Ptr to, Ptr from, int64_t count) {
    int lanes = e_fast(e) ? e_lanes(e, to.dtype) : 1;
    int64_t whole = count - count % lanes;
    EMIT_FOR(e, i, e_index(e, 0), e_index(e, whole), lanes)
        e_store(e, to, i.i, e_load(e, from, i.i, lanes));
    EMIT_FOR(e, i, e_index(e, whole), e_index(e, count), 1)
        e_store(e, to, i.i, e_load(e, from, i.i, 1));
}

static void copy_value(Flow *flow, const Value *to, const Value *from) {
    DType dtype = bits_type(to->type.dtype);
    copy_bits(flow->e, place_of(flow, to, dtype), place_of(flow, from, dtype), type_count(&to->type));
}

// Slice number `index` along an axis of `whole`, to or from `slice`.
static void copy_slice(Flow *flow, const Value *whole, const Value *slice, int axis, Val index, bool into_whole) {
    Emit *e = flow->e;
    DType dtype = bits_type(slice->type.dtype);
    int64_t outer = 1, inner = 1, length = whole->type.dim[axis].n;
    for (int i = 0; i < whole->type.rank; i++)
        *(i < axis ? &outer : &inner) *= i == axis ? 1 : whole->type.dim[i].n;
    Ptr part = place_of(flow, slice, dtype);
    Ptr all = e_at(e, place_of(flow, whole, dtype), e_mul_const(e, index, inner));
    EMIT_TIMES(e, o, outer) {
        Ptr piece = e_at(e, part, e_mul_const(e, o.i, inner)), row = e_at(e, all, e_mul_const(e, o.i, length * inner));
        copy_bits(e, into_whole ? row : piece, into_whole ? piece : row, inner);
    }
}

static Val load_value(Flow *flow, const Value *value, DType dtype) {
    return e_load_const(flow->e, place_of(flow, value, dtype), 0, 1);
}

// ---- Loops

// From `value` of a dtype on, a loop that goes on while something holds: open, then test, then the turn, then close.
typedef struct Turns {
    LLVMBasicBlockRef head, exit;
} Turns;

static Turns turns_open(Emit *e) {
    Turns turns = {emit_block(e, "head"), NULL};
    LLVMBuildBr(e->builder, turns.head);
    LLVMPositionBuilderAtEnd(e->builder, turns.head);
    return turns;
}

static void turns_test(Emit *e, Turns *turns, Val go_on) {
    LLVMBasicBlockRef body = emit_block(e, "turn");
    turns->exit = emit_block(e, "exit");
    LLVMBuildCondBr(e->builder, go_on.v, body, turns->exit);
    LLVMPositionBuilderAtEnd(e->builder, body);
}

static void turns_close(Emit *e, const Turns *turns) {
    LLVMBuildBr(e->builder, turns->head);
    LLVMMoveBasicBlockAfter(turns->exit, LLVMGetInsertBlock(e->builder));
    LLVMPositionBuilderAtEnd(e->builder, turns->exit);
}

static void run_body(Flow *flow, int index) {
    Val shards = {context_field(flow->program, flow->context, CONTEXT_SHARDS), DT_I32, 1};
    program_run_layers(flow->program, flow->layer->bodies[index], flow->context, flow->pool,
                       e_gt(flow->e, shards, e_int(flow->e, DT_I32, 1)));
}

// The size of the scan outputs was fixed when this was compiled; a loop of another number of turns has none.
static void fail_if_other(Flow *flow, Val wrong) {
    Emit *e = flow->e;
    LLVMValueRef status =
        LLVMBuildStructGEP2(e->builder, flow->program->context_type, flow->context, CONTEXT_STATUS, "");
    EMIT_IF(e, wrong)
        LLVMBuildStore(e->builder, e_int(e, DT_I32, SQZ_ERANGE).v, status);
}

static void emit_loop(Flow *flow) {
    Emit *e = flow->e;
    const Node *node = flow->node;
    const Graph *body = node->body;
    int carried = (int)((const LoopAttrs *)node->attrs)->carried;
    bool scans = carried < node->nout;
    Val trips = load_value(flow, node->in[0], DT_I64), most = trips;
    if (scans)
        most = e_min(e, trips, e_int(e, DT_I64, node->out[carried]->type.dim[0].n));
    for (int k = 0; k < carried; k++)
        copy_value(flow, node->out[k], node->in[2 + k]);
    Var number = e_var(e, e_int(e, DT_I64, 0)), condition = e_var(e, load_value(flow, node->in[1], DT_BOOL));
    Turns turns = turns_open(e);
    turns_test(e, &turns, e_and(e, e_get(e, condition), e_lt(e, e_get(e, number), most)));
    e_store_const(e, place_of(flow, body->inputs.item[0], DT_I64), 0, e_get(e, number));
    e_store_const(e, place_of(flow, body->inputs.item[1], DT_BOOL), 0, e_get(e, condition));
    run_body(flow, 0);
    e_set(e, condition, load_value(flow, body->outputs.item[0], DT_BOOL));
    for (int k = 0; k < carried; k++)
        copy_value(flow, node->out[k], body->outputs.item[1 + k]);
    for (int k = carried; k < node->nout; k++)
        copy_slice(flow, node->out[k], body->outputs.item[1 + k], 0, e_to_index(e, e_get(e, number)), true);
    e_set(e, number, e_add_const(e, e_get(e, number), 1));
    turns_close(e, &turns);
    int counter = counted_output(node);
    if (counter >= 0)
        e_store_const(e, place_of(flow, node->out[counter], DT_I64), 0, e_get(e, number));
    if (!scans || counter >= 0)
        return;
    Val turned = e_get(e, number), size = e_int(e, DT_I64, node->out[carried]->type.dim[0].n);
    fail_if_other(flow, e_or(e, e_ne(e, turned, size), e_and(e, e_get(e, condition), e_gt(e, trips, size))));
}

static void scan_slice(Flow *flow, bool output, int index, Val number, int64_t length) {
    const Node *node = flow->node;
    int at = (int)((const ScanAttrs *)node->attrs)->states + index;
    Infer infer = {.arena = e_arena(flow->e), .diag = flow->e->diag};
    ScanWalk walk;
    if (!scan_walk(&infer, node, output, index, &walk))
        flow->ok = false;
    if (walk.backwards)
        number = e_sub(flow->e, e_index(flow->e, length - 1), number);
    if (output)
        copy_slice(flow, node->out[at], node->body->outputs.item[at], walk.axis, number, true);
    else
        copy_slice(flow, node->in[at], node->body->inputs.item[at], walk.axis, number, false);
}

static void emit_scan(Flow *flow) {
    const Node *node = flow->node;
    const ScanAttrs *attrs = node->attrs;
    int states = (int)attrs->states;
    Infer infer = {.arena = e_arena(flow->e), .diag = flow->e->diag};
    ScanWalk walk;
    if (!scan_walk(&infer, node, false, 0, &walk))
        return;
    int64_t length = node->in[states]->type.dim[walk.axis].n;
    for (int k = 0; k < states; k++)
        copy_value(flow, node->out[k], node->in[k]);
    EMIT_TIMES(flow->e, i, length) {
        for (int k = 0; k < (int)attrs->num_scan_inputs; k++)
            scan_slice(flow, false, k, i.i, length);
        run_body(flow, 0);
        for (int k = 0; k < states; k++)
            copy_value(flow, node->out[k], node->body->outputs.item[k]);
        for (int k = 0; k < node->nout - states; k++)
            scan_slice(flow, true, k, i.i, length);
    }
}

static void emit_if(Flow *flow) {
    Val condition = load_value(flow, flow->node->in[0], DT_BOOL);
    EMIT_IF(flow->e, condition)
        run_body(flow, 0);
    EMIT_IF(flow->e, e_not(flow->e, condition))
        run_body(flow, 1);
}

bool flow_lower(Program *program, Layer *layer) {
    Flow flow = {.program = program, .e = program->e, .node = layer->node, .layer = layer, .ok = true,
                 .context = LLVMGetParam(layer->function, 0), };
    if (!program->by_layer)
        flow.pool = context_field(program, flow.context, CONTEXT_POOL);
    emit_attribute(program->e, layer->function, (unsigned)LLVMAttributeFunctionIndex, "noinline");
    if (layer->node->op == OP_If)
        emit_if(&flow);
    else if (layer->node->op == OP_Loop)
        emit_loop(&flow);
    else
        emit_scan(&flow);
    LLVMBuildRetVoid(program->e->builder);
    return flow.ok;
}

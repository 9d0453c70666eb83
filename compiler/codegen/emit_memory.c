// Loads, stores and addresses of the kernel language.
#include <llvm-c/Core.h>
#include <string.h>

#include "codegen/emit_internal.h"
#include "ir/element.h"

enum { MOST_STRIDE = 4 };  // of what is loaded in whole vectors

Ptr e_at(Emit *e, Ptr p, Val index) {
    LLVMValueRef i[1] = {index.v};
    return (Ptr){LLVMBuildInBoundsGEP2(e->builder, emit_memory_type(e, p.dtype, 1), p.v, i, 1, ""), p.dtype};
}

Ptr e_at_const(Emit *e, Ptr p, int64_t index) {
    return index ? e_at(e, p, e_index(e, index)) : p;
}

Ptr e_retype(Ptr p, DType dtype) {
    return (Ptr){p.v, dtype};
}

static unsigned alignment(DType dtype) {
    return (unsigned)dtype_info[dtype].bits / 8;
}

static Val load(Emit *e, Ptr p, int lanes) {
    LLVMValueRef v = LLVMBuildLoad2(e->builder, emit_memory_type(e, p.dtype, lanes), p.v, "");
    LLVMSetAlignment(v, alignment(p.dtype));
    if (p.dtype != DT_BOOL)
        return val(v, p.dtype, lanes);
    return e_cast(e, DT_BOOL, val(v, DT_U8, lanes));
}

static void store(Emit *e, Ptr p, Val v) {
    if (p.dtype == DT_BOOL)
        v = e_cast(e, DT_U8, v);
    LLVMSetAlignment(LLVMBuildStore(e->builder, v.v, p.v), alignment(p.dtype));
}

Val e_load(Emit *e, Ptr p, Val index, int lanes) {
    return load(e, e_at(e, p, index), lanes);
}

Val e_load_const(Emit *e, Ptr p, int64_t index, int lanes) {
    return load(e, e_at_const(e, p, index), lanes);
}

void e_store(Emit *e, Ptr p, Val index, Val v) {
    store(e, e_at(e, p, index), v);
}

void e_store_const(Emit *e, Ptr p, int64_t index, Val v) {
    store(e, e_at_const(e, p, index), v);
}

// Every `stride`th of the elements up to the last lane's, which are loaded in as many vectors; the last one ends there.
static Val load_every(Emit *e, Ptr first, int stride, int lanes) {
    Val v[MOST_STRIDE];
    int lane[64], last = (lanes - 1) * stride + 1 - lanes;
    for (int k = 0; k < stride; k++)
        v[k] = load(e, e_at_const(e, first, k == stride - 1 ? last : k * lanes), lanes);
    for (int i = 0; i < lanes; i++) {
        int at = i * stride, behind = at - (stride - 1) * lanes;
        lane[i] = behind < 0 ? at : at - last + (stride - 1) * lanes;
    }
    return emit_gather_lanes(e, v, stride, lane);
}

Val e_load_strided(Emit *e, Ptr p, Val index, int64_t stride, int lanes) {
    Ptr first = e_at(e, p, index);
    if (lanes == 1 || stride == 1)
        return load(e, first, lanes);
    if (stride == 0)
        return e_splat(e, load(e, first, 1), lanes);
    if (stride == 2 || (stride > 0 && stride <= MOST_STRIDE && lanes > 4))
        return load_every(e, first, (int)stride, lanes);
    Val v = e_zero(e, p.dtype, lanes);
    for (int i = 0; i < lanes; i++)
        v = e_set_lane(e, v, i, load(e, e_at_const(e, first, i * stride), 1));
    return v;
}

Val e_gather(Emit *e, Ptr p, Val index) {
    if (index.lanes == 1)
        return e_load(e, p, index, 1);
    Val v = e_zero(e, p.dtype, index.lanes);
    for (int i = 0; i < index.lanes; i++)
        v = e_set_lane(e, v, i, e_load(e, p, e_lane(e, index, i), 1));
    return v;
}

void e_store_strided(Emit *e, Ptr p, Val index, int64_t stride, Val v) {
    Ptr first = e_at(e, p, index);
    if (v.lanes == 1 || stride == 1) {
        store(e, first, v);
        return;
    }
    for (int i = 0; i < v.lanes; i++)
        store(e, e_at_const(e, first, i * stride), e_lane(e, v, i));
}

static bool has_offsets(const Emit *e) {
    return e->target->arch != ARCH_ARM || e->level == '0';
}

// Through an empty piece of assembly, in a register that `constraint` names. If `here`, it stays where it is.
static LLVMValueRef through(Emit *e, LLVMValueRef value, const char *constraint, bool here) {
    LLVMTypeRef type = LLVMTypeOf(value), function = LLVMFunctionType(type, &type, 1, 0);
    LLVMValueRef nothing = LLVMGetInlineAsm(function, "", 0, constraint, strlen(constraint), here, 0,
                                            LLVMInlineAsmDialectATT, 0);
    return LLVMBuildCall2(e->builder, function, nothing, &value, 1, "");
}

static LLVMValueRef hidden(Emit *e, LLVMValueRef word) {
    return through(e, word, "=r,0", false);
}

// Hidden, so that LLVM does not add strides up.
Val e_stride(Emit *e, int64_t n) {
    Val stride = e_index(e, n);
    if (has_offsets(e))
        return stride;
    stride.v = hidden(e, stride.v);
    return stride;
}

Ptr e_hidden(Emit *e, Ptr p) {
    return (Ptr){hidden(e, p.v), p.dtype};
}

Ptr e_walk(Emit *e, Ptr p, Val stride) {
    Ptr next = e_at(e, p, stride);
    if (!has_offsets(e))
        next.v = emit_intrinsic(e, "llvm.launder.invariant.group", emit_pointer_type(e), (LLVMValueRef[]){next.v}, 1);
    return next;
}

void e_barrier(Emit *e) {
    LLVMBuildFence(e->builder, LLVMAtomicOrderingSequentiallyConsistent, 1, "");
}

LLVMValueRef emit_pinned(Emit *e, LLVMValueRef vector) {
    return e->target->arch == ARCH_X86_64 && e->level != '0' ? through(e, vector, "=v,0", true) : vector;
}

void e_pin(Emit *e, Val *v) {
    if (e->target->registers > 16)
        v->v = emit_pinned(e, v->v);
}

void e_prefetch(Emit *e, Ptr p, Val index) {
    LLVMTypeRef int32 = LLVMInt32TypeInContext(e->context);
    LLVMValueRef read = LLVMConstInt(int32, 0, 0), keep = LLVMConstInt(int32, 2, 0), data = LLVMConstInt(int32, 1, 0);
    LLVMValueRef args[4] = {e_at(e, p, index).v, read, keep, data};
    emit_intrinsic(e, "llvm.prefetch", emit_pointer_type(e), args, 4);
}

void e_clear(Emit *e, Ptr p, Val index, int64_t count) {
    Ptr first = e_at(e, p, index);
    int lanes = e_lanes(e, p.dtype);
    int64_t whole = count / lanes * lanes;
    Val zero = e_zero(e, p.dtype, lanes);
    if (whole <= 8 * lanes)
        for (int64_t i = 0; i < whole; i += lanes)
            store(e, e_at_const(e, first, i), zero);
    else
        EMIT_FOR(e, i, e_index(e, 0), e_index(e, whole), lanes)
            e_store(e, first, i.i, zero);
    for (int64_t i = whole; i < count; i++)
        store(e, e_at_const(e, first, i), e_zero(e, p.dtype, 1));
}

Ptr e_table(Emit *e, DType dtype, const double *numbers, int64_t n) {
    size_t size = (size_t)n * (size_t)dtype_info[dtype].bits / 8;
    char *bytes = arena_alloc(e->arena, size);
    for (int64_t i = 0; i < n; i++)
        element_set(dtype, bytes, i, numbers[i]);
    LLVMValueRef data = LLVMConstDataArray(emit_memory_type(e, dtype, 1), bytes, size);
    LLVMValueRef table = LLVMAddGlobal(e->module, LLVMTypeOf(data), "table");
    LLVMSetInitializer(table, data);
    LLVMSetGlobalConstant(table, 1);
    LLVMSetLinkage(table, LLVMPrivateLinkage);
    LLVMSetUnnamedAddress(table, LLVMGlobalUnnamedAddr);
    LLVMSetAlignment(table, 64);
    return (Ptr){table, dtype};
}

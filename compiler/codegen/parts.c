// Several threads for LLVM, which takes nearly all the time. Kernels know nothing of each other, nor of weights and
// layers, so they go to modules of their own as soon as one is full; threads compile the modules, and the objects are
// joined in order. What a module holds is decided by the model alone, so the bytes do not depend on the threads.
#include <llvm-c/Core.h>
#include <llvm-c/TargetMachine.h>
#include <stdlib.h>

#include "codegen/backend.h"
#include "codegen/join.h"
#include "codegen/program.h"
#include "runtime/sqz.h"
#include "support/checked.h"

enum {
    FULL = 6000,     // instructions, before optimisation: some 50 milliseconds
    MOST_THREADS = 8 // each takes memory of its own
};

// ---- Filling

static Emit *part_open(Program *program) {
    const Emit *first = program->e;
    Emit *e = ARENA_NEW(first->arena, Emit);
    CompileOptions options = {.prefix = program->prefix, .level = first->level, .strict = first->strict};
    emit_open(e, first->arena, program->version->target, &options, first->diag);
    LLVMSetModuleDataLayout(e->module, LLVMGetModuleDataLayout(first->module));
    LLVMSetTarget(e->module, LLVMGetTarget(first->module));
    LIST_PUSH(first->arena, &program->parts, e);
    return e;
}

Emit *parts_emit(Program *program) {
    if (program->parted && program->filled >= FULL) {
        program->kernels = part_open(program);
        program->filled = 0;
    }
    Emit *e = program->kernels ? program->kernels : program->e;
    e->target = program->version->target;
    return e;
}

void parts_filled(Program *program, LLVMValueRef kernel) {
    for (LLVMBasicBlockRef block = LLVMGetFirstBasicBlock(kernel); block; block = LLVMGetNextBasicBlock(block))
        for (LLVMValueRef i = LLVMGetFirstInstruction(block); i; i = LLVMGetNextInstruction(i))
            program->filled++;
}

// ---- Compiling

// A module with messages of its own, since the order in which threads come to errors is not one to print them in.
typedef struct Job {
    Emit *e;
    Diag diag;
    char *text;
    size_t length;
    LLVMMemoryBufferRef object;  // null after an error
} Job;

static void run_job(void *jobs, int number) {
    Job *job = (Job *)jobs + number;
    const Target *target = job->e->target;
    LLVMTargetMachineRef machine = backend_machine(target, job->e->level, &job->diag);
    if (machine && backend_optimise(job->e, machine))
        job->object = backend_code(job->e, machine, false);
    if (machine)
        LLVMDisposeTargetMachine(machine);
}

static sqz_pool *pool_open(int threads) {
    sqz_pool *pool = sqz_pool_create(threads);
    if (threads || !pool || pool->threads <= MOST_THREADS)
        return pool;
    sqz_pool_destroy(pool);
    return sqz_pool_create(MOST_THREADS);
}

static void run_jobs(Job *jobs, int count, int threads) {
    sqz_pool *pool = count > 1 && threads != 1 ? pool_open(threads) : NULL;
    if (pool)
        pool->run(pool->self, count, run_job, jobs);
    for (int i = 0; i < count && !pool; i++)
        run_job(jobs, i);
    sqz_pool_destroy(pool);
}

static bool take_errors(Job *job, Diag *diag) {
    if (job->diag.out)
        fclose(job->diag.out);
    if (job->diag.errors && diag->out && job->text)
        fputs(job->text, diag->out);
    free(job->text);
    diag->errors += job->diag.errors;
    if (job->diag.errors)
        diag->last = job->diag.last;
    return job->object != NULL;
}

static bool join_jobs(Program *program, const Job *jobs, int count, Str *object) {
    Arena *arena = program->e->arena;
    ObjectBytes *objects = ARENA_ARRAY(arena, ObjectBytes, count);
    for (int i = 0; i < count; i++)
        objects[i] =
            (ObjectBytes){(const unsigned char *)LLVMGetBufferStart(jobs[i].object), LLVMGetBufferSize(jobs[i].object)};
    if (count > 1)
        return join_objects(arena, objects, count, object) ||
               diag_error(program->e->diag, NULL, E_INTERNAL, "LLVM's objects cannot be joined");
    str_add_bytes(object, (const char *)objects[0].bytes, objects[0].size);
    return true;
}

bool parts_compile(Program *program, int threads, Str *object) {
    Diag *diag = program->e->diag;
    int count = 1 + program->parts.n;
    Job *jobs = ARENA_ARRAY(program->e->arena, Job, count);
    for (int i = 0; i < count; i++) {
        Job *job = &jobs[i];
        job->e = i ? program->parts.item[i - 1] : program->e;
        job->e->target = program->versions[0].target;
        job->diag.out = diag->out ? open_memstream(&job->text, &job->length) : NULL;
        job->diag.file = diag->file;
        job->e->diag = &job->diag;
    }
    run_jobs(jobs, count, threads);
    bool ok = true;
    for (int i = 0; i < count; i++) {
        jobs[i].e->diag = diag;
        ok = take_errors(&jobs[i], diag) && ok;
    }
    ok = ok && join_jobs(program, jobs, count, object);
    for (int i = 0; i < count; i++)
        if (jobs[i].object)
            LLVMDisposeMemoryBuffer(jobs[i].object);
    return ok;
}

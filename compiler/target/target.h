// Machines: what a kernel may know of them. Numbers, never names.
#ifndef TARGET_TARGET_H
#define TARGET_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "support/arena.h"
#include "support/diag.h"

typedef enum Arch { ARCH_X86_64, ARCH_AARCH64, ARCH_ARM } Arch;

typedef struct Target {
    Arch arch;
    const char *triple;    // normalised
    const char *cpu;       // LLVM's name
    const char *level;     // of the CPU whose instructions are used; `cpu` decides how they are scheduled
    const char *features;  // LLVM's list, "" for none
    int pointer_bits;
    int vector_bits;   // of the widest vector registers
    int registers;     // how many of them
    bool fma;          // has a fused multiply-add
    bool fma_lane;     // multiplies by one lane of a vector register
    bool rounds;       // has instructions for floor, ceil, trunc and round to even
    bool divides;      // has integer division of the word size
    bool halves;       // converts vectors between f32 and f16
    bool words;        // adds up two products of i16 in each lane of 32 bits
    int dots;          // the most that it adds up there: 4, of u8 and i8 on x86, of i8 on ARM; 2, of words; or 0
    int block;         // channels of an NCHWc block
    int fma_per_cycle; // vectors
    double ghz;        // as kernels see it, for predictions
    int l1_bytes, l2_bytes;
    int loads_per_cycle;                // vectors
    bool loads_hide;                    // behind as many multiply-adds
    int l2_rate, l3_rate, memory_rate;  // bytes a cycle that come from there
} Target;

static inline int target_lanes(const Target *target, int bits) {
    return target->vector_bits / bits;
}

// THE target table's rows, for `sqzc list targets`.
typedef struct TargetRow {
    const char *arch, *cpu, *note;
} TargetRow;
const TargetRow *target_rows(int *count);

// `triple` null: the host's; `cpu` null: the baseline of the architecture, "native": the host's.
// `attr` is a list such as "+avx2,-fma", or null.
bool target_find(Target *target, Arena *arena, const char *triple, const char *cpu, const char *attr, Diag *diag);

// Whether a list such as "+avx2,-fma" has the feature: '+', '-', or 0. The last word counts.
char feature_sign(const char *list, const char *name);

// The fixed baseline that constants are folded with, on this machine.
void target_baseline(Target *target);

#endif

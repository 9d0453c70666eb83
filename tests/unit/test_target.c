// The target table: triples, CPUs, features, and what they do to the numbers.
#include <string.h>

#include "target/target.h"
#include "tests/unit/unit.h"

// An error's code, or 0.
static int find(Target *target, Arena *arena, const char *triple, const char *cpu, const char *attr) {
    Diag diag = {0};
    return target_find(target, arena, triple, cpu, attr, &diag) ? 0 : (int)diag.last;
}

static void check_triples(Arena *arena) {
    static const char *const rows[][2] = {
        {"x86_64-linux-gnu", "x86_64-unknown-linux-gnu"},
        {"x86_64-pc-linux-gnu", "x86_64-unknown-linux-gnu"},
        {"x86_64", "x86_64-unknown-linux-gnu"},
        {"x86-64-linux-musl", "x86_64-unknown-linux-musl"},
        {"aarch64-linux-gnu", "aarch64-unknown-linux-gnu"},
        {"arm64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"},
        {"aarch64-none-elf", "aarch64-unknown-none-elf"},
        {"arm-linux-gnueabihf", "armv7a-unknown-linux-gnueabihf"},
        {"armv7a-linux-gnueabihf", "armv7a-unknown-linux-gnueabihf"},
        {"armv7l-unknown-linux-gnueabihf", "armv7a-unknown-linux-gnueabihf"},
        {"arm-none-eabihf", "armv7a-unknown-none-eabihf"},
        {"armv7a", "armv7a-unknown-linux-gnueabihf"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Target target = {0};
        CHECK(find(&target, arena, rows[i][0], NULL, NULL) == 0);
        CHECK_TEXT(target.triple, rows[i][1]);
        Target again = {0};  // the canonical form stands for itself
        CHECK(find(&again, arena, rows[i][1], NULL, NULL) == 0);
        CHECK_TEXT(again.triple, rows[i][1]);
    }
}

static void check_refused(Arena *arena) {
    Target target;
    CHECK(find(&target, arena, "riscv64-linux-gnu", NULL, NULL) == E_TARGET);
    CHECK(find(&target, arena, "", NULL, NULL) == E_TARGET);
    CHECK(find(&target, arena, "-", NULL, NULL) == E_TARGET);
    CHECK(find(&target, arena, "armv7em-none-eabi", NULL, NULL) == E_TARGET);
    CHECK(find(&target, arena, "arm-linux-gnueabi", NULL, NULL) == E_TARGET);
    CHECK(find(&target, arena, "x86_64-linux-gnueabihf", NULL, NULL) == E_TARGET);
    CHECK(find(&target, arena, "x86_64-linux-strange", NULL, NULL) == E_TARGET);
    CHECK(find(&target, arena, "arm64-apple-darwin", NULL, NULL) == E_FORMAT);
    CHECK(find(&target, arena, "x86_64-pc-windows-msvc", NULL, NULL) == E_FORMAT);
    CHECK(find(&target, arena, "x86_64-apple-macosx13", NULL, NULL) == E_FORMAT);
    CHECK(find(&target, arena, "x86_64-linux-gnu", "cortex-a53", NULL) == E_TARGET);
    CHECK(find(&target, arena, "x86_64-linux-gnu", "haswel", NULL) == E_TARGET);
    CHECK(find(&target, arena, "x86_64-linux-gnu", "x86-64-v2,x86-64-v3", NULL) == E_TARGET);
    CHECK(find(&target, arena, "x86_64-linux-gnu", NULL, "avx2") == E_TARGET);
    CHECK(find(&target, arena, "x86_64-linux-gnu", NULL, "+avx3") == E_TARGET);
    CHECK(find(&target, arena, "x86_64-linux-gnu", NULL, "-sse2") == E_TARGET);
    CHECK(find(&target, arena, "aarch64-linux-gnu", NULL, "+avx2") == E_TARGET);
    CHECK(find(&target, arena, "arm-linux-gnueabihf", NULL, "-neon") == E_TARGET);
}

static void check_rows(Arena *arena) {
    int count;
    const TargetRow *rows = target_rows(&count);
    for (int i = 0; i < count; i++) {
        const char *triple = arena_printf(arena, "%s-linux-%s", rows[i].arch,
                                          strcmp(rows[i].arch, "arm") ? "gnu" : "gnueabihf");
        Target target = {0};
        CHECK(find(&target, arena, triple, rows[i].cpu, NULL) == 0);
        CHECK_TEXT(target.cpu, rows[i].cpu);
        Target level = {0};  // of which a CPU uses no more than its level has
        CHECK(find(&level, arena, triple, target.level, NULL) == 0);
        CHECK(level.vector_bits == target.vector_bits && level.fma == target.fma && level.rounds == target.rounds);
        CHECK(target.arch == ARCH_X86_64 ? !strncmp(target.level, "x86-64", 6) : !strcmp(target.level, target.cpu));
        CHECK(target.pointer_bits == (target.arch == ARCH_ARM ? 32 : 64));
        CHECK(target.vector_bits >= 128 && target.registers >= 16 && target.fma_per_cycle >= 1);
        CHECK(target.block % target_lanes(&target, 32) == 0);
        CHECK(target.l1_bytes >= 32 << 10 && target.l2_bytes >= target.l1_bytes && target.ghz > 0);
    }
}

// Products of bytes or words that are added up in a lane: features, which are gone with the registers that they need.
static void check_dots(Arena *arena) {
    static const struct {
        const char *triple, *cpu, *attr;
        int dots;
    } rows[] = {
        {"x86_64-linux-gnu", "x86-64-v4", NULL, 2},
        {"x86_64-linux-gnu", "x86-64-v4", "+avx512vnni", 4},
        {"x86_64-linux-gnu", "znver4", NULL, 4},
        {"x86_64-linux-gnu", "znver4", "-avx512vnni", 2},
        {"x86_64-linux-gnu", "znver4", "-avx512vnni,-avx512bw", 0},
        {"x86_64-linux-gnu", "znver4", "-avx512f", 2},
        {"x86_64-linux-gnu", "alderlake", NULL, 4},
        {"x86_64-linux-gnu", "alderlake", "-avxvnni", 2},
        {"x86_64-linux-gnu", NULL, NULL, 2},
        {"x86_64-linux-gnu", NULL, "+avx", 0},
        {"x86_64-linux-gnu", NULL, "+avx2", 2},
        {"x86_64-linux-gnu", NULL, "+avx512f", 0},
        {"x86_64-linux-gnu", "x86-64-v3", "-avx2", 0},
        {"aarch64-linux-gnu", "cortex-a72", NULL, 0},
        {"aarch64-linux-gnu", "cortex-a72", "+dotprod", 4},
        {"aarch64-linux-gnu", "neoverse-n1", NULL, 4},
        {"arm-linux-gnueabihf", NULL, NULL, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Target target = {0};
        CHECK(find(&target, arena, rows[i].triple, rows[i].cpu, rows[i].attr) == 0);
        CHECK(target.dots == rows[i].dots);
    }
    CHECK(feature_sign("+dotprod,-neon,-dotprod", "dotprod") == '-');
    CHECK(feature_sign("+avx512vnni", "avx512") == 0);
}

static void check_features(Arena *arena) {
    static const struct {
        const char *cpu, *attr;
        int bits, registers, block;
        bool fma;
    } rows[] = {
        {NULL, NULL, 128, 16, 16, false},
        {NULL, "+avx2", 256, 16, 16, false},
        {NULL, "+avx2,+fma", 256, 16, 16, true},
        {NULL, "+avx512f", 512, 32, 16, true},
        {"x86-64-v3", "-fma", 256, 16, 16, false},
        {"x86-64-v3", "-avx", 128, 16, 16, false},
        {"x86-64-v3", "+popcnt", 256, 16, 16, true},
        {"x86-64-v4", "-avx512f", 256, 16, 16, true},
        {"x86-64-v4", "-fma", 256, 16, 16, false},
        {"haswell", "-sse4.2", 128, 16, 16, false},
        {"x86-64-v4", "+avx512vnni", 512, 32, 16, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Target target = {0};
        CHECK(find(&target, arena, "x86_64-linux-gnu", rows[i].cpu, rows[i].attr) == 0);
        CHECK_TEXT(target.features, rows[i].attr ? rows[i].attr : "");
        CHECK(target.vector_bits == rows[i].bits && target.registers == rows[i].registers);
        CHECK(target.block == rows[i].block && target.fma == rows[i].fma);
    }
    check_dots(arena);
    Target a7 = {0};
    CHECK(find(&a7, arena, "arm-linux-gnueabihf", "cortex-a7", "+vfp4") == 0);
    CHECK_TEXT(a7.features, "+neon,-slowfpvmlx,+vfp4");
}

static void check_host(Arena *arena) {
    Target host = {0}, native = {0}, baseline = {0};
    CHECK(find(&host, arena, NULL, NULL, NULL) == 0);
    CHECK(find(&native, arena, NULL, "native", NULL) == 0);
    target_baseline(&baseline);
    CHECK(native.vector_bits >= host.vector_bits);
    CHECK_TEXT(baseline.triple, host.triple);
    CHECK_TEXT(baseline.cpu, host.cpu);
    CHECK(!baseline.fma);
    Target other;
    const char *foreign = host.arch == ARCH_ARM ? "x86_64" : "arm";
    CHECK(find(&other, arena, foreign, "native", NULL) == E_TARGET);
}

void test_target(void) {
    Arena *arena = arena_new();
    check_triples(arena);
    check_refused(arena);
    check_rows(arena);
    check_features(arena);
    check_host(arena);
    arena_free(arena);
}

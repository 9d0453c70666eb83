// Finds a row of THE target table for a triple, a CPU and a feature list, the way gcc, clang and llc spell them.
//
// A triple is read component by component and written again in one canonical form of four parts, because LLVM takes
// a short one for something else without a word (three-part ARM triples mean soft float). CPUs and features are
// checked against our own tables, because LLVM only prints a warning for a name it doesn't know.
//
// `native` picks the row by the features that the operating system lets us use, never by a model name: a hypervisor
// may hide features. The maker's family then refines the numbers, not the features.
#include "target/target.h"

#include <stddef.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

typedef struct Row {
    Arch arch;
    const char *cpu, *features;
    int vector_bits, registers;
    bool fma, fma_lane, rounds, divides;
    int block, fma_per_cycle;
    double ghz;
    int l1_kib, l2_kib;
    int loads_per_cycle;
    bool loads_hide;
    int l2_rate, l3_rate, memory_rate;
    bool halves;
} Row;

static const Row rows[] = {
#define HALVES_X86_64(bits) ((bits) >= 256)
#define HALVES_AARCH64(bits) true
#define HALVES_ARM(bits) false
#define TARGET(arch, cpu, features, bits, regs, fma, lane, rounds, divides, block, per_cycle, ghz, l1, l2, loads, \
               hide, l2r, l3r, memr, note)                                                                        \
    {ARCH_##arch, cpu,   features, bits, regs,  fma,  lane, rounds, divides, block,             \
     per_cycle,   ghz,   l1,       l2,   loads, hide, l2r,  l3r,    memr,    HALVES_##arch(bits)},
#include "target/targets.def"
#undef TARGET
};

enum { ROWS = sizeof rows / sizeof *rows };

static const struct {
    const char *name, *canonical;
} arch_info[] = {
    [ARCH_X86_64] = {"x86_64", "x86_64"},
    [ARCH_AARCH64] = {"aarch64", "aarch64"},
    [ARCH_ARM] = {"arm", "armv7a"},
};

const TargetRow *target_rows(int *count) {
#define NAME_X86_64 "x86_64"
#define NAME_AARCH64 "aarch64"
#define NAME_ARM "arm"
    static const TargetRow names[] = {
#define TARGET(arch, cpu, features, bits, regs, fma, lane, rounds, divides, block, per_cycle, ghz, l1, l2, loads, \
               hide, l2r, l3r, memr, note)                                                                        \
    {NAME_##arch, cpu, note},
#include "target/targets.def"
#undef TARGET
    };
    *count = ROWS;
    return names;
}

// Triples.

static const char host_triple[] =
#if defined(__x86_64__)
    "x86_64-unknown-linux-gnu";
enum { HOST_ARCH = ARCH_X86_64 };
#elif defined(__aarch64__)
    "aarch64-unknown-linux-gnu";
enum { HOST_ARCH = ARCH_AARCH64 };
#else
    "armv7a-unknown-linux-gnueabihf";
enum { HOST_ARCH = ARCH_ARM };
#endif

// What a component of a triple says. A word stands for itself and, with `prefix`, for all that begin so.
typedef enum PartKind { PART_ARCH, PART_VENDOR, PART_OS, PART_ENV, PART_SOFT, PART_FOREIGN } PartKind;
typedef struct Part {
    const char *word;
    bool prefix;
    PartKind kind;
    int arch;               // the Arch of PART_ARCH; of PART_ENV, the only Arch that has it, or -1
    const char *canonical;  // OS or environment
} Part;

static const Part parts[] = {
    {"x86_64", false, PART_ARCH, ARCH_X86_64, NULL},
    {"x86-64", false, PART_ARCH, ARCH_X86_64, NULL},
    {"amd64", false, PART_ARCH, ARCH_X86_64, NULL},
    {"aarch64", false, PART_ARCH, ARCH_AARCH64, NULL},
    {"arm64", false, PART_ARCH, ARCH_AARCH64, NULL},
    {"armv7a", false, PART_ARCH, ARCH_ARM, NULL},
    {"armv7", false, PART_ARCH, ARCH_ARM, NULL},
    {"armv7l", false, PART_ARCH, ARCH_ARM, NULL},
    {"armhf", false, PART_ARCH, ARCH_ARM, NULL},
    {"arm", false, PART_ARCH, ARCH_ARM, NULL},
    {"linux", false, PART_OS, -1, "linux"},
    {"none", false, PART_OS, -1, "none"},
    {"freebsd", true, PART_OS, -1, "freebsd"},
    {"gnueabihf", false, PART_ENV, ARCH_ARM, "gnueabihf"},
    {"musleabihf", false, PART_ENV, ARCH_ARM, "musleabihf"},
    {"eabihf", false, PART_ENV, ARCH_ARM, "eabihf"},
    {"gnueabi", false, PART_SOFT, -1, NULL},
    {"musleabi", false, PART_SOFT, -1, NULL},
    {"eabi", false, PART_SOFT, -1, NULL},
    {"gnu", false, PART_ENV, -1, "gnu"},
    {"musl", false, PART_ENV, -1, "musl"},
    {"elf", false, PART_ENV, -1, "elf"},
    {"android", true, PART_ENV, -1, "android"},
    {"darwin", true, PART_FOREIGN, -1, NULL},
    {"macos", true, PART_FOREIGN, -1, NULL},
    {"ios", true, PART_FOREIGN, -1, NULL},
    {"windows", true, PART_FOREIGN, -1, NULL},
    {"win32", true, PART_FOREIGN, -1, NULL},
    {"mingw32", true, PART_FOREIGN, -1, NULL},
    {"wasi", true, PART_FOREIGN, -1, NULL},
};

static const Part *part_find(const char *word) {
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const Part *part = &parts[i];
        if (part->prefix ? !strncmp(word, part->word, strlen(part->word)) : !strcmp(word, part->word))
            return part;
    }
    return NULL;
}

typedef struct Triple {
    int arch;  // -1: none yet
    const char *os, *env;
} Triple;

static bool triple_part(Triple *triple, const char *word, const char *text, Diag *diag) {
    const Part *part = part_find(word);
    if (triple->arch < 0) {
        if (!part || part->kind != PART_ARCH)
            return diag_error(diag, NULL, E_TARGET, "unknown architecture '%s' in --target=%s", word, text);
        triple->arch = part->arch;
        return true;
    }
    if (!part)  // a vendor: unknown, pc, ...
        return triple->os || triple->env
                   ? diag_error(diag, NULL, E_TARGET, "unknown environment '%s' in --target=%s", word, text)
                   : true;
    if (part->kind == PART_FOREIGN)
        return diag_error(diag, NULL, E_FORMAT, "--target=%s does not use ELF objects", text);
    if (part->kind == PART_SOFT)
        return diag_error(diag, NULL, E_TARGET, "--target=%s has no hard float: use one that ends in eabihf", text);
    if (part->kind == PART_OS)
        triple->os = part->canonical;
    if (part->kind == PART_ENV) {
        if (part->arch >= 0 && part->arch != triple->arch)
            return diag_error(diag, NULL, E_TARGET, "environment '%s' does not go with --target=%s", word, text);
        triple->env = part->canonical;
    }
    return true;
}

// The environment of a triple that names none, or the short form of it.
static const char *triple_env(const Triple *triple) {
    bool arm = triple->arch == ARCH_ARM, bare = triple->os && !strcmp(triple->os, "none");
    if (!triple->env || (arm && !strcmp(triple->env, "gnu")))
        return bare ? arm ? "eabihf" : "elf" : arm ? "gnueabihf" : "gnu";
    return arm && !strcmp(triple->env, "musl") ? "musleabihf" : triple->env;
}

static bool triple_parse(Triple *triple, Arena *arena, const char *text, Diag *diag) {
    *triple = (Triple){-1, NULL, NULL};
    for (const char *at = text;;) {
        size_t length = strcspn(at, "-");
        if (triple->arch < 0 && !strncmp(at, "x86-64", 6))
            length = 6;
        if (!triple_part(triple, arena_copy(arena, at, length), text, diag))
            return false;
        if (!at[length])
            break;
        at += length + 1;
    }
    if (!triple->os)
        triple->os = triple->env && (!strcmp(triple->env, "elf") || !strcmp(triple->env, "eabihf")) ? "none" : "linux";
    triple->env = triple_env(triple);
    return true;
}

// CPUs.

static const Row *row_find(Arch arch, const char *cpu) {
    for (int i = 0; i < ROWS; i++)
        if (rows[i].arch == arch && (!cpu || !strcmp(rows[i].cpu, cpu)))
            return &rows[i];
    return NULL;
}

#if defined(__x86_64__)
// The row that has the numbers of this CPU's kind, for CPUs of the same vector width; null if unknown.
static const Row *row_of_kind(const Row *level) {
    enum { ANY = -1 };
    static const struct {
        unsigned vendor, family;  // vendor: what cpuid says in ebx
        int model;
        const char *cpu;
    } kinds[] = {{signature_AMD_ebx, 0x17, ANY, "znver2"},
                 {signature_AMD_ebx, 0x19, ANY, "znver3"},
                 {signature_AMD_ebx, 0x19, ANY, "znver4"},
                 {signature_AMD_ebx, 0x1a, ANY, "znver5"},
                 {signature_INTEL_ebx, 6, 0x55, "cascadelake"},
                 {signature_INTEL_ebx, 6, 0x6a, "icelake-server"},
                 {signature_INTEL_ebx, 6, 0x8f, "sapphirerapids"},
                 {signature_INTEL_ebx, 6, 0xad, "sapphirerapids"},   // Granite Rapids
                 {signature_INTEL_ebx, 6, 0xcf, "sapphirerapids"}};  // Emerald Rapids
    unsigned a, vendor, c, d, b;
    if (!__get_cpuid(0, &a, &vendor, &c, &d) || !__get_cpuid(1, &a, &b, &c, &d))
        return NULL;
    unsigned family = a >> 8 & 15;
    int model = (int)((a >> 4 & 15) | (a >> 12 & 0xf0));
    if (family == 15)
        family += a >> 20 & 255;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const Row *row = row_find(ARCH_X86_64, kinds[i].cpu);
        bool same = kinds[i].vendor == vendor && kinds[i].family == family &&
                    (kinds[i].model == ANY || kinds[i].model == model);
        if (same && row && row->vector_bits == level->vector_bits)
            return row;
    }
    return NULL;
}

static Row row_native(void) {
    __builtin_cpu_init();  // asks the OS (xgetbv) about AVX and AVX-512 state too
    const char *level = __builtin_cpu_supports("x86-64-v4")   ? "x86-64-v4"
                        : __builtin_cpu_supports("x86-64-v3") ? "x86-64-v3"
                        : __builtin_cpu_supports("x86-64-v2") ? "x86-64-v2"
                                                              : "x86-64";
    const Row *row = row_find(ARCH_X86_64, level), *numbers = row_of_kind(row);
    Row native = numbers ? *numbers : *row;
    native.cpu = row->cpu;
    native.features = row->vector_bits == 512 && __builtin_cpu_supports("avx512vnni") ? "+avx512vnni" : "";
    return native;
}
#else
static Row row_native(void) {
    return *row_find((Arch)HOST_ARCH, NULL);
}
#endif

static bool row_choose(Row *row, Arch arch, const char *cpu, Diag *diag) {
    if (cpu && strchr(cpu, ','))
        return diag_error(diag, NULL, E_TARGET, "--mcpu=%s: one object for several CPUs is not supported", cpu);
    if (cpu && !strcmp(cpu, "native")) {
        if ((int)arch != HOST_ARCH)
            return diag_error(diag, NULL, E_TARGET, "--mcpu=native does not go with a target of another architecture");
        *row = row_native();
        return true;
    }
    const Row *found = row_find(arch, cpu);
    if (!found)
        return diag_error(diag, NULL, E_TARGET, "unknown CPU '%s' for %s (see sqzc list targets)", cpu,
                          arch_info[arch].name);
    *row = *found;
    return true;
}

// Features.

// `bits` is the vector width that a feature of x86 gives when added, and leaves when taken away; 0: no effect here.
// `fixed` ones are in the baseline and cannot be taken away.
typedef struct Feature {
    Arch arch;
    const char *name;
    bool fixed, fma;
    int with, without;
} Feature;

static const Feature features[] = {
    {ARCH_X86_64, "sse", true, false, 0, 0},
    {ARCH_X86_64, "sse2", true, false, 0, 0},
    {ARCH_X86_64, "sse3", false, false, 0, 128},
    {ARCH_X86_64, "ssse3", false, false, 0, 128},
    {ARCH_X86_64, "sse4.1", false, false, 0, 128},
    {ARCH_X86_64, "sse4.2", false, false, 0, 128},
    {ARCH_X86_64, "popcnt", false, false, 0, 0},
    {ARCH_X86_64, "bmi", false, false, 0, 0},
    {ARCH_X86_64, "bmi2", false, false, 0, 0},
    {ARCH_X86_64, "lzcnt", false, false, 0, 0},
    {ARCH_X86_64, "movbe", false, false, 0, 0},
    {ARCH_X86_64, "avx", false, false, 256, 128},
    {ARCH_X86_64, "f16c", false, false, 256, 256},
    {ARCH_X86_64, "avx2", false, false, 256, 256},
    {ARCH_X86_64, "fma", false, true, 256, 256},
    {ARCH_X86_64, "avxvnni", false, false, 256, 0},
    {ARCH_X86_64, "avx512f", false, true, 512, 256},
    {ARCH_X86_64, "avx512bw", false, true, 512, 0},
    {ARCH_X86_64, "avx512cd", false, true, 512, 0},
    {ARCH_X86_64, "avx512dq", false, true, 512, 0},
    {ARCH_X86_64, "avx512vl", false, true, 512, 0},
    {ARCH_X86_64, "avx512ifma", false, true, 512, 0},
    {ARCH_X86_64, "avx512vbmi", false, true, 512, 0},
    {ARCH_X86_64, "avx512vbmi2", false, true, 512, 0},
    {ARCH_X86_64, "avx512vnni", false, true, 512, 0},
    {ARCH_X86_64, "avx512bitalg", false, true, 512, 0},
    {ARCH_X86_64, "avx512vpopcntdq", false, true, 512, 0},
    {ARCH_X86_64, "avx512bf16", false, true, 512, 0},
    {ARCH_X86_64, "avx512fp16", false, true, 512, 0},
    {ARCH_AARCH64, "neon", true, false, 0, 0},
    {ARCH_AARCH64, "fp-armv8", true, false, 0, 0},
    {ARCH_AARCH64, "fullfp16", false, false, 0, 0},
    {ARCH_AARCH64, "fp16fml", false, false, 0, 0},
    {ARCH_AARCH64, "bf16", false, false, 0, 0},
    {ARCH_AARCH64, "dotprod", false, false, 0, 0},
    {ARCH_AARCH64, "i8mm", false, false, 0, 0},
    {ARCH_AARCH64, "sve", false, false, 0, 0},
    {ARCH_AARCH64, "sve2", false, false, 0, 0},
    {ARCH_AARCH64, "lse", false, false, 0, 0},
    {ARCH_AARCH64, "crc", false, false, 0, 0},
    {ARCH_AARCH64, "rdm", false, false, 0, 0},
    {ARCH_AARCH64, "rcpc", false, false, 0, 0},
    {ARCH_AARCH64, "outline-atomics", false, false, 0, 0},
    {ARCH_ARM, "neon", true, false, 0, 0},
    {ARCH_ARM, "vfp2", true, false, 0, 0},
    {ARCH_ARM, "vfp3", true, false, 0, 0},
    {ARCH_ARM, "d32", true, false, 0, 0},
    {ARCH_ARM, "vfp4", false, false, 0, 0},
    {ARCH_ARM, "fp16", false, false, 0, 0},
    {ARCH_ARM, "hwdiv", false, false, 0, 0},
    {ARCH_ARM, "hwdiv-arm", false, false, 0, 0},
    {ARCH_ARM, "slowfpvmlx", false, false, 0, 0},
    {ARCH_ARM, "expand-fp-mlx", false, false, 0, 0},
    {ARCH_ARM, "slowfpvfmx", false, false, 0, 0},
    {ARCH_ARM, "thumb-mode", false, false, 0, 0},
};

static const Feature *feature_find(Arch arch, const char *name) {
    for (size_t i = 0; i < sizeof features / sizeof *features; i++)
        if (features[i].arch == arch && !strcmp(features[i].name, name))
            return &features[i];
    return NULL;
}

// What else a feature needs or carries: +avx512f brings fma, -fma or -avx2 takes avx512f away, -avx takes fma.
static void feature_apply(Row *row, const Feature *feature, bool add) {
    int before = row->vector_bits;
    if (add && feature->with > before)
        row->vector_bits = feature->with;
    if (!add && feature->without && feature->without < before)
        row->vector_bits = feature->without;
    if (add && feature->fma)
        row->fma = true;
    if (!add && (!strcmp(feature->name, "fma") || (feature->without == 128 && before > 128)))
        row->fma = false;
    if (!strcmp(feature->name, "f16c"))
        row->halves = add;
    if (row->arch == ARCH_X86_64 && row->vector_bits == 128)
        row->halves = false;
    if (row->arch == ARCH_X86_64 && row->vector_bits != before) {
        row->registers = row->vector_bits == 512 ? 32 : 16;
        row->fma_per_cycle = row->vector_bits == 128 ? 1 : 2;
    }
}

static bool features_apply(Row *row, Arena *arena, const char *attr, Diag *diag) {
    for (const char *at = attr; *at;) {
        size_t length = strcspn(at, ",");
        const char *word = arena_copy(arena, at, length);
        if (*word != '+' && *word != '-')
            return diag_error(diag, NULL, E_TARGET, "--mattr: '%s' must begin with + or -", word);
        const Feature *feature = feature_find(row->arch, word + 1);
        if (!feature)
            return diag_error(diag, NULL, E_TARGET, "unknown feature '%s' for %s", word + 1, arch_info[row->arch].name);
        if (feature->fixed && *word == '-')
            return diag_error(diag, NULL, E_TARGET, "feature '%s' cannot be taken from %s", word + 1,
                              arch_info[row->arch].name);
        feature_apply(row, feature, *word == '+');
        at += length + (at[length] == ',');
    }
    return true;
}

// What objects ask of an x86 at run time are its levels (codegen/cpu.c), so they use no more of one than its level has:
// code for another CPU of the same level then runs, instead of meeting an instruction that is not there.
static const char *row_level(const Row *row) {
    if (row->arch != ARCH_X86_64)
        return row->cpu;
    return row->vector_bits == 512   ? "x86-64-v4"
           : row->vector_bits == 256 ? "x86-64-v3"
           : row->rounds             ? "x86-64-v2"
                                     : "x86-64";
}

char feature_sign(const char *list, const char *name) {
    char sign = 0;
    for (const char *at = list; *at;) {
        size_t length = strcspn(at, ",");
        if (length == strlen(name) + 1 && !strncmp(at + 1, name, length - 1))
            sign = *at;
        at += length + (at[length] == ',');
    }
    return sign;
}

// Whether the vectors of an x86 hold integers of 16 bits, too: those of its level do, wider ones by a feature.
static bool row_words(const Row *row, const char *level, const char *feature_list) {
    if (row->arch != ARCH_X86_64)
        return false;
    char sign = feature_sign(feature_list, row->vector_bits == 512 ? "avx512bw" : "avx2");
    bool wider = row->vector_bits > row_find(row->arch, level)->vector_bits;
    return row->vector_bits == 128 || sign == '+' || (!sign && !wider);
}

// What a feature of x86 needs of the registers may have been taken away again.
static int row_dots(const Row *row, const char *level, const char *feature_list) {
    if ((row->vector_bits == 512 && feature_sign(feature_list, "avx512vnni") == '+') ||
        (row->vector_bits == 256 && feature_sign(feature_list, "avxvnni") == '+') ||
        feature_sign(feature_list, "dotprod") == '+')
        return 4;
    return row_words(row, level, feature_list) ? 2 : 0;
}

static Target target_of(const Row *row, const char *triple, const char *level, const char *feature_list) {
    return (Target){
        .arch = row->arch,
        .triple = triple,
        .cpu = row->cpu,
        .level = level,
        .features = feature_list,
        .pointer_bits = row->arch == ARCH_ARM ? 32 : 64,
        .vector_bits = row->vector_bits,
        .registers = row->registers,
        .fma = row->fma,
        .fma_lane = row->fma_lane,
        .rounds = row->rounds,
        .divides = row->divides,
        .halves = row->halves,
        .words = row_words(row, level, feature_list),
        .dots = row_dots(row, level, feature_list),
        .block = row->block,
        .fma_per_cycle = row->fma_per_cycle,
        .ghz = row->ghz,
        .l1_bytes = row->l1_kib * 1024,
        .l2_bytes = row->l2_kib * 1024,
        .loads_per_cycle = row->loads_per_cycle,
        .loads_hide = row->loads_hide,
        .l2_rate = row->l2_rate,
        .l3_rate = row->l3_rate,
        .memory_rate = row->memory_rate,
    };
}

bool target_find(Target *target, Arena *arena, const char *triple, const char *cpu, const char *attr, Diag *diag) {
    Triple parsed;
    Row row = {0};
    if (!triple_parse(&parsed, arena, triple ? triple : host_triple, diag) ||
        !row_choose(&row, (Arch)parsed.arch, cpu, diag))
        return false;
    const char *level = row_level(&row);
    if (!features_apply(&row, arena, attr ? attr : "", diag))
        return false;
    const char *list = !attr || !*attr ? row.features
                       : *row.features ? arena_printf(arena, "%s,%s", row.features, attr)
                                       : arena_string(arena, attr);
    const char *name = arch_info[parsed.arch].canonical;
    *target = target_of(&row, arena_printf(arena, "%s-unknown-%s-%s", name, parsed.os, parsed.env), level, list);
    return true;
}

void target_baseline(Target *target) {
    const Row *row = row_find((Arch)HOST_ARCH, NULL);
    *target = target_of(row, host_triple, row_level(row), row->features);
    target->fma = false;  // a product is rounded before it is added, on every host
}

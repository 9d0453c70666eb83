// The functions of floats against libm: the largest error over sweeps, in units in the last place of the right result,
// and the special cases. f32 is compared with libm's double, f64 with its long double.
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/str.h"
#include "tests/unit/compiled.h"
#include "tests/unit/unit.h"

enum { POINTS = 12007, SPECIALS = 30 };

static long double sigmoid(long double x) {
    return 1 / (1 + expl(-x));
}

// What is made of e^x - 1 and of log(1 + x).
static long double elu(long double x) {
    return x < 0 ? expm1l(x) : x;
}

static long double softplus(long double x) {
    return (x > 0 ? x : 0) + log1pl(expl(-fabsl(x)));
}

// low .. high is the interval of the sweep; where `log` is set, magnitudes are spread by their logarithm.
typedef struct Function {
    const char *op;
    long double (*reference)(long double x);
    double low, high;
    bool log;
    double ulp32, ulp64;
} Function;

static const Function functions[] = {
    {"Exp", expl, -104, 89, false, 1.0, 1.0},
    {"Exp", expl, -746, 710, false, 1.0, 1.0},
    {"Log", logl, 1e-40, 1e38, true, 0.9, 0.9},
    {"Log", logl, 0.5, 2, false, 0.9, 0.9},
    {"Tanh", tanhl, -21, 21, false, 2.6, 2.3},
    {"Tanh", tanhl, -10, 10, true, 2.6, 2.3},
    {"Tanh", tanhl, 0.0155, 0.0156, false, 2.6, 2.5},
    {"Tanh", tanhl, 0.0602, 0.0603, false, 2.6, 2.5},
    {"Sigmoid", sigmoid, -104, 90, false, 1.6, 2.5},
    {"Sigmoid", sigmoid, -87.5, 87.5, true, 1.6, 2.5},
    {"Erf", erfl, -6, 6, false, 2.0, 1.5},
    {"Erf", erfl, -2, 2, true, 2.0, 1.5},
    {"Sin", sinl, -10, 10, false, 1.6, 0.9},
    {"Sin", sinl, -1e30, 1e30, true, 1.6, 0.9},
    {"Cos", cosl, -10, 10, false, 1.6, 0.9},
    {"Cos", cosl, -1e30, 1e30, true, 1.6, 0.9},
    {"Tan", tanl, -10, 10, false, 0.6, 2.2},
    {"Tan", tanl, -1e30, 1e30, true, 0.6, 2.2},
    {"Asin", asinl, -1, 1, false, 0.6, 1.8},
    {"Acos", acosl, -1, 1, false, 0.6, 1.5},
    {"Atan", atanl, -1e3, 1e3, true, 0.6, 1.8},
    {"Sinh", sinhl, -100, 100, true, 0.6, 2.6},
    {"Cosh", coshl, -100, 100, true, 0.6, 2.6},
    {"Asinh", asinhl, -1e20, 1e20, true, 0.6, 2.5},
    {"Acosh", acoshl, 1, 30, false, 0.6, 2.5},
    {"Atanh", atanhl, -0.9999, 0.9999, false, 0.6, 2.5},
    {"Elu", elu, -50, 50, true, 1.0, 1.0},
    {"Softplus", softplus, -200, 200, true, 1.5, 1.5},
    {"Sqrt", sqrtl, 1e-40, 1e38, true, 0.5001, 0.5001},
    {"Floor", floorl, -1e17, 1e17, true, 0, 0},
    {"Ceil", ceill, -1e17, 1e17, true, 0, 0},
    {"Round", rintl, -1e17, 1e17, true, 0, 0},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

static const double specials[SPECIALS] = {0,        -0.0,
                                          INFINITY, -INFINITY,
                                          NAN,      1,
                                          -1,       0.5,
                                          -0.5,     1.5,
                                          2.5,      -2.5,
                                          1e-45,    -1e-45,
                                          1e-310,   -1e-310,
                                          1e-30,    88.8,
                                          -88.8,    -103.5,
                                          709.9,    -745.2,
                                          1e300,    -1e300,
                                          8388609,  4503599627370497,
                                          1e38,     -1e38,
                                          0x1p-126, 3.1415926535897932};

static double next_random(uint64_t *state) {  // [0, 1)
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) * 0x1p-53;
}

static double point(const Function *f, uint64_t *state) {
    double u = next_random(state), x;
    if (!f->log)
        return f->low + u * (f->high - f->low);
    double smallest = f->low > 0 ? f->low : 1e-12 * f->high;
    x = smallest * pow(f->high / smallest, u);
    return f->low < 0 && next_random(state) < 0.5 ? -x : x;
}

static double get(const void *p, bool wide, int i) {
    return wide ? ((const double *)p)[i] : (double)((const float *)p)[i];
}

static void put(void *p, bool wide, int i, double x) {
    if (wide)
        ((double *)p)[i] = x;
    else
        ((float *)p)[i] = (float)x;
}

static bool same_sign(double got, double want) {
    return !signbit(got) == !signbit(want);
}

// The distance from `want` to what `got` is, in units of the last place of `want` in the type; huge where one is NaN
// or infinite and the other isn't.
static double error_in_ulps(double got, long double want, bool wide) {
    double rounded = wide ? (double)want : (double)(float)want;
    if (isnan(got) || isnan(rounded))
        return isnan(got) && isnan(rounded) ? 0 : HUGE_VAL;
    if (isinf(got) || isinf(rounded))
        return got == rounded ? 0 : HUGE_VAL;
    double a = fabs(rounded);
    double unit = wide ? nextafter(a, INFINITY) - a : (double)(nextafterf((float)a, INFINITY) - (float)a);
    return (double)(fabsl((long double)got - want) / (long double)unit);
}

static char *module_text(Arena *arena, bool wide) {
    Str text = {.arena = arena};
    const char *type = wide ? "f64" : "f32";
    str_add(&text, "graph @main(");
    for (int i = 0; i < FUNCTIONS; i++)
        str_printf(&text, "%s%%x%d: %s<%d>", i ? ", " : "", i, type, POINTS);
    str_add(&text, ") -> (");
    for (int i = 0; i < FUNCTIONS; i++)
        str_printf(&text, "%s%%y%d", i ? ", " : "", i);
    str_add(&text, ") {\n");
    for (int i = 0; i < FUNCTIONS; i++)
        str_printf(&text, "  %%y%d = %s(%%x%d) : %s<%d>\n", i, functions[i].op, i, type, POINTS);
    str_add(&text, "}\n");
    return text.text;
}

// Whether 0 may stand for what is no normal number.
static bool flushes(const Function *f) {
    return f->reference == sigmoid;
}

static void check_function(const Function *f, const void *x, const void *y, bool wide) {
    double worst = 0, at = 0;
    bool special = true;
    for (int i = 0; i < POINTS; i++) {
        double arg = get(x, wide, i), got = get(y, wide, i);
        long double want = f->reference((long double)arg);
        double off = error_in_ulps(got, want, wide);
        if (flushes(f) && got == 0 && fabsl(want) < (wide ? DBL_MIN : FLT_MIN))
            off = 0;
        if (off > worst)
            worst = off, at = arg;
        if (i < SPECIALS && got == 0 && want == 0 && !same_sign(got, (double)want))
            special = false;
    }
    double limit = wide ? f->ulp64 : f->ulp32;
    if (!CHECK(worst <= limit) || !CHECK(special))
        fprintf(stderr, "%s of %s: %.3f ULP at %a\n", f->op, wide ? "f64" : "f32", worst, at);
    else if (getenv("SQZC_ULP"))
        printf("%-8s %s on [%g, %g]: %.3f ULP\n", f->op, wide ? "f64" : "f32", f->low, f->high, worst);
}

static void check_functions(char level, const char *cpu, bool wide) {
    Arena *arena = arena_new();
    Compiled compiled = compiled_make(module_text(arena, wide), level, NULL, cpu);
    void *in[FUNCTIONS], *out[FUNCTIONS];
    uint64_t state = 1;
    for (int k = 0; k < FUNCTIONS; k++) {
        in[k] = arena_alloc(arena, POINTS * sizeof(double));
        out[k] = arena_alloc(arena, POINTS * sizeof(double));
        for (int i = 0; i < POINTS; i++)
            put(in[k], wide, i, i < SPECIALS ? specials[i] : point(&functions[k], &state));
    }
    if (CHECK(compiled.jit != NULL) && CHECK(jit_call(compiled.jit, (const void *const *)in, out) == 0))
        for (int k = 0; k < FUNCTIONS; k++)
            check_function(&functions[k], in[k], out[k], wide);
    compiled_free(&compiled);
    arena_free(arena);
}

// ---- Powers

static const char power_text[] =
    "graph @main(%a: f32<4000>, %b: f32<4000>, %c: f64<4000>, %d: f64<4000>) -> (%x, %y) {\n"
    "  %x = Pow(%a, %b) : f32<4000>\n"
    "  %y = Pow(%c, %d) : f64<4000>\n"
    "}\n";

// A pair for every two special values, then bases around 1 and anywhere with exponents that leave the result finite.
static void power_point(int i, bool wide, uint64_t *state, double *x, double *y) {
    if (i < SPECIALS * SPECIALS) {
        *x = specials[i / SPECIALS];
        *y = specials[i % SPECIALS];
        return;
    }
    double u = next_random(state), v = next_random(state);
    *x = i % 2 ? 1 + 1e-3 * (u - 0.5) : exp2(60 * (u - 0.5));
    *y = (2 * v - 1) * (wide ? 708 : 87) / (fabs(log(*x)) + 1e-30);
}

static void check_powers(char level, const char *cpu) {
    enum { COUNT = 4000 };
    static const double limit[2] = {0.6, 1.0};
    Compiled compiled = compiled_make(power_text, level, NULL, cpu);
    void *buffer[6];
    uint64_t state = 2;
    for (int k = 0; k < 6; k++)
        buffer[k] = arena_alloc(compiled.arena, COUNT * sizeof(double));
    for (int wide = 0; wide < 2; wide++)
        for (int i = 0; i < COUNT; i++) {
            double x, y;
            power_point(i, wide, &state, &x, &y);
            put(buffer[2 * wide], wide, i, x);
            put(buffer[2 * wide + 1], wide, i, y);
        }
    if (CHECK(compiled.jit != NULL) && CHECK(jit_call(compiled.jit, (const void *const *)buffer, buffer + 4) == 0))
        for (int wide = 0; wide < 2; wide++)
            for (int i = 0; i < COUNT; i++) {
                double x = get(buffer[2 * wide], wide, i), y = get(buffer[2 * wide + 1], wide, i);
                double got = get(buffer[4 + wide], wide, i);
                long double want = powl((long double)x, (long double)y);
                bool sign = got != 0 || want != 0 || same_sign(got, (double)want);
                double most = y == -0.5 ? 1.5 : limit[wide];  // 1 / sqrt(x), at every level: two roundings
                if (!CHECK(error_in_ulps(got, want, wide) <= most && sign))
                    fprintf(stderr, "%a to the %a is %a, not %La\n", x, y, got, want);
            }
    compiled_free(&compiled);
}

void test_math(void) {
    static const char *const cpus[] = {NULL, "native"};
    for (int i = 0; i < 2; i++)
        for (int wide = 0; wide < 2; wide++)
            check_functions(i ? '2' : '0', cpus[i], wide);
    check_powers('0', NULL);
    check_powers('2', "native");
}

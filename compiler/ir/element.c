// Elements are copied in and out with memcpy, since constants may point anywhere into a mapped file. The host is
// little-endian, as the constants are. A NaN that is not the usual one prints as the hexadecimal of its bits.
#include "ir/element.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ir/text.h"
#include "support/checked.h"

static uint32_t bits_of(float number) {
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits) {
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

const SmallFloat *small_float(DType dtype) {
    static const SmallFloat formats[DT_COUNT] = {
        [DT_F16] = {10, 15, 0x8000, 0x7bff, 0x7c00, 0x7e00}, [DT_F8E4M3FN] = {3, 7, 0x80, 0x7e, 0x7f, 0x7f},
        [DT_F8E4M3FNUZ] = {3, 8, 0x80, 0x7f, 0x80, 0x80},    [DT_F8E5M2] = {2, 15, 0x80, 0x7b, 0x7c, 0x7e},
        [DT_F8E5M2FNUZ] = {2, 16, 0x80, 0x7f, 0x80, 0x80},   [DT_F4E2M1] = {1, 1, 0x8, 0x7, 0x7, 0x8},
    };
    return formats[dtype].fraction ? &formats[dtype] : NULL;
}

static bool is_nan(const SmallFloat *f, uint32_t bits) {
    if (f->nan == f->sign)
        return f->most == f->overflow ? false : bits == f->nan;
    return (bits & (f->sign - 1)) > (f->overflow == f->nan ? f->most : f->overflow);
}

// A NaN keeps its payload.
static float small_to_float(const SmallFloat *f, uint32_t bits) {
    uint32_t sign = bits & f->sign ? 0x80000000 : 0, size = bits & (f->sign - 1);
    if (is_nan(f, bits))
        return float_of(sign | 0x7f800000 | (f->overflow == f->nan ? 0x400000 : size << (23 - f->fraction)));
    if (size > f->most)
        return float_of(sign | 0x7f800000);
    float number = float_of(size << (23 - f->fraction)), bias = float_of((uint32_t)(254 - f->bias) << 23);
    return sign ? -number * bias : number * bias;
}

// To nearest, ties to even. A NaN keeps the upper payload, and stays a NaN.
static uint32_t small_from_float(const SmallFloat *f, float number) {
    uint32_t size = bits_of(number) & 0x7fffffff, sign = bits_of(number) >> 31 ? f->sign : 0;
    uint32_t digits = (1u << f->fraction) - 1, result;
    int unused = 23 - f->fraction;
    if (size > 0x7f800000) {
        uint32_t payload = size >> unused & digits;
        result = payload && f->overflow != f->nan ? (f->overflow | payload) : f->nan;
    } else if (size < (uint32_t)(128 - f->bias) << 23) {  // subnormal: a multiple of the least
        result = (uint32_t)rintf(ldexpf(float_of(size), f->bias - 1 + f->fraction));
    } else {
        result = size - ((uint32_t)(127 - f->bias) << 23);
        result = (result + (1u << (unused - 1)) - 1 + (result >> unused & 1)) >> unused;
        result = result > f->most ? f->overflow : result;
    }
    if (small_is_fnuz(f) && !(result & (f->sign - 1)))
        return result;
    return result ^ sign;
}

// f8e8m0: a power of two, without a sign; to nearest.
static float exponent_to_float(uint32_t bits) {
    return float_of(bits == 0 ? 0x400000 : bits == 255 ? 0x7fc00000 : bits << 23);
}

static uint32_t exponent_from_float(float number) {
    uint32_t size = bits_of(number) & 0x7fffffff, exponent = size >> 23, digits = size & 0x7fffff;
    bool up = digits > 0x400000 || (digits == 0x400000 && exponent);
    return exponent < 254 && up ? exponent + 1 : exponent;
}

static float narrow_to_float(DType dtype, uint32_t bits) {
    if (dtype == DT_BF16)
        return float_of(bits << 16);
    return dtype == DT_F8E8M0 ? exponent_to_float(bits) : small_to_float(small_float(dtype), bits);
}

static uint32_t narrow_from_float(DType dtype, float number) {
    uint32_t bits = bits_of(number);
    if (dtype != DT_BF16)
        return dtype == DT_F8E8M0 ? exponent_from_float(number) : small_from_float(small_float(dtype), number);
    if (isnan(number))
        return bits >> 16 | (bits >> 16 & 127 ? 0 : 64);
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

static size_t element_size(DType dtype) {
    return (size_t)dtype_info[dtype].bits / 8;
}

// The element's bits, in the low part of the word.
static uint64_t load_bits(DType dtype, const void *bytes, int64_t index) {
    uint64_t bits = 0;
    size_t size = element_size(dtype);
    const char *element = (const char *)bytes + (size_t)index * size;
    switch (size) {  // a call of memcpy takes longer than the rest of a conversion
    case 1: memcpy(&bits, element, 1); return bits;
    case 2: memcpy(&bits, element, 2); return bits;
    case 4: memcpy(&bits, element, 4); return bits;
    default: memcpy(&bits, element, 8); return bits;
    }
}

static void store_bits(DType dtype, void *bytes, int64_t index, uint64_t bits) {
    size_t size = element_size(dtype);
    memcpy((char *)bytes + (size_t)index * size, &bits, size);
}

int64_t element_int(DType dtype, const void *bytes, int64_t index) {
    uint64_t bits = load_bits(dtype, bytes, index);
    if (dtype == DT_BOOL)
        return bits != 0;
    if (!dtype_is_signed(dtype))
        return (int64_t)bits;
    int unused = 64 - dtype_info[dtype].bits;
    return (int64_t)(bits << unused) >> unused;
}

double element_double(DType dtype, const void *bytes, int64_t index) {
    uint64_t bits = load_bits(dtype, bytes, index);
    double number;
    if (dtype == DT_F64) {
        memcpy(&number, &bits, sizeof number);
        return number;
    }
    if (dtype_is_float(dtype))
        return (double)(dtype == DT_F32 ? float_of((uint32_t)bits) : narrow_to_float(dtype, (uint32_t)bits));
    return dtype == DT_U64 ? (double)bits : (double)element_int(dtype, bytes, index);
}

static uint64_t float_bits(DType dtype, double number) {
    uint64_t bits = 0;
    if (dtype == DT_F64)
        memcpy(&bits, &number, sizeof bits);
    else if (dtype == DT_F32)
        bits = bits_of((float)number);
    else
        bits = narrow_from_float(dtype, (float)number);
    return bits;
}

// As the standard's casts do: the low bits, of which the highest is the sign.
static uint64_t wrapped(DType dtype, int64_t number) {
    int unused = 64 - dtype_info[dtype].packed;
    uint64_t high = (uint64_t)number << unused;
    return dtype_is_signed(dtype) ? (uint64_t)((int64_t)high >> unused) : high >> unused;
}

void element_set(DType dtype, void *bytes, int64_t index, double number) {
    if (dtype_is_float(dtype))
        store_bits(dtype, bytes, index, float_bits(dtype, number));
    else if (dtype == DT_BOOL)
        store_bits(dtype, bytes, index, number != 0);
    else
        store_bits(dtype, bytes, index, wrapped(dtype, number >= -0x1p62 && number <= 0x1p62 ? (int64_t)number : 0));
}

// To f32 without doubles between, since large weights are converted so.
void elements_convert(DType from, const void *bytes, DType to, void *result, int64_t count) {
    bool narrow = to == DT_F32 && dtype_info[from].bits <= 16, of_float = dtype_is_float(from);
    for (int64_t i = 0; narrow && i < count; i++) {
        float x = of_float ? narrow_to_float(from, (uint32_t)load_bits(from, bytes, i))
                           : (float)element_int(from, bytes, i);
        memcpy((char *)result + (size_t)i * sizeof x, &x, sizeof x);
    }
    for (int64_t i = 0; !narrow && i < count; i++)
        element_set(to, result, i, element_double(from, bytes, i));
}

void *elements_pack(Arena *arena, DType dtype, const void *wide, int64_t count) {
    int bits = dtype_info[dtype].packed, each = 8 / bits;
    unsigned char *packed = arena_alloc(arena, (size_t)div_up(count, each));
    memset(packed, 0, (size_t)div_up(count, each));
    for (int64_t i = 0; i < count; i++) {
        unsigned low = ((const unsigned char *)wide)[i] & ((1u << bits) - 1);
        packed[i / each] = (unsigned char)(packed[i / each] | low << (i % each * bits));
    }
    return packed;
}

void *elements_unpack(Arena *arena, DType dtype, const void *packed, int64_t count) {
    int bits = dtype_info[dtype].packed, each = 8 / bits;
    unsigned sign = dtype_is_int(dtype) && dtype_is_signed(dtype) ? 1u << (bits - 1) : 0;
    unsigned char *wide = arena_alloc(arena, (size_t)count);
    for (int64_t i = 0; i < count; i++) {
        unsigned low = ((const unsigned char *)packed)[i / each] >> (i % each * bits) & ((1u << bits) - 1);
        wide[i] = (unsigned char)((low ^ sign) - sign);
    }
    return wide;
}

const void *elements_wide(Arena *arena, const Type *type, const void *bytes) {
    return type_is_packed(type) ? elements_unpack(arena, type->dtype, bytes, type_count(type)) : bytes;
}

bool element_equal(DType dtype, const void *a, const void *b, int64_t index) {
    return load_bits(dtype, a, index) == load_bits(dtype, b, index);
}

// The output of SplitMix64 (Steele, Lea, Flood 2014) from state `seed` after `index` steps.
static uint64_t split_mix(uint64_t seed, int64_t index) {
    uint64_t z = seed + ((uint64_t)index + 1) * 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

void element_random(DType dtype, int64_t index, uint64_t seed, void *element) {
    uint64_t bits = split_mix(seed, index);
    double number = (double)(bits >> 40) * 0x1p-23 - 1;
    if (dtype == DT_BOOL)
        number = (double)(bits >> 63);
    else if (!dtype_is_float(dtype))
        number = (double)(bits >> 60) - (dtype_is_signed(dtype) ? 8 : 0);
    element_set(dtype, element, 0, number);
}

static void print_double(Str *out, double number) {
    char text[40];
    int digits = 6;
    do
        snprintf(text, sizeof text, "%.*g", digits, number);
    while (strtod(text, NULL) != number && ++digits <= 17);
    str_add(out, text);
}

// In the fewest digits that round to the same bits.
static void print_half(Str *out, DType dtype, double number, uint64_t bits) {
    char text[40];
    int digits = 2;
    do
        snprintf(text, sizeof text, "%.*g", digits, number);
    while (float_bits(dtype, (double)strtof(text, NULL)) != bits && ++digits <= 9);
    str_add(out, text);
}

void element_print(Str *out, DType dtype, const void *bytes, int64_t index) {
    uint64_t bits = load_bits(dtype, bytes, index);
    if (dtype == DT_BOOL && bits < 2) {
        str_add(out, bits ? "true" : "false");
    } else if (dtype == DT_BOOL) {
        str_printf(out, "%llu", (unsigned long long)bits);
    } else if (!dtype_is_float(dtype)) {
        int64_t number = element_int(dtype, bytes, index);
        str_printf(out, dtype == DT_U64 ? "%llu" : "%lld", (long long)number);
    } else {
        double number = element_double(dtype, bytes, index);
        if (isnan(number) && bits != float_bits(dtype, (double)NAN))
            str_printf(out, "0x%llx", (unsigned long long)bits);
        else if (dtype == DT_F64 && isfinite(number))
            print_double(out, number);
        else if (dtype != DT_F32 && isfinite(number))
            print_half(out, dtype, number, bits);
        else
            text_float(out, (float)number);
    }
}

static const char *read_float(DType dtype, void *bytes, int64_t index, const char *text) {
    char *end;
    if (text[0] == '0' && text[1] == 'x') {
        errno = 0;
        uint64_t bits = strtoull(text, &end, 16);
        if (errno || (dtype != DT_F64 && bits >> dtype_info[dtype].packed))
            return NULL;
        store_bits(dtype, bytes, index, bits);
        return end;
    }
    double ignored;
    const char *behind = text_read_double(text, &ignored);
    if (!behind)
        return NULL;
    double number = dtype == DT_F64 ? strtod(text, NULL) : (double)strtof(text, NULL);
    uint64_t bits = isnan(number) && *text != '-' ? float_bits(dtype, (double)NAN) : float_bits(dtype, number);
    store_bits(dtype, bytes, index, bits);
    return behind;
}

static bool int_fits(DType dtype, int64_t number) {
    int bits = dtype_info[dtype].packed;
    if (bits == 64)
        return dtype == DT_I64 || number >= 0;
    int64_t low = dtype_is_signed(dtype) ? -((int64_t)1 << (bits - 1)) : 0;
    int64_t high = ((int64_t)1 << (bits - dtype_is_signed(dtype))) - 1;
    return number >= low && number <= high;
}

static const char *read_int(DType dtype, void *bytes, int64_t index, const char *text) {
    if (dtype == DT_U64 && *text >= '0' && *text <= '9') {
        char *end;
        errno = 0;
        store_bits(dtype, bytes, index, strtoull(text, &end, text[1] == 'x' ? 16 : 10));
        return errno ? NULL : end;
    }
    int64_t number;
    const char *end = text_read_int(text, &number);
    if (!end || !int_fits(dtype, number))
        return NULL;
    store_bits(dtype, bytes, index, (uint64_t)number);
    return end;
}

const char *element_read(DType dtype, void *bytes, int64_t index, const char *text) {
    if (dtype_is_float(dtype))
        return read_float(dtype, bytes, index, text);
    if (dtype == DT_BOOL && (!strncmp(text, "true", 4) || !strncmp(text, "false", 5))) {
        store_bits(dtype, bytes, index, *text == 't');
        return text + (*text == 't' ? 4 : 5);
    }
    return read_int(dtype, bytes, index, text);
}

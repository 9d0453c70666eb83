// Elements are copied in and out with memcpy, since constants may point anywhere into a mapped file. The host is
// little-endian, as the constants are. A NaN that is not the usual one prints as the hexadecimal of its bits.
#include "ir/element.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ir/text.h"

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

float half_to_float(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 1023;
    if (exponent == 31)
        return float_of(sign | 0x7f800000 | fraction << 13);
    if (exponent == 0) {
        float number = (float)fraction * 0x1p-24f;
        return sign ? -number : number;
    }
    return float_of(sign | (exponent + 112) << 23 | fraction << 13);
}

uint16_t half_from_float(float number) {
    uint32_t bits = bits_of(number), sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
    if (size > 0x7f800000)  // NaN: keep the upper payload, and stay a NaN
        return (uint16_t)(sign | 0x7c00 | (size >> 13 & 1023 ? size >> 13 & 1023 : 512));
    if (size >= 0x477ff000)  // rounds to infinity
        return (uint16_t)(sign | 0x7c00);
    if (size < 0x38800000) {  // subnormal: a multiple of 2^-24
        float scaled = rintf(float_of(size) * 0x1p24f);
        return (uint16_t)(sign | (uint32_t)scaled);
    }
    size -= 112u << 23;
    size += 0xfff + (size >> 13 & 1);
    return (uint16_t)(sign | size >> 13);
}

float bfloat_to_float(uint16_t bfloat) {
    return float_of((uint32_t)bfloat << 16);
}

uint16_t bfloat_from_float(float number) {
    uint32_t bits = bits_of(number);
    if (isnan(number))
        return (uint16_t)(bits >> 16 | (bits >> 16 & 127 ? 0 : 64));
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static size_t element_size(DType dtype) {
    return (size_t)dtype_info[dtype].bits / 8;
}

// The element's bits, in the low part of the word.
static uint64_t load_bits(DType dtype, const void *bytes, int64_t index) {
    uint64_t bits = 0;
    size_t size = element_size(dtype);
    memcpy(&bits, (const char *)bytes + (size_t)index * size, size);
    return bits;
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
    switch (dtype) {
    case DT_F64:
        memcpy(&number, &bits, sizeof number);
        return number;
    case DT_F32:
        return (double)float_of((uint32_t)bits);
    case DT_F16:
        return (double)half_to_float((uint16_t)bits);
    case DT_BF16:
        return (double)bfloat_to_float((uint16_t)bits);
    case DT_U64:
        return (double)bits;
    case DT_I8:
    case DT_I16:
    case DT_I32:
    case DT_I64:
    case DT_U8:
    case DT_U16:
    case DT_U32:
    case DT_BOOL:
    case DT_COUNT:
        break;
    }
    return (double)element_int(dtype, bytes, index);
}

static uint64_t float_bits(DType dtype, double number) {
    uint64_t bits = 0;
    if (dtype == DT_F64)
        memcpy(&bits, &number, sizeof bits);
    else if (dtype == DT_F32)
        bits = bits_of((float)number);
    else if (dtype == DT_F16)
        bits = half_from_float((float)number);
    else
        bits = bfloat_from_float((float)number);
    return bits;
}

void element_set(DType dtype, void *bytes, int64_t index, double number) {
    if (dtype_is_float(dtype))
        store_bits(dtype, bytes, index, float_bits(dtype, number));
    else if (dtype == DT_BOOL)
        store_bits(dtype, bytes, index, number != 0);
    else
        store_bits(dtype, bytes, index, number >= -0x1p62 && number <= 0x1p62 ? (uint64_t)(int64_t)number : 0);
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

// In the fewest digits that round to the same 16 bits.
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
        if (errno || (dtype != DT_F64 && bits >> dtype_info[dtype].bits))
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
    int bits = dtype_info[dtype].bits;
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

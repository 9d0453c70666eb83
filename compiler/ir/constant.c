// Constants as arrays of doubles, for passes that compute on parameters (folding a BatchNormalization) and for
// shape inference that reads scales. Bytes may be unaligned, so elements are copied.
#include <math.h>
#include <string.h>

#include "ir/ir.h"

static float float_of_bits(uint32_t bits) {
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static double half_to_double(uint16_t half) {
    int exponent = half >> 10 & 31, mantissa = half & 1023;
    double size = exponent == 31  ? (mantissa ? NAN : INFINITY)
                  : exponent == 0 ? ldexp(mantissa, -24)
                                  : ldexp(mantissa + 1024, exponent - 25);
    return half >> 15 ? -size : size;
}

static double element(DType dtype, const unsigned char *bytes) {
    union {
        float f32;
        double f64;
        uint16_t u16;
        uint32_t u32;
        uint64_t u64;
        int8_t i8;
        int16_t i16;
        int32_t i32;
        int64_t i64;
    } it;
    memcpy(&it, bytes, (size_t)dtype_info[dtype].bits / 8);
    switch (dtype) {
    case DT_F32: return (double)it.f32;
    case DT_F64: return it.f64;
    case DT_F16: return half_to_double(it.u16);
    case DT_BF16: return (double)float_of_bits((uint32_t)it.u16 << 16);
    case DT_I8: return it.i8;
    case DT_I16: return it.i16;
    case DT_I32: return it.i32;
    case DT_I64: return (double)it.i64;
    case DT_U8: return *bytes;
    case DT_U16: return it.u16;
    case DT_U32: return it.u32;
    case DT_U64: return (double)it.u64;
    case DT_BOOL: return *bytes != 0;
    case DT_COUNT: break;
    }
    return 0;
}

bool value_as_doubles(const Value *value, Arena *arena, Floats *numbers) {
    *numbers = (Floats){0};
    if (!value || !value->data || !type_is_static(&value->type))
        return false;
    int64_t count = type_count(&value->type), size = dtype_info[value->type.dtype].bits / 8;
    if (count > INT32_MAX || count * size > value->data->size)
        return false;
    numbers->n = (int)count;
    numbers->v = ARENA_ARRAY(arena, double, count);
    for (int i = 0; i < numbers->n; i++)
        numbers->v[i] = element(value->type.dtype, (const unsigned char *)value->data->bytes + i * size);
    return true;
}

// Integers saturate; a NaN becomes 0.
static int64_t round_to_int(double number) {
    if (!(number > -0x1p63))
        return number == number ? INT64_MIN : 0;
    return number < 0x1p63 ? (int64_t)nearbyint(number) : INT64_MAX;
}

static uint32_t bits_of_float(float number) {
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

// To nearest even, from a double that may be subnormal or too large for the half.
static uint16_t double_to_half(double number) {
    uint16_t sign = signbit(number) ? 0x8000 : 0;
    double size = fabs(number);
    if (size != size)
        return 0x7e00;
    if (size >= 65520)
        return (uint16_t)(sign | 0x7c00);
    int exponent;
    frexp(size, &exponent);
    if (size == 0 || exponent < -13)
        return (uint16_t)(sign | (uint16_t)nearbyint(ldexp(size, 24)));
    int mantissa = (int)nearbyint(ldexp(size, 11 - exponent));  // 1024 to 2048
    return (uint16_t)(sign | (((exponent + 14) << 10) + mantissa - 1024));
}

static uint16_t double_to_bfloat(double number) {
    uint32_t bits = bits_of_float((float)number);
    if (number != number)
        return 0x7fc0;
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static void set_element(DType dtype, double number, unsigned char *bytes) {
    float f32 = (float)number;
    uint16_t u16 = dtype == DT_F16 ? double_to_half(number) : dtype == DT_BF16 ? double_to_bfloat(number) : 0;
    int64_t i64 = dtype == DT_BOOL ? number != 0 : round_to_int(number);
    const void *from = dtype == DT_F32 ? (const void *)&f32 : dtype == DT_F64 ? (const void *)&number : NULL;
    if (!from)
        from = dtype_is_float(dtype) ? (const void *)&u16 : (const void *)&i64;
    memcpy(bytes, from, (size_t)dtype_info[dtype].bits / 8);
}

Value *value_doubles(Graph *graph, const char *name, Type type, const double *v) {
    int64_t count = type_count(&type), size = dtype_info[type.dtype].bits / 8;
    unsigned char *bytes = arena_alloc(graph->module->arena, (size_t)(count * size));
    for (int64_t i = 0; i < count; i++)
        set_element(type.dtype, v[i], bytes + i * size);
    return value_constant(graph, name, type, bytes);
}

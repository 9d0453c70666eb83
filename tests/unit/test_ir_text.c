// Numbers, names, elements and attributes as text: what is printed reads back to the same bits.
#include <math.h>
#include <string.h>

#include "ir/attrs.h"
#include "ir/element.h"
#include "ir/op.h"
#include "ir/text.h"
#include "tests/unit/unit.h"

static uint64_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state ^ *state >> 29;
}

static void check_floats(Arena *arena) {
    static const struct {
        double number;
        const char *text;
    } rows[] = {
        {1, "1"},           {(double)0.1f, "0.1"}, {0.1, "0.1d"},          {-0.0, "-0"},
        {1e300, "1e+300d"}, {INFINITY, "inf"},     {-INFINITY, "-inf"},    {(double)NAN, "nan"},
        {16777216, "16777216"}, {(double)1e-45f, "1.4013e-45"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Str out = {.arena = arena};
        double back = 1;
        text_double(&out, rows[i].number);
        CHECK_TEXT(out.text, rows[i].text);
        const char *end = text_read_double(out.text, &back);
        CHECK(end && !*end && (isnan(back) ? isnan(rows[i].number) : !memcmp(&back, &rows[i].number, sizeof back)));
    }
    double ignored;
    CHECK(!text_read_double("e5", &ignored) && !text_read_double("-", &ignored) && !text_read_double(".", &ignored));
}

static void check_random_doubles(Arena *arena) {
    uint64_t state = 1;
    int wrong = 0;
    for (int i = 0; i < 2000; i++) {
        uint64_t bits = next_random(&state);
        double number, back = 0;
        memcpy(&number, &bits, sizeof number);
        Str out = {.arena = arena};
        text_double(&out, number);
        text_read_double(out.text, &back);
        wrong += !isnan(number) && memcmp(&number, &back, sizeof back) != 0;
    }
    CHECK(!wrong);
}

static void check_ints(void) {
    int64_t number;
    CHECK(text_read_int("-9223372036854775808", &number) && number == INT64_MIN);
    CHECK(text_read_int("0x10", &number) && number == 16);
    CHECK(!text_read_int("9223372036854775808", &number) && !text_read_int("x", &number));
    const char *end = text_read_int("0xg", &number);
    CHECK(end && *end == 'x' && number == 0);
}

static void check_quotes(Arena *arena) {
    Str out = {.arena = arena};
    text_quote(&out, "a\"b\\\n\xff[[{{[");
    CHECK_TEXT(out.text, "\"a\\22b\\5c\\0a\\ff[\\5b{\\7b[\"");
    char *back = NULL;
    const char *end = text_unquote(arena, out.text, &back);
    CHECK(end && !*end);
    CHECK_TEXT(back, "a\"b\\\n\xff[[{{[");
    CHECK(!text_unquote(arena, "\"a\\00\"", &back) && !text_unquote(arena, "\"a", &back));
    CHECK(!text_unquote(arena, "\"\\x1\"", &back) && !text_unquote(arena, "\"a\n\"", &back));
    CHECK(text_is_bare("fire2/squeeze1x1") && !text_is_bare("a//b") && !text_is_bare("") && !text_is_bare("a:0"));
}

static uint32_t bits_from(DType dtype, double number) {
    uint32_t bits = 0;
    element_set(dtype, &bits, 0, number);
    return bits;
}

static void check_small_floats(void) {
    static const DType types[] = {DT_F16,    DT_BF16,       DT_F8E4M3FN, DT_F8E4M3FNUZ,
                                  DT_F8E5M2, DT_F8E5M2FNUZ, DT_F8E8M0,   DT_F4E2M1};
    int wrong = 0;
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (uint32_t bits = 0; bits < 1u << dtype_info[types[t]].packed; bits++) {
            double number = element_double(types[t], &bits, 0);
            wrong += number == number && bits_from(types[t], number) != bits;  // a double's NaN may change on its way
        }
    CHECK(!wrong);
    CHECK(bits_from(DT_F16, 65519) == 0x7bff && bits_from(DT_F16, 65520) == 0x7c00);
    CHECK(bits_from(DT_F16, 0x1p-25) == 0 && bits_from(DT_F16, 0x1.8p-25) == 1);
    CHECK(bits_from(DT_F16, 0x1.ff8p-15) == 0x3ff && bits_from(DT_F16, 0x1.ffcp-15) == 0x400);
    CHECK(bits_from(DT_F16, 0x1.002p0) == 0x3c00 && bits_from(DT_F16, 0x1.006p0) == 0x3c02);
    CHECK(bits_from(DT_BF16, 0x1.01p0) == 0x3f80 && bits_from(DT_BF16, 0x1.03p0) == 0x3f82);
    CHECK(bits_from(DT_F8E4M3FN, 464) == 0x7e && bits_from(DT_F8E4M3FN, -465) == 0xff);
    CHECK(bits_from(DT_F8E4M3FNUZ, 248) == 0x80 && bits_from(DT_F8E4M3FNUZ, -0.0) == 0);
    CHECK(bits_from(DT_F8E5M2, 61440) == 0x7c && bits_from(DT_F8E5M2, 0x1p-17) == 0 &&
          bits_from(DT_F8E5M2, 0x1p-16) == 1);
    CHECK(bits_from(DT_F4E2M1, 1e9) == 7 && bits_from(DT_F4E2M1, -0.25) == 8 && bits_from(DT_F4E2M1, 0.75) == 2);
    CHECK(bits_from(DT_F8E8M0, 1.5) == 128 && bits_from(DT_F8E8M0, 1.49) == 127 && bits_from(DT_F8E8M0, 0x1p-127) == 0);
    CHECK(bits_from(DT_I4, 9) == 0xf9 && bits_from(DT_U2, -1) == 3);
}

// Packed elements come apart and together again.
static void check_packed(Arena *arena) {
    static const unsigned char bytes[] = {0x21, 0xf8, 0x07};
    const signed char *i4 = elements_unpack(arena, DT_I4, bytes, 5), *i2 = elements_unpack(arena, DT_I2, bytes, 12);
    CHECK(i4[0] == 1 && i4[1] == 2 && i4[2] == -8 && i4[3] == -1 && i4[4] == 7);
    CHECK(i2[0] == 1 && i2[1] == 0 && i2[2] == -2 && i2[7] == -1);
    CHECK(!memcmp(elements_pack(arena, DT_I4, i4, 5), bytes, 3) &&
          !memcmp(elements_pack(arena, DT_I2, i2, 12), bytes, 3));
    int64_t five = 5;
    Type type = type_of_users(type_make(DT_U4, 1, &five));
    CHECK(type_bytes(&type) == 3 && elements_wide(arena, &type, bytes) != bytes);
    type.layout.kind = LAYOUT_ROW_MAJOR;
    CHECK(type_bytes(&type) == 5 && elements_wide(arena, &type, bytes) == bytes);
}

// A bit pattern of a type prints to a text that reads back to it.
static void check_elements(Arena *arena) {
    uint64_t state = 2;
    for (int dtype = 0; dtype < DT_COUNT; dtype++) {
        int wrong = 0;
        for (int i = 0; i < 500; i++) {
            uint64_t bits = next_random(&state), back = ~bits;
            if (dtype_is_packed((DType)dtype))
                memcpy(&bits, elements_unpack(arena, (DType)dtype, &bits, 1), 1);
            Str out = {.arena = arena};
            element_print(&out, (DType)dtype, &bits, 0);
            const char *end = element_read((DType)dtype, &back, 0, out.text);
            wrong += !end || *end || !element_equal((DType)dtype, &bits, &back, 0);
        }
        CHECK(!wrong);
    }
}

static void check_element_limits(void) {
    uint64_t bytes = 0;
    CHECK(!element_read(DT_I8, &bytes, 0, "128") && element_read(DT_I8, &bytes, 0, "-128"));
    CHECK(!element_read(DT_U8, &bytes, 0, "-1") && !element_read(DT_U8, &bytes, 0, "256"));
    CHECK(!element_read(DT_U32, &bytes, 0, "4294967296") && element_read(DT_U32, &bytes, 0, "4294967295"));
    CHECK(!element_read(DT_U64, &bytes, 0, "-1") && element_read(DT_U64, &bytes, 0, "18446744073709551615"));
    CHECK(!element_read(DT_F32, &bytes, 0, "0x100000000") && !element_read(DT_F32, &bytes, 0, "x"));
}

// Each default stands in its table as text, and prints as what parses back to it.
static void check_defaults(Arena *arena) {
    for (int op = 0; op < OP_COUNT; op++) {
        const AttrTable *table = op_info[op].attrs;
        void *a = attrs_new(table, arena), *b = attrs_new(table, arena);
        CHECK(attrs_equal(table, a, b));
        for (const AttrRow *row = table->rows; row->name; row++) {
            CHECK(attr_is_default(table, row, a));
            if (row->kind == ATTR_STRING)  // an absent one has no text
                continue;
            const char *text = attr_text(arena, row, a), *end = attr_parse(arena, row, text, b);
            CHECK(end && !*end);
            CHECK(attrs_equal(table, a, b));
        }
    }
}

static void check_attributes(Arena *arena) {
    ConvAttrs *attrs = attrs_new(&conv_attrs, arena);
    const AttrRow *strides = attrs_find(&conv_attrs, "strides"), *act = attrs_find(&conv_attrs, "act");
    CHECK(!attrs_find(&conv_attrs, "stride") && attrs->group == 1 && attrs->act.kind == ACT_NONE);
    CHECK(attr_parse(arena, strides, "[2, -3]", attrs) && attrs->strides.n == 2 && attrs->strides.v[1] == -3);
    CHECK_TEXT(attr_text(arena, strides, attrs), "[2, -3]");
    CHECK(attr_parse(arena, act, "leaky_relu", attrs) && attrs->act.kind == ACT_LEAKY_RELU);
    CHECK(!attr_parse(arena, act, "leaky", attrs) && !attr_parse(arena, strides, "[1,", attrs));
    CHECK(!attr_is_default(&conv_attrs, act, attrs));
    attr_parse(arena, strides, "[5]", attrs);
    ConvAttrs *copy = attrs_copy(&conv_attrs, arena, attrs);
    CHECK(attrs_equal(&conv_attrs, attrs, copy) && copy->strides.v != attrs->strides.v);
    copy->strides.v[0] = 6;
    CHECK(attrs->strides.v[0] == 5 && !attrs_equal(&conv_attrs, attrs, copy));
}

void test_ir_text(void) {
    Arena *arena = arena_new();
    check_floats(arena);
    check_random_doubles(arena);
    check_ints();
    check_quotes(arena);
    check_small_floats();
    check_packed(arena);
    check_elements(arena);
    check_element_limits();
    check_defaults(arena);
    check_attributes(arena);
    arena_free(arena);
}

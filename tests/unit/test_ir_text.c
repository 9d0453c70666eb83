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

static void check_halves(void) {
    int wrong = 0;
    for (uint32_t i = 0; i < 65536; i++) {
        uint16_t bits = (uint16_t)i;
        wrong += half_from_float(half_to_float(bits)) != bits;
        wrong += bfloat_from_float(bfloat_to_float(bits)) != bits;
    }
    CHECK(!wrong);
    CHECK(half_from_float(65519.0f) == 0x7bff && half_from_float(65520.0f) == 0x7c00);
    CHECK(half_from_float(0x1p-25f) == 0 && half_from_float(0x1.8p-25f) == 1);
    CHECK(half_from_float(0x1.ff8p-15f) == 0x3ff && half_from_float(0x1.ffcp-15f) == 0x400);
    CHECK(half_from_float(0x1.002p0f) == 0x3c00 && half_from_float(0x1.006p0f) == 0x3c02);
    CHECK(bfloat_from_float(0x1.01p0f) == 0x3f80 && bfloat_from_float(0x1.03p0f) == 0x3f82);
}

// Every bit pattern of a type prints to a text that reads back to it.
static void check_elements(Arena *arena) {
    uint64_t state = 2;
    for (int dtype = 0; dtype < DT_COUNT; dtype++) {
        int wrong = 0;
        for (int i = 0; i < 500; i++) {
            uint64_t bits = next_random(&state), back = ~bits;
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
    check_halves();
    check_elements(arena);
    check_element_limits();
    check_defaults(arena);
    check_attributes(arena);
    arena_free(arena);
}

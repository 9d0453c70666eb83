// Matching runs along the pattern's text and down the graph at once; there is no other form of a pattern. Where it
// fails, what was noted on the way is dropped, and the other order of two operands or the next alternative is tried.
// What has matched is not tried in another way because of what follows: a pattern names the operand that can be only
// one thing first.
#include "passes/pattern.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "ir/text.h"

enum { MAX_OPERANDS = 4 };

static bool match_term(PatternMatch *m, const char *text, Value *value);

static int word_length(const char *text) {
    int n = 0;
    while (isalnum((unsigned char)text[n]) || text[n] == '_' || text[n] == '.' || text[n] == '-')
        n++;
    return n;
}

// Where the operands in parentheses begin; returns how many there are.
static int operands_of(const char *text, const char *operand[MAX_OPERANDS]) {
    int n = 0, depth = 0;
    for (text = strchr(text, '('); text; text++) {
        depth += (*text == '(' || *text == '{') - (*text == ')' || *text == '}');
        if (depth == 0)
            break;
        if (depth == 1 && (*text == '(' || *text == ',') && n < MAX_OPERANDS)
            operand[n++] = text + 1 + strspn(text + 1, " ");
    }
    return n;
}

static bool is_near(double number, double wanted, double error) {
    return fabs(number - wanted) <= error * fabs(wanted);
}

static bool is_number(const Value *value, double wanted) {
    double number;
    return value_as_double(value, &number) &&
           is_near(number, wanted, dtype_is_whole_float(value->type.dtype) ? 1e-6 : 4e-3);
}

static bool is_same(const Value *a, const Value *b) {
    return a == b || (a->data && b->data && type_equal(&a->type, &b->type) && constant_equal(a->data, b->data));
}

// The number that the braces behind an operator give an attribute.
static bool given_number(const char *braces, const char *name, double *number) {
    size_t length = strlen(name);
    for (const char *at = braces; *at == '{' || *at == ',';) {
        at += 1 + strspn(at + 1, " ");
        bool found = !strncmp(at, name, length) && at[length] == ' ';
        at = text_read_double(strchr(at, '=') + 2, number);
        if (found)
            return true;
    }
    return false;
}

static bool match_attrs(const Node *node, const char *braces) {
    const AttrTable *table = op_info[node->op].attrs;
    for (const AttrRow *row = table->rows; row->name; row++) {
        double wanted;
        const void *field = (const char *)node->attrs + row->offset;
        bool given = (row->kind == ATTR_FLOAT || row->kind == ATTR_BOOL) && given_number(braces, row->name, &wanted);
        if (given && !is_near(row->kind == ATTR_FLOAT ? *(const double *)field : *(const bool *)field, wanted, 1e-6))
            return false;
        if (!given && !attr_is_default(table, row, node->attrs))
            return false;
    }
    return true;
}

static bool match_operands(PatternMatch *m, const Node *node, const char *const *operand, bool swapped) {
    for (int i = 0; i < node->nin; i++)
        if (!node->in[i] || !match_term(m, operand[i], node->in[swapped ? 1 - i : i]))
            return false;
    return true;
}

static bool match_node(PatternMatch *m, const char *text, int length, const Value *value) {
    const char *operand[MAX_OPERANDS];
    Node *node = value->def;
    if (!node || node->nout != 1 || node->out[0] != value || strncmp(op_info[node->op].name, text, (size_t)length) ||
        op_info[node->op].name[length] || operands_of(text, operand) != node->nin || m->nodes == PATTERN_NODES ||
        !match_attrs(node, text + length))
        return false;
    m->node[m->nodes++] = node;
    int names = m->names, nodes = m->nodes;
    if (match_operands(m, node, operand, false))
        return true;
    m->names = names;
    m->nodes = nodes;
    return (op_info[node->op].flags & COMMUTES) && match_operands(m, node, operand, true);
}

static bool match_name(PatternMatch *m, const char *text, int length, Value *value) {
    for (int i = 0; i < m->names; i++)
        if (m->named[i].length == length && !strncmp(m->named[i].name, text, (size_t)length))
            return is_same(m->named[i].value, value);
    if (m->names == PATTERN_NAMES)
        return false;
    m->named[m->names].name = text;
    m->named[m->names].length = length;
    m->named[m->names++].value = value;
    return true;
}

static bool match_rule(PatternMatch *m, const char *name, Value *value) {
    int length = word_length(name), names = m->names, nodes = m->nodes;
    for (const PatternRule *rule = m->rules; rule->name; rule++) {
        if (strncmp(rule->name, name, (size_t)length) || rule->name[length])
            continue;
        if (match_term(m, rule->text, value))
            return true;
        m->names = names;
        m->nodes = nodes;
    }
    return false;
}

static bool match_term(PatternMatch *m, const char *text, Value *value) {
    double number;
    if (*text == '@')
        return match_rule(m, text + 1, value);
    if (isdigit((unsigned char)*text) || *text == '-')
        return text_read_double(text, &number) && is_number(value, number);
    int length = word_length(text);
    return isupper((unsigned char)*text) ? match_node(m, text, length, value) : match_name(m, text, length, value);
}

static int uses_inside(const PatternMatch *m, const Value *value) {
    int n = 0;
    for (int i = 0; i < m->nodes; i++)
        for (int k = 0; k < m->node[i]->nin; k++)
            n += m->node[i]->in[k] == value;
    return n;
}

// A node that several paths lead to stands there once.
static void drop_repetitions(PatternMatch *m) {
    int n = 0;
    for (int i = 0; i < m->nodes; i++) {
        int k = 0;
        while (k < n && m->node[k] != m->node[i])
            k++;
        if (k == n)
            m->node[n++] = m->node[i];
    }
    m->nodes = n;
}

bool pattern_match(const char *text, const PatternRule *rules, Node *root, PatternMatch *match) {
    *match = (PatternMatch){.rules = rules};
    if (!root->out[0] || !match_term(match, text, root->out[0]))
        return false;
    drop_repetitions(match);
    for (int i = 1; i < match->nodes; i++)
        if (value_uses(match->node[i]->out[0]) != uses_inside(match, match->node[i]->out[0]))
            return false;
    return true;
}

Value *pattern_value(const PatternMatch *match, const char *name) {
    int length = (int)strlen(name);
    for (int i = 0; i < match->names; i++)
        if (match->named[i].length == length && !strncmp(match->named[i].name, name, (size_t)length))
            return match->named[i].value;
    return NULL;
}

// Patterns: parts of a graph as text, in which a pass says what exporters write.
//
//     Mul(Mul(x, 0.5), @one_more)
//
// Op(...)          a node of this operator with these operands, in either order where they commute. Its attributes are
//                  at their defaults, but for numbers given in braces, truth values as 0 and 1:
//                  HardSigmoid{alpha = 0.16666667}(x)
// 0.5              a constant of one element, this number up to rounding
// x, axes          any value, the same wherever the name stands; constants are the same if their bytes are
// @one_more        any of the alternatives that a rule of this name has
//
// Operators, but for the root, are matched only where no other node, and no output of the graph, reads their result:
// what stands in their place would otherwise be computed twice.
#ifndef PASSES_PATTERN_H
#define PASSES_PATTERN_H

#include "ir/ir.h"

enum { PATTERN_NODES = 32, PATTERN_NAMES = 8 };

typedef struct PatternRule {
    const char *name, *text;  // a null name ends the rules
} PatternRule;

typedef struct PatternMatch {
    const PatternRule *rules;
    struct {
        const char *name;  // in the pattern's text
        int length;
        Value *value;
    } named[PATTERN_NAMES];
    Node *node[PATTERN_NODES];  // all that were matched, the root first, users before producers on each path
    int names, nodes;
} PatternMatch;

bool pattern_match(const char *text, const PatternRule *rules, Node *root, PatternMatch *match);
Value *pattern_value(const PatternMatch *match, const char *name);  // null if the pattern does not name it

#endif

// Reads equations such as "...ij,jk->...ik". Without an arrow the result has the axes of the ellipsis, then the
// letters that occur once, in the order of ASCII.
#include "ir/einsum.h"

#include <string.h>

static int letter_label(char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    return c >= 'a' && c <= 'z' ? 26 + c - 'a' : -1;
}

static const char *skip_spaces(const char *c) {
    while (*c == ' ')
        c++;
    return c;
}

typedef struct Term {
    int n, label[EINSUM_LABELS];
    int ellipsis;  // before which of the labels it stands; -1: there is none
} Term;

// One operand's letters; null after an error.
static const char *read_term(const char *c, Term *term) {
    *term = (Term){.ellipsis = -1};
    for (c = skip_spaces(c); *c && *c != ',' && *c != '-'; c = skip_spaces(c)) {
        if (!strncmp(c, "...", 3) && term->ellipsis < 0) {
            term->ellipsis = term->n;
            c += 3;
            continue;
        }
        int label = letter_label(*c++);
        if (label < 0 || term->n == MAX_RANK)
            return NULL;
        term->label[term->n++] = label;
    }
    return c;
}

// The labels with those of an ellipsis of `width` axes; false where they are too many.
static bool spread_term(const Term *term, int width, int labels[MAX_RANK]) {
    int n = 0;
    if (width < 0 || term->n + width > MAX_RANK)
        return false;
    for (int i = 0; i <= term->n; i++) {
        for (int k = 0; i == term->ellipsis && k < width; k++)
            labels[n++] = EINSUM_LABELS - width + k;
        if (i < term->n)
            labels[n++] = term->label[i];
    }
    return true;
}

static void imply_result(const int *count, int widest, Term *term) {
    *term = (Term){.ellipsis = widest ? 0 : -1};
    for (int label = 0; label < EINSUM_LETTERS; label++)
        if (count[label] == 1)
            term->label[term->n++] = label;
}

static const char *read_result(const char *c, const Einsum *einsum, Term *term) {
    bool seen[EINSUM_LABELS] = {false};
    c = read_term(c, term);
    if (!c || *c)
        return "the result's axes are not letters";
    for (int i = 0; i < term->n; i++) {
        if (seen[term->label[i]] || !einsum->used[term->label[i]])
            return "a letter of the result occurs twice, or in no operand";
        seen[term->label[i]] = true;
    }
    return NULL;
}

const char *einsum_read(const Node *node, Einsum *einsum) {
    const char *c = ((const EinsumAttrs *)node->attrs)->equation, *error;
    int count[EINSUM_LABELS] = {0}, widest = 0;
    Term term;
    *einsum = (Einsum){.operands = node->nin};
    if (!c || node->nin > EINSUM_OPERANDS)
        return c ? "there are more than 16 operands" : "there is none";
    for (int i = 0; i < node->nin; i++) {
        int rank = node->in[i]->type.rank;
        if (!(c = read_term(c, &term)))
            return "an operand's axes are not letters, or too many";
        int width = rank - term.n;
        if (width < 0 || (width > 0 && term.ellipsis < 0) || !spread_term(&term, width, einsum->label[i]))
            return "an operand's rank is another";
        widest = width > widest ? width : widest;
        for (int k = 0; k < rank; k++) {
            count[einsum->label[i][k]]++;
            einsum->used[einsum->label[i][k]] = true;
        }
        bool last = i + 1 == node->nin;
        if (last ? *c && *c != '-' : *c != ',')
            return "the number of operands is another";
        c += !last;
    }
    if (!*c)
        imply_result(count, widest, &term);
    else if (strncmp(c, "->", 2))
        return "an arrow is missing";
    else if ((error = read_result(c + 2, einsum, &term)))
        return error;
    int width = term.ellipsis >= 0 ? widest : 0;
    if (term.n + width > MAX_RANK || !spread_term(&term, width, einsum->result))
        return "the result has too many axes";
    einsum->rank = term.n + width;
    return NULL;
}

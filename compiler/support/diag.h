// Errors: one function says them all, in one form, and returns false.
#ifndef SUPPORT_DIAG_H
#define SUPPORT_DIAG_H

#include <stdbool.h>
#include <stdio.h>

typedef enum ErrorCode {
#define ERROR(id, number, title, remedy) id = number,
#include "support/errors.def"
#undef ERROR
} ErrorCode;

// Where a node comes from: an ONNX node, or a line of IR text. A fused node has the places of all its parts.
typedef struct Loc Loc;
struct Loc {
    const char *node;  // the ONNX node's name, or null
    const char *op;    // its operator, or null
    int line;          // of the text, or 0
    Loc *next;         // the next part of a fused node
};

typedef struct Diag {
    FILE *out;         // null: count only
    const char *file;  // the model, as the user named it
    int errors;
    ErrorCode last;    // the newest error's code
    bool no_warnings;  // another has said them
} Diag;

// Prints `FILE: error[E0123]: node 'NAME' (OP): MESSAGE` and returns false. `loc` may be null.
bool diag_error(Diag *diag, const Loc *loc, ErrorCode code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void diag_warn(Diag *diag, const Loc *loc, const char *format, ...) __attribute__((format(printf, 3, 4)));

typedef struct ErrorInfo {
    ErrorCode code;
    const char *id, *title, *remedy;
} ErrorInfo;

const ErrorInfo *error_table(int *count);
const ErrorInfo *error_find(int code);  // null where no error has that number

#endif

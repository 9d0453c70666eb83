// Checks that a module is consistent: lists, names, arities, order of definition, types as inference finds them,
// layouts, places, params.
#ifndef IR_VERIFY_H
#define IR_VERIFY_H

#include "ir/ir.h"

// Reports the first thing that it finds, as E_VERIFY or as the error of inference. What passes may be walked, printed,
// sized and lowered without further checks.
bool verify_module(const Module *module, Diag *diag);

#endif

// Checks that a module is consistent: lists, names, arities, order of definition, types as inference finds them,
// layouts, places, params.
#ifndef IR_VERIFY_H
#define IR_VERIFY_H

#include "ir/ir.h"

bool verify_module(const Module *module, Diag *diag);  // reports what it finds as E_VERIFY

#endif

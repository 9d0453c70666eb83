// map: one loop nest for every operator whose output element depends on the same (broadcast) element of each input.
#ifndef OPS_MAP_H
#define OPS_MAP_H

#include "codegen/lower.h"

// Lowers any ELEMENTWISE node, a sqz.Map of them, and conversions of layout.
void map_lower(Emit *e, const Node *node);

#define ELEMENTWISE_IMPL(ID, FUNCTION) const OpImpl impl_##ID = {.expr = (FUNCTION), .lower = map_lower}

#endif

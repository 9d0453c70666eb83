// What the parts of sqzc bench share.
#ifndef DRIVER_BENCH_H
#define DRIVER_BENCH_H

#include "driver/instance.h"

double bench_seconds(void);
// Multiply-adds of one node, however it computes them; 0 where that means nothing.
double bench_macs(const Node *node);
bool bench_layers(Instance *instance);  // prints a table

#endif

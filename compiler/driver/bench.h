// What the parts of sqzc bench share.
#ifndef DRIVER_BENCH_H
#define DRIVER_BENCH_H

#include "driver/instance.h"

double bench_seconds(void);
void bench_fill_inputs(Instance *instance);  // with seeded random numbers
bool bench_layers(Session *session);         // prints a table

// The layers of the session's module, compiled for this machine, and how long each took on one thread.
typedef struct LayerTimes {
    const Node *const *node;
    double *seconds;  // the best of several passes
    int n;
} LayerTimes;
// At least so many passes, more of them while that takes less than `effort` seconds. False after an error. The nodes
// are the session's, the arrays too.
bool layer_times(Session *session, int passes, double effort, LayerTimes *times);

#endif

// Two models in one program, each called through its typed entry; the header as C99, C11 and C++ wants it.
#include <stdio.h>

#include "first.h"
#include "second.h"
#include "sqz.h"

static double first_space[FIRST_WORKSPACE_SIZE / 8 + 16], second_space[SECOND_WORKSPACE_SIZE / 8 + 16];
static float data[FIRST_DATA_COUNT > SECOND_DATA_COUNT ? FIRST_DATA_COUNT : SECOND_DATA_COUNT];
static float one[FIRST_RESULT_COUNT], two[SECOND_RESULT_COUNT], again[FIRST_RESULT_COUNT];

static void *aligned(double *space)
{
    size_t address = (size_t)space;
    return (char *)space + (64 - address % 64) % 64;
}

int main(void)
{
    int same = 1;
    if (first_run(data, one, aligned(first_space)) || second_run(data, two, aligned(second_space)) ||
        first_run(data, again, aligned(first_space)))
        return 1;
    for (size_t i = 0; i < FIRST_RESULT_COUNT; i++)
        same = same && one[i] == again[i];
    printf("%s %s %s\n", sqz_model_name(&first_model), sqz_model_name(&second_model), same ? "same" : "differ");
    printf("null: %d, no workspace: %d\n", first_run(NULL, one, aligned(first_space)), first_run(data, one, NULL));
    return 0;
}

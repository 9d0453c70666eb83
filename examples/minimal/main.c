// The least that uses a compiled network. By hand: sqzc gate.onnx -o gate.o && cc main.c gate.o && ./a.out
#include <stdio.h>

#include "gate.h"

int main(void)
{
    static _Alignas(GATE_WORKSPACE_ALIGN) char workspace[GATE_WORKSPACE_SIZE + 1];
    for (int i = 0; i < 4; i++) {
        float bits[GATE_BITS_COUNT] = {(float)(i >> 1), (float)(i & 1)}, differs[GATE_DIFFERS_COUNT];
        if (gate_run(bits, differs, workspace) != 0)
            return 1;
        printf("%g xor %g = %g\n", bits[0], bits[1], differs[0]);
    }
    return 0;
}

/* Run the fuzz target on files: for compilers without a fuzzer, and for tests of tests. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int count, char **names)
{
    for (int i = 1; i < count; i++) {
        FILE *file = fopen(names[i], "rb");
        if (!file) {
            perror(names[i]);
            return 2;
        }
        static uint8_t bytes[1 << 20];
        size_t size = fread(bytes, 1, sizeof bytes, file);
        fclose(file);
        /* A block of just this size, so that reading beyond it is seen. */
        uint8_t *exact = malloc(size ? size : 1);
        if (!exact) {
            return 2;
        }
        for (size_t at = 0; at < size; at++) {
            exact[at] = bytes[at];
        }
        LLVMFuzzerTestOneInput(exact, size);
        free(exact);
    }
    return 0;
}

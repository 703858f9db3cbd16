/* A caller's mistake that checkers must see inside the library: the block is a page smaller than stated.
 *   overrun BUNDLE */
#include <stdio.h>
#include <stdlib.h>

#include "recist.h"

int main(int argc, char **argv)
{
    static union { double align; unsigned char bytes[4 << 20]; } room;
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    unsigned char *bundle = room.bytes, *memory;
    size_t bundle_bytes, bytes, alignment;
    recist_model *model;
    if (!file) return 2;
    bundle += (RECIST_BUNDLE_ALIGNMENT - (uintptr_t)bundle % RECIST_BUNDLE_ALIGNMENT) % RECIST_BUNDLE_ALIGNMENT;
    bundle_bytes = fread(bundle, 1, sizeof room.bytes - RECIST_BUNDLE_ALIGNMENT, file);
    fclose(file);
    if (recist_memory_required(bundle, bundle_bytes, &bytes, &alignment) != RECIST_OK) return 2;
    memory = malloc(bytes + alignment - 4096);
    if (!memory) return 2;
    recist_open(bundle, bundle_bytes, memory + (alignment - (uintptr_t)memory % alignment), bytes, &model);
    free(memory);
    return 0;
}

/* What a program needs that keeps all its memory in arrays of its own. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* The first address from `at` on that is a multiple of `multiple`. */
static void *aligned(unsigned char *at, size_t multiple)
{
    return at + (multiple - (uintptr_t)at % multiple) % multiple;
}

/* Reads a file, `most` bytes of it if it is longer, and gives their number; ends the program if there are none. */
static size_t load(const char *path, void *to, size_t most)
{
    FILE *file = fopen(path, "rb");
    size_t read = file ? fread(to, 1, most, file) : 0;
    if (!read) { perror(path); exit(2); }
    fclose(file);
    return read;
}

/* Writes a slice of 256 x 256 int16_t to standard output: noise like the lung's, and in it an elliptic lesion about
 * (131, 118), 38 pixels long and 24 wide, turned by 3-4-5. Integers alone, so that every machine writes the same. */
#include <stdint.h>
#include <stdio.h>

int main(void)
{
    static int16_t row[256];
    uint32_t state = 9;
    long x, y;
    for (y = 0; y < 256; y++) {
        for (x = 0; x < 256; x++) {
            /* Along and across the lesion, five times too long; the lesion is where the sum is below 1. */
            long along = 4 * (x - 131) - 3 * (y - 118), across = 3 * (x - 131) + 4 * (y - 118);
            long sum = along * along * 144 + across * across * 361, edge = 25L * 361 * 144;
            state = state * 1664525u + 1013904223u;
            row[x] = (int16_t)((sum < edge ? 35 : -850) + (int)(state >> 27) - 16);
        }
        if (fwrite(row, sizeof row, 1, stdout) != 1) return 1;
    }
    return 0;
}

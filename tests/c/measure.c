/* Measures one lesion on a raw slice.
 *
 *   measure BUNDLE SLICE WIDTH HEIGHT ROW_MM COLUMN_MM X0 Y0 X1 Y1 [KERNEL]
 *
 * SLICE is a file of int16_t Hounsfield units in the machine's byte order, row by row; a spacing of 0 is unknown;
 * X0 Y0 X1 Y1 is the rough box in pixels; KERNEL is a RECIST_KERNEL_ number. Prints one result a line, with all
 * digits. Ends with 0 if the lesion was measured, 1 if it was not, 2 if the arguments or files are wrong. */
#include <stdio.h>
#include <stdlib.h>

#include "recist.h"

/* Memory from the heap that begins at a multiple of alignment. */
typedef struct block {
    void *whole; /* what to free */
    void *start;
    size_t bytes;
} block;

static block allocate(size_t bytes, size_t alignment)
{
    block b = { NULL, NULL, bytes };
    b.whole = malloc(bytes + alignment);
    if (b.whole) b.start = (char *)b.whole + (alignment - (uintptr_t)b.whole % alignment);
    return b;
}

static block load(const char *path, size_t alignment)
{
    block b = { NULL, NULL, 0 };
    FILE *file = fopen(path, "rb");
    long end = -1;
    if (file && fseek(file, 0, SEEK_END) == 0) end = ftell(file);
    if (end >= 0) b = allocate((size_t)end, alignment);
    if (!b.start || fseek(file, 0, SEEK_SET) != 0 || fread(b.start, 1, b.bytes, file) != b.bytes) {
        perror(path);
        exit(2);
    }
    fclose(file);
    return b;
}

static void print_point(const char *name, recist_point point)
{
    printf("%s %.17g %.17g\n", name, point.x, point.y);
}

int main(int argc, char **argv)
{
    static recist_point outline[RECIST_OUTLINE_POINTS];
    recist_slice slice = RECIST_SLICE_INIT;
    recist_options options = RECIST_OPTIONS_INIT;
    recist_measurement result = RECIST_MEASUREMENT_INIT;
    recist_box box;
    recist_model *model = NULL;
    recist_status status;
    size_t bytes, alignment;
    block bundle, samples, memory = { NULL, NULL, 0 };

    if (argc < 11 || argc > 12 || recist_abi_version() != RECIST_ABI_VERSION) {
        fprintf(stderr, "usage: measure BUNDLE SLICE WIDTH HEIGHT ROW_MM COLUMN_MM X0 Y0 X1 Y1 [KERNEL]\n");
        return 2;
    }
    bundle = load(argv[1], RECIST_BUNDLE_ALIGNMENT);
    samples = load(argv[2], sizeof(int16_t));
    slice.hu = samples.start;
    slice.width = (uint32_t)strtoul(argv[3], NULL, 10);
    slice.height = (uint32_t)strtoul(argv[4], NULL, 10);
    slice.row_stride = slice.width;
    slice.row_spacing_mm = strtod(argv[5], NULL);
    slice.column_spacing_mm = strtod(argv[6], NULL);
    box.x0 = strtod(argv[7], NULL);
    box.y0 = strtod(argv[8], NULL);
    box.x1 = strtod(argv[9], NULL);
    box.y1 = strtod(argv[10], NULL);
    if (samples.bytes / sizeof(int16_t) != (uint64_t)slice.width * slice.height) {
        fprintf(stderr, "measure: %s does not hold %s x %s samples\n", argv[2], argv[3], argv[4]);
        return 2;
    }
    options.kernel = argc > 11 ? atoi(argv[11]) : RECIST_KERNEL_AUTO;
    options.outline = outline;
    options.outline_capacity = RECIST_OUTLINE_POINTS;

    status = recist_memory_required(bundle.start, bundle.bytes, &bytes, &alignment);
    if (status == RECIST_OK) {
        memory = allocate(bytes, alignment);
        status = recist_open(bundle.start, bundle.bytes, memory.start, memory.bytes, &model);
    }
    if (status == RECIST_OK) status = recist_self_test(model, options.kernel);
    if (status == RECIST_OK) status = recist_measure(model, &slice, &box, &options, &result);
    recist_close(model);
    free(memory.whole);
    free(samples.whole);
    free(bundle.whole);
    if (status != RECIST_OK) {
        fprintf(stderr, "measure: %s\n", recist_status_text(status));
        return 1;
    }
    print_point("long_start", result.long_start);
    print_point("long_end", result.long_end);
    print_point("short_start", result.short_start);
    print_point("short_end", result.short_end);
    printf("long_mm %.17g\n", result.long_mm);
    printf("short_mm %.17g\n", result.short_mm);
    printf("confidence %.17g\n", result.confidence);
    printf("mask_area_mm2 %.17g\n", result.mask_area_mm2);
    printf("outline_points %lu\n", (unsigned long)result.outline_points);
    printf("warnings %lu\n", (unsigned long)result.warnings);
    return 0;
}

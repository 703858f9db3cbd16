/* Measures one lesion on a raw slice.
 *
 *   measure BUNDLE SLICE WIDTH HEIGHT ROW_MM COLUMN_MM X0 Y0 X1 Y1 [KERNEL]
 *
 * SLICE is a file of int16_t Hounsfield units in the machine's byte order, row by row; a spacing of 0 is unknown;
 * X0 Y0 X1 Y1 is the rough box in pixels; KERNEL is a RECIST_KERNEL_ number. Prints what the model is and one result
 * a line, with all digits; what differs from machine to machine and from call to call, on stderr. Ends with 0 if the
 * lesion was measured, 1 if it was not, 2 if the arguments or files are wrong. */
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

static void print_points(const char *name, const recist_point *points, size_t count)
{
    size_t i;
    printf("%s", name);
    for (i = 0; i < count; i++) printf(" %.17g %.17g", points[i].x, points[i].y);
    printf("\n");
}

static void print_model(const recist_info *info)
{
    size_t i;
    printf("name %.*s\n", (int)info->name_bytes, info->name);
    printf("version %.*s\n", (int)info->version_bytes, info->version);
    printf("preprocessing %.*s\n", (int)info->preprocessing_bytes, info->preprocessing);
    printf("patch_size %lu\n", (unsigned long)info->patch_size);
    printf("heatmap_size %lu\n", (unsigned long)info->heatmap_size);
    printf("test_vectors %lu\n", (unsigned long)info->test_vectors);
    printf("low_confidence %.17g\n", info->low_confidence);
    printf("sha256 ");
    for (i = 0; i < sizeof info->sha256; i++) printf("%02x", (unsigned)info->sha256[i]);
    printf("\n");
    fprintf(stderr, "kernel %ld\n", (long)info->kernel);
    fprintf(stderr, "memory_bytes %lu\n", (unsigned long)info->memory_bytes);
}

static void print_measurement(const recist_measurement *result, const recist_point *outline)
{
    int i;
    print_points("long_start", &result->long_start, 1);
    print_points("long_end", &result->long_end, 1);
    print_points("short_start", &result->short_start, 1);
    print_points("short_end", &result->short_end, 1);
    printf("long_px %.17g\n", result->long_px);
    printf("short_px %.17g\n", result->short_px);
    printf("long_mm %.17g\n", result->long_mm);
    printf("short_mm %.17g\n", result->short_mm);
    printf("mask_area_mm2 %.17g\n", result->mask_area_mm2);
    printf("confidence %.17g\n", result->confidence);
    print_points("keypoints", result->keypoints, 4);
    printf("keypoint_confidence");
    for (i = 0; i < 4; i++) printf(" %.17g", result->keypoint_confidence[i]);
    printf("\n");
    print_points("outline", outline, (size_t)result->outline_points);
    printf("warnings %lu\n", (unsigned long)result->warnings);
    fprintf(stderr, "crop_ns %.0f\n", (double)result->crop_ns);
    fprintf(stderr, "localization_ns %.0f\n", (double)result->localization_ns);
    fprintf(stderr, "sampling_ns %.0f\n", (double)result->sampling_ns);
    fprintf(stderr, "hourglass_ns %.0f\n", (double)result->hourglass_ns);
    fprintf(stderr, "decoding_ns %.0f\n", (double)result->decoding_ns);
}

int main(int argc, char **argv)
{
    static recist_point outline[RECIST_OUTLINE_POINTS];
    recist_slice slice = RECIST_SLICE_INIT;
    recist_options options = RECIST_OPTIONS_INIT;
    recist_measurement result = RECIST_MEASUREMENT_INIT;
    recist_info info = RECIST_INFO_INIT;
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
    if (status == RECIST_OK) status = recist_describe(model, &info);
    if (status == RECIST_OK) status = recist_self_test(model, options.kernel);
    if (status == RECIST_OK) status = recist_measure(model, &slice, &box, &options, &result);
    recist_close(model);
    free(memory.whole);
    free(samples.whole);
    if (status == RECIST_OK) {
        print_model(&info); /* whose texts lie in the bundle */
        print_measurement(&result, outline);
    } else {
        fprintf(stderr, "measure: %s\n", recist_status_text(status));
    }
    free(bundle.whole);
    return status == RECIST_OK ? 0 : 1;
}

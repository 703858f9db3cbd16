/* Measures one box on a raw slice: measure BUNDLE SLICE WIDTH HEIGHT ROW_MM COLUMN_MM X0 Y0 X1 Y1 KERNEL
 * SLICE is a file of int16_t Hounsfield units, row by row. Everything lies in static memory; the last line says
 * how often memory was asked of the system between open and close (with --wrap, see tests/tests/c_library.rs). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recist.h"

static size_t allocations;

#ifdef COUNT_ALLOCATIONS
void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void __real_free(void *);
void *__wrap_malloc(size_t bytes) { allocations++; return __real_malloc(bytes); }
void *__wrap_calloc(size_t count, size_t bytes) { allocations++; return __real_calloc(count, bytes); }
void *__wrap_realloc(void *old, size_t bytes) { allocations++; return __real_realloc(old, bytes); }
void __wrap_free(void *old) { allocations++; __real_free(old); }
#endif

static union { uint8_t bytes[8 << 20]; double align; } bundle_store, memory_store;
static int16_t hu[4096 * 1024];
static recist_point outline[RECIST_OUTLINE_POINTS];

static void *aligned(uint8_t *bytes, size_t alignment)
{
    return bytes + (alignment - (uintptr_t)bytes % alignment) % alignment;
}

static size_t load(const char *path, void *to, size_t room)
{
    FILE *file = fopen(path, "rb");
    size_t bytes;
    if (!file) { perror(path); exit(2); }
    bytes = fread(to, 1, room, file);
    fclose(file);
    return bytes;
}

static int fail(recist_status status)
{
    fprintf(stderr, "%s\n", recist_status_text(status));
    return (int)status + 100;
}

static void point(const char *name, recist_point p)
{
    printf("%s %a %a\n", name, p.x, p.y);
}

int main(int argc, char **argv)
{
    recist_slice slice = RECIST_SLICE_INIT;
    recist_measurement result = RECIST_MEASUREMENT_INIT;
    recist_options options = RECIST_OPTIONS_INIT;
    recist_info info = RECIST_INFO_INIT;
    recist_box box;
    recist_model *model;
    recist_status status;
    size_t bundle_bytes, bytes, alignment, before;
    void *bundle = aligned(bundle_store.bytes, RECIST_BUNDLE_ALIGNMENT), *memory;

    if (argc != 12 || recist_abi_version() != RECIST_ABI_VERSION) return 2;
    bundle_bytes = load(argv[1], bundle, (8 << 20) - 64);
    load(argv[2], hu, sizeof hu);
    slice.hu = hu;
    slice.width = (uint32_t)atoi(argv[3]);
    slice.height = (uint32_t)atoi(argv[4]);
    slice.row_stride = slice.width;
    slice.row_spacing_mm = atof(argv[5]);
    slice.column_spacing_mm = atof(argv[6]);
    box.x0 = atof(argv[7]);
    box.y0 = atof(argv[8]);
    box.x1 = atof(argv[9]);
    box.y1 = atof(argv[10]);
    options.kernel = atoi(argv[11]);
    options.outline = outline;
    options.outline_capacity = RECIST_OUTLINE_POINTS;

    before = allocations;
    status = recist_memory_required(bundle, bundle_bytes, &bytes, &alignment);
    if (status != RECIST_OK) return fail(status);
    if (bytes + alignment > sizeof memory_store.bytes) return 2;
    memory = aligned(memory_store.bytes, alignment);
    status = recist_open(bundle, bundle_bytes, memory, bytes, &model);
    if (status != RECIST_OK) return fail(status);
    status = recist_measure(model, &slice, &box, &options, &result);
    if (status != RECIST_OK) return fail(status);
    status = recist_self_test(model, options.kernel);
    if (status != RECIST_OK) return fail(status);
    status = recist_describe(model, &info);
    if (status != RECIST_OK) return fail(status);
    recist_close(model);
    before = allocations - before;

    point("long_start", result.long_start);
    point("long_end", result.long_end);
    point("short_start", result.short_start);
    point("short_end", result.short_end);
    printf("mm %a %a\n", result.long_mm, result.short_mm);
    printf("confidence %a\n", result.confidence);
    printf("outline %d\n", (int)result.outline_points);
    printf("name %.*s\n", (int)info.name_bytes, info.name);
    printf("allocations %d\n", (int)before);
    return 0;
}

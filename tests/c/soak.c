/* Measures again and again: soak BUNDLE SLICE WIDTH HEIGHT ROW_MM COLUMN_MM X0 Y0 X1 Y1 COUNT
 *
 * The box is moved to sixteen places in turn. Prints a hash of the bits of the first round, then, for COUNT
 * measurements, the distribution of their times. Ends with 1 if a measurement fails, if its bits differ from the
 * first at its place, or if the process takes more memory at the end than after the first round. */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "load.h"
#include "recist.h"

#define PLACES 16

typedef struct outcome {
    recist_measurement measured;
    recist_point outline[RECIST_OUTLINE_POINTS];
} outcome;

static unsigned char bundle_room[48 << 20], memory_room[8 << 20];
static int16_t hu[1024 * 1024];
static outcome first[PLACES];

/* Pages of memory that this process has and has touched; pages of files, such as its own code, not counted. */
static long pages(void)
{
    long resident, shared;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%*d %ld %ld", &resident, &shared) != 2) exit(2);
    fclose(file);
    return resident - shared;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static recist_status measure(recist_model *model, const recist_slice *slice, recist_box box, int place,
                             outcome *to)
{
    recist_options options = RECIST_OPTIONS_INIT;
    recist_status status;
    memset(to, 0, sizeof *to);
    to->measured.struct_size = sizeof to->measured;
    box.x0 += place % 4 - 1.5;
    box.x1 += place % 4 - 1.5;
    box.y0 += place / 4 - 1.5;
    box.y1 += place / 4 - 1.5;
    options.outline = to->outline;
    options.outline_capacity = RECIST_OUTLINE_POINTS;
    status = recist_measure(model, slice, &box, &options, &to->measured);
    to->measured.crop_ns = to->measured.localization_ns = to->measured.sampling_ns = 0;
    to->measured.hourglass_ns = to->measured.decoding_ns = 0;
    return status;
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    static outcome again;
    recist_slice slice = RECIST_SLICE_INIT;
    recist_box box;
    recist_model *model;
    recist_status status;
    size_t bundle_bytes, bytes, alignment, i;
    long count, done, before, after;
    uint64_t hash = 14695981039346656037u;
    uint32_t *times;
    void *bundle = aligned(bundle_room, RECIST_BUNDLE_ALIGNMENT), *memory;

    if (argc != 12) return 2;
    bundle_bytes = load(argv[1], bundle, sizeof bundle_room - RECIST_BUNDLE_ALIGNMENT);
    load(argv[2], hu, sizeof hu);
    slice.hu = hu;
    slice.width = slice.row_stride = (uint32_t)atoi(argv[3]);
    slice.height = (uint32_t)atoi(argv[4]);
    slice.row_spacing_mm = atof(argv[5]);
    slice.column_spacing_mm = atof(argv[6]);
    box.x0 = atof(argv[7]);
    box.y0 = atof(argv[8]);
    box.x1 = atof(argv[9]);
    box.y1 = atof(argv[10]);
    count = atol(argv[11]);
    times = malloc((size_t)count * sizeof *times);
    if (count < 1 || !times) return 2;
    memset(times, 1, (size_t)count * sizeof *times);

    status = recist_memory_required(bundle, bundle_bytes, &bytes, &alignment);
    memory = aligned(memory_room, alignment);
    if (status == RECIST_OK) status = recist_open(bundle, bundle_bytes, memory, bytes, &model);
    if (status == RECIST_OK) status = recist_self_test(model, RECIST_KERNEL_AUTO);
    for (i = 0; i < PLACES && status == RECIST_OK; i++)
        status = measure(model, &slice, box, (int)i, &first[i]);
    if (status != RECIST_OK) {
        fprintf(stderr, "soak: %s\n", recist_status_text(status));
        return 1;
    }
    for (i = 0; i < sizeof first; i++) hash = (hash ^ ((unsigned char *)first)[i]) * 1099511628211u;
    printf("bits %08lx%08lx\n", (unsigned long)(hash >> 32), (unsigned long)(hash & 0xFFFFFFFFu));

    measure(model, &slice, box, 0, &again);
    pages();
    before = pages();
    for (done = 0; done < count; done++) {
        uint64_t start = now_ns();
        status = measure(model, &slice, box, (int)(done % PLACES), &again);
        times[done] = (uint32_t)((now_ns() - start) / 1000);
        if (status != RECIST_OK || memcmp(&again, &first[done % PLACES], sizeof again)) {
            fprintf(stderr, "soak: measurement %ld differs: %s\n", done, recist_status_text(status));
            return 1;
        }
    }
    after = pages();
    recist_close(model);
    qsort(times, (size_t)count, sizeof *times, by_size);
    printf("measurements %ld, all bits the same\n", count);
    printf("microseconds median %lu, 99.9th percentile %lu, maximum %lu\n", (unsigned long)times[count / 2],
           (unsigned long)times[count - 1 - count / 1000], (unsigned long)times[count - 1]);
    printf("pages of memory %ld before, %ld after\n", before, after);
    return after > before;
}

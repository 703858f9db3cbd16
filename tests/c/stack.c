/* Prints how much stack every function of the interface uses: stack BUNDLE SLICE WIDTH HEIGHT X0 Y0 X1 Y1
 *
 * The calls run on a thread whose stack was painted before. One line a function and kernel, and a control that
 * uses 20000 bytes. Link statically: what the dynamic linker uses is not the library's. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"
#include "recist.h"

#define ROOM (1 << 20)
#define PAINT 0xA5

static unsigned char room[ROOM], bundle_room[48 << 20], memory_room[8 << 20];
static int16_t hu[1024 * 1024];
static recist_point outline[RECIST_OUTLINE_POINTS];

static void *bundle, *memory;
static size_t bundle_bytes, bytes, alignment;
static recist_model *model;
static recist_slice slice = RECIST_SLICE_INIT;
static recist_options options = RECIST_OPTIONS_INIT;
static recist_box box;
static volatile unsigned char *top;

static recist_status memory_required(void)
{
    return recist_memory_required(bundle, bundle_bytes, &bytes, &alignment);
}

static recist_status open_model(void)
{
    return recist_open(bundle, bundle_bytes, memory, bytes, &model);
}

static recist_status measure(void)
{
    static recist_measurement out = RECIST_MEASUREMENT_INIT;
    return recist_measure(model, &slice, &box, &options, &out);
}

static recist_status self_test(void)
{
    return recist_self_test(model, options.kernel);
}

static recist_status describe(void)
{
    static recist_info out = RECIST_INFO_INIT;
    return recist_describe(model, &out);
}

static recist_status control(void)
{
    volatile unsigned char used[20000];
    memset((void *)used, 0, sizeof used);
    return used[0];
}

/* The call, with the address where its stack begins and everything deeper painted. */
static void *on_thread(void *call)
{
    volatile unsigned char here = 0;
    recist_status status;
    top = &here;
    memset(room, PAINT, (size_t)(&here - room) - 512);
    status = (*(recist_status (**)(void))call)();
    return (void *)(intptr_t)status;
}

static void use(const char *name, recist_status (*call)(void))
{
    pthread_t thread;
    pthread_attr_t attributes;
    void *status;
    size_t untouched = 0;
    pthread_attr_init(&attributes);
    if (pthread_attr_setstack(&attributes, room, ROOM)) exit(2);
    if (pthread_create(&thread, &attributes, on_thread, &call)) exit(2);
    pthread_join(thread, &status);
    while (room[untouched] == PAINT) untouched++;
    printf("%s %d %lu %d\n", name, (int)options.kernel, (unsigned long)(top - room - untouched),
           (int)(intptr_t)status);
}

int main(int argc, char **argv)
{
    if (argc != 9) return 2;
    bundle = aligned(bundle_room, RECIST_BUNDLE_ALIGNMENT);
    bundle_bytes = load(argv[1], bundle, sizeof bundle_room - RECIST_BUNDLE_ALIGNMENT);
    load(argv[2], hu, sizeof hu);
    slice.hu = hu;
    slice.width = slice.row_stride = (uint32_t)atoi(argv[3]);
    slice.height = (uint32_t)atoi(argv[4]);
    box.x0 = atof(argv[5]);
    box.y0 = atof(argv[6]);
    box.x1 = atof(argv[7]);
    box.y1 = atof(argv[8]);
    options.outline = outline;
    options.outline_capacity = RECIST_OUTLINE_POINTS;

    use("control", control);
    use("memory_required", memory_required);
    memory = aligned(memory_room, alignment);
    if (bytes > sizeof memory_room - alignment) return 2;
    use("open", open_model);
    use("describe", describe);
    for (options.kernel = 0; options.kernel <= RECIST_KERNEL_SSE41; options.kernel++) {
        use("measure", measure);
        use("self_test", self_test);
    }
    recist_close(model);
    return 0;
}

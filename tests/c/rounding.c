/* Measures a lesion in every rounding mode, then with tiny numbers flushed to zero where that can be set here.
 *   rounding BUNDLE SLICE SIDE X0 Y0 X1 Y1
 * SLICE is a square of int16_t. Prints a line for each: its name; the status of recist_memory_required, recist_open,
 * recist_self_test and recist_measure; whether the measurement and the model's low confidence have the bits of the
 * first; the status of recist_measure with a spacing that is nearly 0, and with one of -0. */
#include <fenv.h>
#include <stddef.h>
#include <string.h>
#ifdef __SSE2__
#include <xmmintrin.h>
#endif

#include "load.h"
#include "recist.h"

static union { double align; unsigned char bytes[4 << 20]; } bundle_room, model_room, spare_room;
static int16_t samples[512 * 512];

int main(int argc, char **argv)
{
    static const struct { const char *name; int mode; } modes[] = {
        { "nearest", FE_TONEAREST }, { "up", FE_UPWARD }, { "down", FE_DOWNWARD },
        { "zero", FE_TOWARDZERO }, { "again", FE_TONEAREST }, { "flushed", FE_TONEAREST },
    };
    recist_measurement first = RECIST_MEASUREMENT_INIT;
    recist_info first_info = RECIST_INFO_INIT;
    recist_slice slice = RECIST_SLICE_INIT;
    recist_model *model, *spare;
    recist_box box;
    size_t i, bundle_bytes, bytes, alignment;
    unsigned char *bundle = aligned(bundle_room.bytes, RECIST_BUNDLE_ALIGNMENT), *memory, *spare_memory;
    if (argc != 8) return 2;
    bundle_bytes = load(argv[1], bundle, sizeof bundle_room.bytes - RECIST_BUNDLE_ALIGNMENT);
    load(argv[2], samples, sizeof samples);
    slice.hu = samples;
    slice.width = slice.height = slice.row_stride = (uint32_t)strtoul(argv[3], NULL, 10);
    slice.row_spacing_mm = slice.column_spacing_mm = 0.7;
    box.x0 = strtod(argv[4], NULL);
    box.y0 = strtod(argv[5], NULL);
    box.x1 = strtod(argv[6], NULL);
    box.y1 = strtod(argv[7], NULL);
    if (recist_memory_required(bundle, bundle_bytes, &bytes, &alignment) != RECIST_OK) return 2;
    memory = aligned(model_room.bytes, alignment);
    spare_memory = aligned(spare_room.bytes, alignment);
    if (recist_open(bundle, bundle_bytes, memory, bytes, &model) != RECIST_OK) return 2;
    for (i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        recist_measurement result = RECIST_MEASUREMENT_INIT;
        recist_measurement spare_result = RECIST_MEASUREMENT_INIT;
        recist_info info = RECIST_INFO_INIT;
        recist_slice tiny = slice, none = slice;
        recist_status required, open, tested, measured, spaced, unspaced;
        size_t never;
#ifdef __SSE2__
        if (!strcmp(modes[i].name, "flushed")) _mm_setcsr(_mm_getcsr() | 0x8040);
#else
        if (!strcmp(modes[i].name, "flushed")) break;
#endif
        if (fesetround(modes[i].mode)) return 2;
        required = recist_memory_required(bundle, bundle_bytes, &never, &never);
        open = recist_open(bundle, bundle_bytes, spare_memory, bytes, &spare);
        tested = recist_self_test(model, RECIST_KERNEL_AUTO);
        measured = recist_measure(model, &slice, &box, NULL, &result);
        if (recist_describe(model, &info)) return 2;
        tiny.row_spacing_mm = tiny.column_spacing_mm = 1e-310;
        spaced = recist_measure(model, &tiny, &box, NULL, &spare_result);
        none.row_spacing_mm = none.column_spacing_mm = -0.0;
        unspaced = recist_measure(model, &none, &box, NULL, &spare_result);
        fesetround(FE_TONEAREST);
        if (open == RECIST_OK) recist_close(spare);
        if (i == 0) first = result, first_info = info;
        printf("%s %d %d %d %d %d %d %d\n", modes[i].name, (int)required, (int)open, (int)tested, (int)measured,
               memcmp(&first, &result, offsetof(recist_measurement, crop_ns)) == 0
                   && first_info.low_confidence == info.low_confidence,
               (int)spaced, (int)unspaced);
    }
    return 0;
}

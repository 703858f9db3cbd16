/*
 * recist.h - measures a lesion on a CT slice: the longest diameter and the short
 * diameter perpendicular to it (RECIST), from a rough box round the lesion.
 *
 * This header is the manual. C99 and C++. The library is not a medical device. It
 * does not find lesions: it measures the one that the user's box is drawn round,
 * and refuses what it does not see clearly.
 *
 * A complete example:
 *
 *   int measure(const void *bundle, size_t bundle_bytes, void *memory,
 *               size_t memory_bytes, const int16_t *hu, uint32_t side)
 *   {
 *       recist_model *model;
 *       recist_slice slice = RECIST_SLICE_INIT;
 *       recist_measurement result = RECIST_MEASUREMENT_INIT;
 *       const recist_box box = { 300.0, 340.0, 350.0, 395.0 };
 *       recist_status status =
 *           recist_open(bundle, bundle_bytes, memory, memory_bytes, &model);
 *       if (status != RECIST_OK) {
 *           fprintf(stderr, "%s\n", recist_status_text(status));
 *           return 1;
 *       }
 *       slice.hu = hu;
 *       slice.width = slice.height = slice.row_stride = side;
 *       slice.row_spacing_mm = slice.column_spacing_mm = 0.7;
 *       status = recist_measure(model, &slice, &box, NULL, &result);
 *       if (status == RECIST_OK)
 *           printf("%.1f x %.1f mm\n", result.long_mm, result.short_mm);
 *       else
 *           fprintf(stderr, "%s\n", recist_status_text(status));
 *       recist_close(model);
 *       return status != RECIST_OK;
 *   }
 *
 * where memory has at least the size and alignment that recist_memory_required
 * gave for the bundle, beforehand or at build time.
 *
 * COORDINATES. x is the column, y the row, y grows downwards, and the centre of
 * the first pixel is (0, 0): the pixels of a slice cover -0.5 to width - 0.5.
 * DICOM's SCOORD is this plus 0.5.
 *
 * UNITS. Coordinates and lengths without a suffix are slice pixels; _mm is
 * millimetres, with row and column spacing separately. The short axis is
 * perpendicular to the long axis in millimetres: it is turned round its midpoint and
 * keeps its length in millimetres. Without pixel spacing nothing is guessed: all _mm
 * fields are NaN.
 *
 * MEMORY. The library takes nothing from the heap. Everything of a model lives in
 * the one block given to recist_open, whose size is known from the bundle alone.
 * The bundle is borrowed and must stay readable and unchanged until recist_close:
 * flash or a memory map will do. No call uses more than RECIST_STACK_BYTES of
 * stack. Only RECIST_INTERNAL is an exception: what reports such a fault on stderr
 * uses the heap and more stack.
 *
 * THREADS. Two models share nothing and may run on two threads, with one bundle
 * too. One model is for one thread at a time, not always the same: a call that
 * meets a running one returns RECIST_BUSY and changes nothing. No call waits.
 *
 * FLOATING POINT. The calling thread rounds to the nearest number and masks floating-
 * point exceptions, as C programs begin. In another rounding mode there would be other
 * millimetres: RECIST_ROUNDING. Whether tiny numbers are flushed to zero makes no
 * difference. Exception flags may be raised.
 *
 * FAILURE. On any status but RECIST_OK no output is written. A status keeps its
 * number for ever; a later library may return statuses that are not listed here.
 * Pointers that are not NULL must be valid for what the function states and apart
 * from each other; every number is checked.
 *
 * VERSIONS. struct_size is how a library knows the caller's header: it takes the
 * structs of every header with its RECIST_ABI_VERSION that is not newer than it.
 * recist_point and recist_box have none and stay as they are.
 */
#ifndef RECIST_H
#define RECIST_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised when something below changes its meaning; additions do not raise it. */
#define RECIST_ABI_VERSION 1

/* What the address of a bundle's first byte must be a multiple of. */
#define RECIST_BUNDLE_ALIGNMENT 64

/* The most stack that one call uses, in bytes. */
#define RECIST_STACK_BYTES 32768

/* What came of a call. */
typedef int32_t recist_status;

/* Done. */
#define RECIST_OK 0
/* A pointer that must not be NULL is NULL. */
#define RECIST_NULL 1
/* A struct_size is not this library's: start from the _INIT macro. */
#define RECIST_STRUCT_SIZE 2
/* The bundle, the memory, the samples or a struct do not lie at their alignment. */
#define RECIST_MISALIGNED 3
/* The block is smaller than recist_memory_required says. */
#define RECIST_MEMORY 4
/* The bytes are not a bundle, or cut short: check the file and its length. */
#define RECIST_NOT_A_BUNDLE 5
/* The bundle has another format than this library reads: update one of them. */
#define RECIST_BUNDLE_VERSION 6
/* The bundle's checksum does not match: storage or transfer damaged it. */
#define RECIST_BUNDLE_DAMAGED 7
/* The bundle is whole, but made for another cascade: ask its maker. */
#define RECIST_BUNDLE_FOREIGN 8
/* Width, height or row stride are zero, contradict each other or overflow, or a side
 * is longer than 100000000 pixels. */
#define RECIST_SLICE 9
/* A spacing is not from 0.01 to 10 mm, more than 4 times the other, or only one of the
 * two is given. */
#define RECIST_SPACING 10
/* The box is not finite, more than 1e9 pixels away, reversed or empty. */
#define RECIST_BOX 11
/* The box's centre does not lie on the slice. */
#define RECIST_BOX_OUTSIDE 12
/* The box is wider or higher than the slice, or its longer side is below 4 pixels: one
 * of 3 x 10 is measured. */
#define RECIST_BOX_SIZE 13
/* The middle of the box shows no contrast: there is nothing to measure. */
#define RECIST_NO_CONTRAST 14
/* The model sees no lesion that it can measure: an end is not seen, an axis would end
 * outside the slice, its mask and its axes show different things, or the axes are
 * less than 45 degrees apart:
 * draw the box again round the whole lesion, about twice its size; if that fails,
 * measure by hand. */
#define RECIST_NO_LESION 15
/* Another call is running on this model. */
#define RECIST_BUSY 16
/* The pointer is no open model: it was closed, or none was opened there. Whether the
 * memory of an open one was overwritten since is not found out. */
#define RECIST_NOT_OPEN 17
/* The kernel asked for is unknown or does not run on this processor. */
#define RECIST_KERNEL 18
/* The self-test measured other bits than the bundle states: do not use the model on
 * this machine, and report processor, compiler and library version. */
#define RECIST_SELF_TEST 19
/* The outline does not fit its buffer: give RECIST_OUTLINE_POINTS points. */
#define RECIST_OUTLINE 20
/* A fault of the library's own was caught: close the model, and please report what
 * it wrote to stderr. */
#define RECIST_INTERNAL 21
/* The calling thread rounds floating-point numbers upwards, downwards or towards zero:
 * fesetround(FE_TONEAREST) first. */
#define RECIST_ROUNDING 22

/* An open model, in the memory given to recist_open. Nothing in it is to be read. */
typedef struct recist_model recist_model;

typedef struct recist_point {
    double x; /* column */
    double y; /* row, downwards */
} recist_point;

/*
 * The rough box that a person draws round the whole lesion, about 2 to 2.5 times its
 * size. Finite, x0 < x1, y0 < y1. It may reach beyond the slice, where the nearest
 * edge sample counts; its centre may not. It is grown to a square round its centre (in
 * millimetres where the spacing is known, else in pixels), and the model also sees an
 * eighth of that square's side beyond each edge.
 */
typedef struct recist_box {
    double x0; /* left */
    double y0; /* top */
    double x1; /* right */
    double y1; /* bottom */
} recist_box;

/*
 * A CT slice, borrowed for one call. Start from RECIST_SLICE_INIT. Samples have any
 * values; below -1024 they count as -1024: there is nothing but padding.
 */
typedef struct recist_slice {
    uint32_t struct_size;     /* set by the macro */
    uint32_t width;           /* columns, 1 to 100000000 */
    uint32_t height;          /* rows, 1 to 100000000 */
    uint32_t row_stride;      /* samples from one row's start to the next, >= width */
    const int16_t *hu;        /* (height - 1) * row_stride + width Hounsfield units */
    double row_spacing_mm;    /* between rows (vertical); 0 if unknown */
    double column_spacing_mm; /* between columns (horizontal); 0 if unknown */
} recist_slice;

#define RECIST_SLICE_INIT { sizeof(recist_slice), 0, 0, 0, NULL, 0.0, 0.0 }

/* Kernels of the integer engine. All give the same bits. */
#define RECIST_KERNEL_AUTO 0        /* the fastest that this processor runs */
#define RECIST_KERNEL_SCALAR 1      /* any processor */
#define RECIST_KERNEL_AVX2 2        /* x86-64 */
#define RECIST_KERNEL_AVX_VNNI 3    /* x86-64 */
#define RECIST_KERNEL_AVX512_VNNI 4 /* x86-64 */
#define RECIST_KERNEL_NEON 5        /* aarch64 */
#define RECIST_KERNEL_NEON_DOT 6    /* aarch64 with the dot product extension */
#define RECIST_KERNEL_SSE41 7       /* x86-64 without AVX2 */

/* Choices for one call. Start from RECIST_OPTIONS_INIT; NULL means the same. */
typedef struct recist_options {
    uint32_t struct_size;    /* set by the macro */
    int32_t kernel;          /* RECIST_KERNEL_... */
    recist_point *outline;   /* where the lesion's outline goes, or NULL */
    size_t outline_capacity; /* points that fit there */
} recist_options;

#define RECIST_OPTIONS_INIT { sizeof(recist_options), RECIST_KERNEL_AUTO, NULL, 0 }

/* The most points that an outline has. */
#define RECIST_OUTLINE_POINTS 2052

/* Bits of recist_measurement.warnings: the measurement stands, look at it twice. */
#define RECIST_WARNING_NO_SPACING 1         /* no pixel spacing, so no millimetres */
#define RECIST_WARNING_BEYOND_SLICE 2       /* the box, as a square, reaches the slice's edge */
#define RECIST_WARNING_LOW_CONFIDENCE 4     /* confidence < recist_info.low_confidence */
#define RECIST_WARNING_NEAR_EDGE 8          /* an endpoint lies where the slice or the view ends */
#define RECIST_WARNING_NOT_PERPENDICULAR 16 /* the axes seen were far from perpendicular */
#define RECIST_WARNING_FILLS_BOX 32         /* what was measured fills the box */
#define RECIST_WARNING_LOW_OVERLAP 64       /* the model's mask and axes hardly show the same thing */
#define RECIST_WARNING_OUTSIDE_BOX 128      /* an axis ends far outside the box (a tenth of it) */

/*
 * A measurement. Start from RECIST_MEASUREMENT_INIT.
 *
 * The long axis starts at its end with the smaller x (smaller y on a tie), the short
 * axis at its end with the smaller y (smaller x on a tie). The keypoints are what
 * the model saw before the short axis was made perpendicular, in the model's order:
 * keypoints[0] is not always the end that is long_start, nor the first two the axis
 * that turned out longer.
 */
typedef struct recist_measurement {
    uint32_t struct_size; /* set by the macro */
    uint32_t warnings;    /* RECIST_WARNING_... bits */
    recist_point long_start;
    recist_point long_end;
    recist_point short_start;
    recist_point short_end;
    double long_px;
    double short_px;
    double long_mm;           /* NaN without spacing */
    double short_mm;          /* NaN without spacing */
    double mask_area_mm2;     /* of the mask's pixels, also beyond the slice; NaN without spacing */
    double confidence;        /* of the least clear endpoint, 0 to 1; not a probability of truth */
    recist_point keypoints[4];    /* two ends of one axis, two of the other */
    double keypoint_confidence[4]; /* of each keypoint, in their order */
    uint64_t outline_points;  /* points written to options->outline; 0 for an empty mask */
    uint64_t crop_ns;         /* time of each stage in nanoseconds */
    uint64_t localization_ns;
    uint64_t sampling_ns;
    uint64_t hourglass_ns;
    uint64_t decoding_ns;
} recist_measurement;

#define RECIST_MEASUREMENT_INIT \
    { sizeof(recist_measurement), 0, { 0.0, 0.0 }, { 0.0, 0.0 }, { 0.0, 0.0 }, { 0.0, 0.0 }, \
      0.0, 0.0, 0.0, 0.0, 0.0, 0.0, { { 0.0, 0.0 }, { 0.0, 0.0 }, { 0.0, 0.0 }, { 0.0, 0.0 } }, \
      { 0.0, 0.0, 0.0, 0.0 }, 0, 0, 0, 0, 0, 0 }

/*
 * What a model is. Start from RECIST_INFO_INIT. The texts are UTF-8 in the bundle,
 * without a terminating zero.
 */
typedef struct recist_info {
    uint32_t struct_size;  /* set by the macro */
    int32_t kernel;        /* what RECIST_KERNEL_AUTO runs here */
    const char *name;
    size_t name_bytes;
    const char *version;
    size_t version_bytes;
    const char *preprocessing; /* how samples become the networks' input, and its range */
    size_t preprocessing_bytes;
    size_t memory_bytes;   /* the block that recist_open needs */
    uint32_t patch_size;   /* the networks see patch_size x patch_size pixels */
    uint32_t heatmap_size; /* endpoints are found on maps of heatmap_size x heatmap_size */
    uint32_t test_vectors; /* measurements that recist_self_test repeats */
    uint8_t sha256[32];    /* of the bundle: what sha256sum prints */
    float low_confidence;  /* confidence below it has a warning */
} recist_info;

#define RECIST_INFO_INIT \
    { sizeof(recist_info), 0, NULL, 0, NULL, 0, NULL, 0, 0, 0, 0, 0, { 0 }, 0 }

/*
 * recist_abi_version gives the RECIST_ABI_VERSION that the library was built with.
 * Compare it with the macro first.
 */
uint32_t recist_abi_version(void);

/*
 * recist_status_text gives one English sentence for a status, zero-terminated and
 * valid for ever; for an unknown number it says so. Never NULL.
 */
const char *recist_status_text(recist_status status);

/*
 * recist_memory_required gives size and alignment of the block that recist_open
 * needs for this bundle of exactly bundle_bytes bytes, which it reads and checks as
 * recist_open does.
 *
 * RECIST_NULL, RECIST_MISALIGNED, RECIST_NOT_A_BUNDLE, RECIST_BUNDLE_VERSION,
 * RECIST_BUNDLE_DAMAGED, RECIST_BUNDLE_FOREIGN, RECIST_ROUNDING, RECIST_INTERNAL.
 */
recist_status recist_memory_required(const void *bundle, size_t bundle_bytes, size_t *bytes,
                                     size_t *alignment);

/*
 * recist_open checks a bundle and makes a model in the caller's memory, whose
 * contents do not matter. The memory belongs to the model until recist_close and is
 * not to be moved or copied. Writes *model, which points into the memory.
 *
 * As recist_memory_required; RECIST_MEMORY.
 */
recist_status recist_open(const void *bundle, size_t bundle_bytes, void *memory, size_t bytes,
                          recist_model **model);

/*
 * recist_measure measures the lesion in box. slice, box and options are borrowed for
 * the call; options may be NULL. Writes *out in full and, where asked for, the
 * outline of the largest part of the lesion mask: a closed polygon, clockwise on the
 * screen, its first point not repeated. The polygon's area is not mask_area_mm2, which
 * counts the mask's pixels in all its parts. Both may reach beyond the slice, where
 * the nearest edge sample counts: clip the outline before you index. The same slice,
 * box and bundle give the same bits on every processor and kernel; only the times
 * differ.
 *
 * RECIST_NULL, RECIST_STRUCT_SIZE, RECIST_MISALIGNED, RECIST_NOT_OPEN, RECIST_BUSY,
 * RECIST_SLICE, RECIST_SPACING, RECIST_BOX, RECIST_BOX_OUTSIDE, RECIST_BOX_SIZE,
 * RECIST_NO_CONTRAST, RECIST_NO_LESION, RECIST_KERNEL, RECIST_OUTLINE,
 * RECIST_ROUNDING, RECIST_INTERNAL.
 */
recist_status recist_measure(recist_model *model, const recist_slice *slice, const recist_box *box,
                             const recist_options *options, recist_measurement *out);

/*
 * recist_describe tells what an open model is. Writes *out in full.
 *
 * RECIST_NULL, RECIST_STRUCT_SIZE, RECIST_MISALIGNED, RECIST_NOT_OPEN, RECIST_BUSY,
 * RECIST_INTERNAL.
 */
recist_status recist_describe(recist_model *model, recist_info *out);

/*
 * recist_self_test measures the slices stored in the bundle with a kernel
 * (RECIST_KERNEL_...) and compares every bit of the axes' ends and of the confidence;
 * mask area and outline are not compared. Run it once on each new kind of machine. A
 * bundle without test vectors passes.
 *
 * RECIST_NULL, RECIST_MISALIGNED, RECIST_NOT_OPEN, RECIST_BUSY, RECIST_KERNEL,
 * RECIST_SELF_TEST, RECIST_ROUNDING, RECIST_INTERNAL.
 */
recist_status recist_self_test(recist_model *model, int32_t kernel);

/*
 * recist_close ends a model; its memory and its bundle are the caller's again. NULL
 * and a closed model whose memory is still there are ignored. A model with a call
 * running on it stays open and keeps its memory: close it when the call has returned.
 */
void recist_close(recist_model *model);

#ifdef __cplusplus
}
#endif

#endif

/* Prints every constant, size and offset of recist.h as C sees them. */
#include <stddef.h>
#include <stdio.h>

#include "recist.h"

#define CONSTANT(name) printf("%s %ld\n", #name, (long)(name))
#define SIZE(type) printf("%s %ld\n", #type, (long)sizeof(type))
#define FIELD(type, field) printf("%s.%s %ld\n", #type, #field, (long)offsetof(type, field))

int main(void)
{
    CONSTANT(RECIST_ABI_VERSION);
    CONSTANT(RECIST_BUNDLE_ALIGNMENT);
    CONSTANT(RECIST_OUTLINE_POINTS);
    CONSTANT(RECIST_OK);
    CONSTANT(RECIST_NULL);
    CONSTANT(RECIST_STRUCT_SIZE);
    CONSTANT(RECIST_MISALIGNED);
    CONSTANT(RECIST_MEMORY);
    CONSTANT(RECIST_NOT_A_BUNDLE);
    CONSTANT(RECIST_BUNDLE_VERSION);
    CONSTANT(RECIST_BUNDLE_DAMAGED);
    CONSTANT(RECIST_BUNDLE_FOREIGN);
    CONSTANT(RECIST_SLICE);
    CONSTANT(RECIST_SPACING);
    CONSTANT(RECIST_BOX);
    CONSTANT(RECIST_BOX_OUTSIDE);
    CONSTANT(RECIST_BOX_SIZE);
    CONSTANT(RECIST_NO_CONTRAST);
    CONSTANT(RECIST_NO_LESION);
    CONSTANT(RECIST_BUSY);
    CONSTANT(RECIST_NOT_OPEN);
    CONSTANT(RECIST_KERNEL);
    CONSTANT(RECIST_SELF_TEST);
    CONSTANT(RECIST_OUTLINE);
    CONSTANT(RECIST_INTERNAL);
    CONSTANT(RECIST_WARNING_NO_SPACING);
    CONSTANT(RECIST_WARNING_BEYOND_SLICE);
    CONSTANT(RECIST_WARNING_LOW_CONFIDENCE);
    CONSTANT(RECIST_WARNING_NEAR_EDGE);
    CONSTANT(RECIST_WARNING_NOT_PERPENDICULAR);
    CONSTANT(RECIST_WARNING_FILLS_BOX);
    SIZE(recist_point);
    SIZE(recist_box);
    SIZE(recist_slice);
    FIELD(recist_slice, width);
    FIELD(recist_slice, height);
    FIELD(recist_slice, row_stride);
    FIELD(recist_slice, hu);
    FIELD(recist_slice, row_spacing_mm);
    FIELD(recist_slice, column_spacing_mm);
    SIZE(recist_options);
    FIELD(recist_options, kernel);
    FIELD(recist_options, outline);
    FIELD(recist_options, outline_capacity);
    SIZE(recist_measurement);
    FIELD(recist_measurement, warnings);
    FIELD(recist_measurement, long_start);
    FIELD(recist_measurement, short_end);
    FIELD(recist_measurement, long_px);
    FIELD(recist_measurement, short_px);
    FIELD(recist_measurement, long_mm);
    FIELD(recist_measurement, short_mm);
    FIELD(recist_measurement, mask_area_mm2);
    FIELD(recist_measurement, confidence);
    FIELD(recist_measurement, keypoints);
    FIELD(recist_measurement, keypoint_confidence);
    FIELD(recist_measurement, outline_points);
    FIELD(recist_measurement, crop_ns);
    FIELD(recist_measurement, decoding_ns);
    SIZE(recist_info);
    FIELD(recist_info, kernel);
    FIELD(recist_info, name);
    FIELD(recist_info, name_bytes);
    FIELD(recist_info, version);
    FIELD(recist_info, version_bytes);
    FIELD(recist_info, memory_bytes);
    FIELD(recist_info, patch_size);
    FIELD(recist_info, heatmap_size);
    FIELD(recist_info, test_vectors);
    FIELD(recist_info, sha256);
    return 0;
}

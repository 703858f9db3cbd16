// As measure.c, with recist.hpp: measure BUNDLE SLICE WIDTH HEIGHT ROW_MM COLUMN_MM X0 Y0 X1 Y1 [KERNEL]
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "recist.hpp"

static std::vector<char> load(const char *path)
{
    std::ifstream file(path, std::ios::binary);
    file.exceptions(std::ios::badbit);
    return std::vector<char>(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

static void print_point(const char *name, recist_point point)
{
    std::printf("%s %.17g %.17g\n", name, point.x, point.y);
}

int main(int argc, char **argv)
try {
    if (argc < 11 || argc > 12) return 2;
    std::vector<char> bundle = load(argv[1]);
    const std::vector<char> samples = load(argv[2]);
    std::size_t bundle_bytes = bundle.size(), room = bundle_bytes + RECIST_BUNDLE_ALIGNMENT;
    bundle.resize(room);
    void *start = bundle.data();
    std::align(RECIST_BUNDLE_ALIGNMENT, bundle_bytes, start, room);
    std::memmove(start, bundle.data(), bundle_bytes);
    recist_slice slice = RECIST_SLICE_INIT;
    slice.width = static_cast<uint32_t>(std::atoi(argv[3]));
    slice.height = static_cast<uint32_t>(std::atoi(argv[4]));
    slice.row_stride = slice.width;
    slice.row_spacing_mm = std::atof(argv[5]);
    slice.column_spacing_mm = std::atof(argv[6]);
    slice.hu = reinterpret_cast<const int16_t *>(samples.data());
    if (samples.size() / sizeof(int16_t) < std::size_t(slice.width) * slice.height) return 2;
    const recist_box box = { std::atof(argv[7]), std::atof(argv[8]), std::atof(argv[9]), std::atof(argv[10]) };
    std::vector<recist_point> outline(RECIST_OUTLINE_POINTS);
    recist_options options = RECIST_OPTIONS_INIT;
    options.kernel = argc > 11 ? std::atoi(argv[11]) : RECIST_KERNEL_AUTO;
    options.outline = outline.data();
    options.outline_capacity = outline.size();

    recist::model opened(start, bundle_bytes);
    recist::model model = std::move(opened);
    model.self_test(options.kernel);
    const recist_measurement result = model.measure(slice, box, &options);
    print_point("long_start", result.long_start);
    print_point("long_end", result.long_end);
    print_point("short_start", result.short_start);
    print_point("short_end", result.short_end);
    std::printf("long_mm %.17g\n", result.long_mm);
    std::printf("short_mm %.17g\n", result.short_mm);
    std::printf("confidence %.17g\n", result.confidence);
    std::printf("mask_area_mm2 %.17g\n", result.mask_area_mm2);
    std::printf("outline_points %lu\n", static_cast<unsigned long>(result.outline_points));
    std::printf("warnings %lu\n", static_cast<unsigned long>(result.warnings));
} catch (const std::exception &error) {
    std::fprintf(stderr, "measure: %s\n", error.what());
    return 1;
}

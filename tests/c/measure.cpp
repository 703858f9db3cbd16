// As measure.c, with recist.hpp: measure BUNDLE SLICE WIDTH HEIGHT ROW_MM COLUMN_MM X0 Y0 X1 Y1 [KERNEL]
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "recist.hpp"

static std::vector<char> load(const char *path)
{
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error(std::string(path) + " cannot be read");
    file.exceptions(std::ios::badbit);
    return std::vector<char>(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

static void print_points(const char *name, const recist_point *points, std::size_t count)
{
    std::printf("%s", name);
    for (std::size_t i = 0; i < count; i++) std::printf(" %.17g %.17g", points[i].x, points[i].y);
    std::printf("\n");
}

static void print_model(const recist_info &info)
{
    std::printf("name %s\n", std::string(info.name, info.name_bytes).c_str());
    std::printf("version %s\n", std::string(info.version, info.version_bytes).c_str());
    std::printf("preprocessing %s\n", std::string(info.preprocessing, info.preprocessing_bytes).c_str());
    std::printf("patch_size %lu\n", static_cast<unsigned long>(info.patch_size));
    std::printf("heatmap_size %lu\n", static_cast<unsigned long>(info.heatmap_size));
    std::printf("test_vectors %lu\n", static_cast<unsigned long>(info.test_vectors));
    std::printf("low_confidence %.17g\n", static_cast<double>(info.low_confidence));
    std::printf("sha256 ");
    for (uint8_t byte : info.sha256) std::printf("%02x", static_cast<unsigned>(byte));
    std::printf("\n");
    std::fprintf(stderr, "kernel %ld\n", static_cast<long>(info.kernel));
    std::fprintf(stderr, "memory_bytes %lu\n", static_cast<unsigned long>(info.memory_bytes));
}

static void print_measurement(const recist_measurement &result, const std::vector<recist_point> &outline)
{
    print_points("long_start", &result.long_start, 1);
    print_points("long_end", &result.long_end, 1);
    print_points("short_start", &result.short_start, 1);
    print_points("short_end", &result.short_end, 1);
    std::printf("long_px %.17g\n", result.long_px);
    std::printf("short_px %.17g\n", result.short_px);
    std::printf("long_mm %.17g\n", result.long_mm);
    std::printf("short_mm %.17g\n", result.short_mm);
    std::printf("mask_area_mm2 %.17g\n", result.mask_area_mm2);
    std::printf("confidence %.17g\n", result.confidence);
    print_points("keypoints", result.keypoints, 4);
    std::printf("keypoint_confidence");
    for (double confidence : result.keypoint_confidence) std::printf(" %.17g", confidence);
    std::printf("\n");
    print_points("outline", outline.data(), static_cast<std::size_t>(result.outline_points));
    std::printf("warnings %lu\n", static_cast<unsigned long>(result.warnings));
    std::fprintf(stderr, "crop_ns %.0f\n", static_cast<double>(result.crop_ns));
    std::fprintf(stderr, "localization_ns %.0f\n", static_cast<double>(result.localization_ns));
    std::fprintf(stderr, "sampling_ns %.0f\n", static_cast<double>(result.sampling_ns));
    std::fprintf(stderr, "hourglass_ns %.0f\n", static_cast<double>(result.hourglass_ns));
    std::fprintf(stderr, "decoding_ns %.0f\n", static_cast<double>(result.decoding_ns));
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
    if (samples.size() / sizeof(int16_t) != uint64_t(slice.width) * slice.height) {
        std::fprintf(stderr, "measure: %s does not hold %s x %s samples\n", argv[2], argv[3], argv[4]);
        return 2;
    }
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
    print_model(model.describe());
    print_measurement(result, outline);
} catch (const std::exception &error) {
    std::fprintf(stderr, "measure: %s\n", error.what());
    return 1;
}

// Convolutions as matrix products over unfolded images: windows laid in rows, channels innermost.

#include "elements.cuh"

// The windows that a kernel sees of a source, one for each target pixel of all images.
struct Windows {
    Index source_height, source_width, channels, target_height, target_width, kernel, stride, padding;
};

// Lays the windows of the target pixels from `first` on in rows, zeros outside the source.
extern "C" __global__ void unfold(Windows w, const float *source, float *unfolded, Index first, Index count) {
    Index i = element();
    if (i >= count) return;
    Index channel = i % w.channels, rest = i / w.channels;
    Index tap = rest % (w.kernel * w.kernel), target = first + rest / (w.kernel * w.kernel);
    Index x = target % w.target_width * w.stride + tap % w.kernel;
    Index above = target / w.target_width;
    Index y = above % w.target_height * w.stride + tap / w.kernel;
    Index image = above / w.target_height;
    // Left of or above the source these wrap round and are too large as well.
    x -= w.padding;
    y -= w.padding;
    bool inside = x < w.source_width && y < w.source_height;
    unfolded[i] = inside ? source[((image * w.source_height + y) * w.source_width + x) * w.channels + channel] : 0.f;
}

// Gives each source element from pixel `first_source` on the sum of its places in the windows, whose rows begin at
// the target pixel `first_target`.
extern "C" __global__ void fold(Windows w, const float *unfolded, float *source, Index first_source,
                                Index first_target, Index count, bool adds) {
    Index i = element();
    if (i >= count) return;
    Index channel = i % w.channels, pixel = first_source + i / w.channels;
    Index x = pixel % w.source_width + w.padding, above = pixel / w.source_width;
    Index y = above % w.source_height + w.padding, image = above / w.source_height;
    float sum = 0.f;
    for (Index row = y % w.stride; row < w.kernel && row <= y; row += w.stride) {
        Index target_y = (y - row) / w.stride;
        if (target_y >= w.target_height) continue;
        for (Index column = x % w.stride; column < w.kernel && column <= x; column += w.stride) {
            Index target_x = (x - column) / w.stride;
            if (target_x >= w.target_width) continue;
            Index target = (image * w.target_height + target_y) * w.target_width + target_x - first_target;
            sum += unfolded[((size_t)target * w.kernel * w.kernel + row * w.kernel + column) * w.channels + channel];
        }
    }
    give(source + (size_t)first_source * w.channels + i, sum, adds);
}

// From (output, input, tap) to (output, tap, input), the order of a window.
extern "C" __global__ void pack_weight(const float *weight, float *packed, Index inputs, Index taps, Index count) {
    Index i = element();
    if (i >= count) return;
    Index input = i % inputs, tap = i / inputs % taps, output = i / (inputs * taps);
    packed[i] = weight[(output * inputs + input) * taps + tap];
}

// Adds (output, tap, input) to (output, input, tap).
extern "C" __global__ void add_packed(const float *packed, float *gradient, Index inputs, Index taps, Index count) {
    Index i = element();
    if (i >= count) return;
    Index tap = i % taps, input = i / taps % inputs, output = i / (inputs * taps);
    gradient[i] += packed[(output * taps + tap) * inputs + input];
}

// Writes `row` into every row of `rows`.
extern "C" __global__ void fill_rows(const float *row, float *rows, Index length, Index count) {
    Index i = element();
    if (i < count) rows[i] = row[i % length];
}

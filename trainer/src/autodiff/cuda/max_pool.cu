// The largest of a window.

#include "elements.cuh"

struct Pool {
    Index input_height, input_width, output_height, output_width, channels, kernel, stride, padding;
};

// The first of the largest elements of a window, a NaN larger than what came before it; its pixel within the image.
__device__ inline float largest(const Pool &p, const float *image, Index y, Index x, Index channel, Index *place) {
    Index top = y * p.stride, left = x * p.stride;
    Index first_row = top > p.padding ? top - p.padding : 0, end_row = min(top + p.kernel - p.padding, p.input_height);
    Index first = left > p.padding ? left - p.padding : 0, end = min(left + p.kernel - p.padding, p.input_width);
    float found = -INFINITY;
    for (Index row = first_row; row < end_row; row++)
        for (Index column = first; column < end; column++) {
            Index pixel = row * p.input_width + column;
            float value = image[pixel * p.channels + channel];
            if (value > found || value != value) {
                found = value;
                *place = pixel;
            }
        }
    return found;
}

extern "C" __global__ void max_pool(Pool p, const float *input, float *output, Index count) {
    Index i = element();
    if (i >= count) return;
    Index channel = i % p.channels, pixel = i / p.channels;
    Index x = pixel % p.output_width, y = pixel / p.output_width % p.output_height;
    Index image = pixel / (p.output_width * p.output_height), place = 0;
    const float *values = input + (size_t)image * p.input_height * p.input_width * p.channels;
    output[i] = largest(p, values, y, x, channel, &place);
}

// Each input element asks the windows that it lies in whether it is their largest.
extern "C" __global__ void max_pool_backward(Pool p, const float *input, const float *output_gradient,
                                             float *input_gradient, bool adds, Index count) {
    Index i = element();
    if (i >= count) return;
    Index channel = i % p.channels, pixel = i / p.channels;
    Index x = pixel % p.input_width, y = pixel / p.input_width % p.input_height;
    Index image = pixel / (p.input_width * p.input_height);
    const float *values = input + (size_t)image * p.input_height * p.input_width * p.channels;
    const float *gradients = output_gradient + (size_t)image * p.output_height * p.output_width * p.channels;
    Index below = y + p.padding, right = x + p.padding;
    Index first_row = below >= p.kernel ? (below - p.kernel) / p.stride + 1 : 0;
    Index first = right >= p.kernel ? (right - p.kernel) / p.stride + 1 : 0;
    float sum = 0.f;
    for (Index row = first_row; row < p.output_height && row * p.stride <= below; row++)
        for (Index column = first; column < p.output_width && column * p.stride <= right; column++) {
            Index place = 0;
            largest(p, values, row, column, channel, &place);
            if (place == y * p.input_width + x)
                sum += gradients[(row * p.output_width + column) * p.channels + channel];
        }
    give(input_gradient + i, sum, adds);
}

// Copies between layouts.

#include "elements.cuh"

// Every pixel written four times; `count` counts the output, `width` and `channels` are the input's.
extern "C" __global__ void upsample(const float *input, float *output, Index width, Index channels, Index count) {
    Index i = element();
    if (i >= count) return;
    Index channel = i % channels, pixel = i / channels;
    Index x = pixel % (2 * width), y = pixel / (2 * width);
    output[i] = input[(y / 2 * width + x / 2) * channels + channel];
}

extern "C" __global__ void upsample_backward(const float *output_gradient, float *input_gradient, Index width,
                                             Index channels, bool adds, Index count) {
    Index i = element();
    if (i >= count) return;
    Index channel = i % channels, pixel = i / channels;
    Index row = 2 * width * channels;
    const float *first = output_gradient + (size_t)(pixel / width * 2) * row + pixel % width * 2 * channels + channel;
    const float *second = first + row;
    give(input_gradient + i, (first[0] + first[channels]) + (second[0] + second[channels]), adds);
}

// Transposes every block of rows x columns.
extern "C" __global__ void transpose(const float *input, float *output, Index rows, Index columns, Index count) {
    Index i = element();
    if (i >= count) return;
    Index row = i % rows, column = i / rows % columns, block = i / (rows * columns);
    output[i] = input[(block * rows + row) * columns + column];
}

// The expected place of a heatmap's maximum.

#include "elements.cuh"

struct Heatmaps {
    Index height, width, channels;
};

// One sum or maximum over the threads of a block of 128.
template <typename Join> __device__ float join(float value, Join both) {
    __shared__ float values[128];
    __syncthreads();
    values[threadIdx.x] = value;
    for (Index half = blockDim.x / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) values[threadIdx.x] = both(values[threadIdx.x], values[threadIdx.x + half]);
    }
    __syncthreads();
    return values[0];
}

// One block a heatmap: its values, the largest, and one over the sum of all exponentials.
struct Softmax {
    const float *values;
    float largest, share;

    __device__ Softmax(const Heatmaps &shape, float sharpness, const float *heatmaps) {
        Index pixels = shape.height * shape.width, number = blockIdx.x / shape.channels;
        values = heatmaps + (size_t)number * pixels * shape.channels + blockIdx.x % shape.channels;
        float own = -INFINITY;
        for (Index i = threadIdx.x; i < pixels; i += blockDim.x) own = fmaxf(own, values[i * shape.channels]);
        largest = join(own, [](float a, float b) { return fmaxf(a, b); });
        own = 0.f;
        for (Index i = threadIdx.x; i < pixels; i += blockDim.x)
            own += expf((values[i * shape.channels] - largest) * sharpness);
        share = 1.f / join(own, [](float a, float b) { return a + b; });
    }

    __device__ float weight(const Heatmaps &shape, float sharpness, Index i) const {
        return expf((values[i * shape.channels] - largest) * sharpness) * share;
    }
};

extern "C" __global__ void soft_argmax(Heatmaps shape, float sharpness, const float *heatmaps, float *output) {
    Softmax softmax(shape, sharpness, heatmaps);
    float x = 0.f, y = 0.f;
    for (Index i = threadIdx.x; i < shape.height * shape.width; i += blockDim.x) {
        float weight = softmax.weight(shape, sharpness, i);
        x += weight * (float)centre(i % shape.width, shape.width);
        y += weight * (float)centre(i / shape.width, shape.height);
    }
    auto add = [](float a, float b) { return a + b; };
    x = join(x, add);
    y = join(y, add);
    if (threadIdx.x == 0) {
        output[2 * blockIdx.x] = x;
        output[2 * blockIdx.x + 1] = y;
    }
}

extern "C" __global__ void soft_argmax_backward(Heatmaps shape, float sharpness, const float *heatmaps,
                                                const float *output, const float *output_gradient,
                                                float *heatmap_gradient, bool adds) {
    Softmax softmax(shape, sharpness, heatmaps);
    float x = output[2 * blockIdx.x], y = output[2 * blockIdx.x + 1];
    float of_x = output_gradient[2 * blockIdx.x], of_y = output_gradient[2 * blockIdx.x + 1];
    float *gradient = heatmap_gradient + (softmax.values - heatmaps);
    for (Index i = threadIdx.x; i < shape.height * shape.width; i += blockDim.x) {
        float pull = ((float)centre(i % shape.width, shape.width) - x) * of_x
                   + ((float)centre(i / shape.width, shape.height) - y) * of_y;
        give(gradient + i * shape.channels, sharpness * softmax.weight(shape, sharpness, i) * pull, adds);
    }
}

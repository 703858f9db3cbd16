// Operators on single values.

#include "elements.cuh"

extern "C" __global__ void add_assign(float *sum, const float *other, Index count) {
    Index i = element();
    if (i < count) sum[i] += other[i];
}

extern "C" __global__ void add(const float *first, const float *second, float *sum, Index count) {
    Index i = element();
    if (i < count) sum[i] = first[i] + second[i];
}

extern "C" __global__ void relu_assign(float *values, Index count) {
    Index i = element();
    if (i < count && values[i] < 0.f) values[i] = 0.f;
}

extern "C" __global__ void relu_backward(const float *output, float *gradient, Index count) {
    Index i = element();
    if (i < count && output[i] == 0.f) gradient[i] = 0.f;
}

extern "C" __global__ void scale_assign(float *values, float factor, Index count) {
    Index i = element();
    if (i < count) values[i] *= factor;
}

// Adds the squares of `values` to `sum`, by one block.
extern "C" __global__ void add_squares(const float *values, double *sum, Index count) {
    __shared__ double sums[1024];
    double own = 0.;
    for (Index i = threadIdx.x; i < count; i += blockDim.x) own += (double)values[i] * values[i];
    sums[threadIdx.x] = own;
    for (Index half = blockDim.x / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    }
    if (threadIdx.x == 0) *sum += sums[0];
}

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

// The sums of the squares of each `block_elements` numbers, one block each: which belong together depends on their
// number alone, so the sums are the same bits from run to run.
extern "C" __global__ void sum_squares(const float *values, Index count, Index block_elements, double *partial,
                                       Index first_block) {
    __shared__ double sums[256];
    Index begin = blockIdx.x * block_elements, end = begin + min(block_elements, count - begin);
    double own = 0.;
    for (Index i = begin + threadIdx.x; i < end; i += blockDim.x) own += (double)values[i] * values[i];
    sums[threadIdx.x] = own;
    for (Index half = blockDim.x / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    }
    if (threadIdx.x == 0) partial[first_block + blockIdx.x] = sums[0];
}

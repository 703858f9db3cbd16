// One thread an element. Buffers hold fewer than 2^32 elements; the launching side checks it.
#pragma once

typedef unsigned int Index;

__device__ inline Index element() { return blockIdx.x * blockDim.x + threadIdx.x; }

// Writes a gradient, or adds it to what has arrived before.
__device__ inline void give(float *gradient, float value, bool adds) {
    *gradient = adds ? *gradient + value : value;
}

// A pixel's centre in normalised coordinates.
__device__ inline double centre(Index pixel, Index size) { return (2. * pixel + 1.) / size - 1.; }

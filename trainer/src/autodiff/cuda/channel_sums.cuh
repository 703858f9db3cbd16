// Sums over the rows of a matrix, column by column: columns are channels, rows are pixels.
//
// A block has COLUMNS x LANES threads and sums some of the rows of COLUMNS columns; `merge` adds up what the blocks
// of a column found. Which rows belong together depends on the shape alone, so the sums are the same bits from run
// to run.
#pragma once

#include "elements.cuh"

const Index COLUMNS = 32, LANES = 8;

// The sums of `first` and `second` of all threads of a column, given to those of lane 0.
template <typename T> __device__ void sum_lanes(T &first, T &second) {
    __shared__ T firsts[LANES][COLUMNS], seconds[LANES][COLUMNS];
    firsts[threadIdx.y][threadIdx.x] = first;
    seconds[threadIdx.y][threadIdx.x] = second;
    __syncthreads();
    for (Index lane = 1; threadIdx.y == 0 && lane < LANES; lane++) {
        first += firsts[lane][threadIdx.x];
        second += seconds[lane][threadIdx.x];
    }
}

// What the threads of a column add up, and where the block's two sums go: [2][blocks of rows][channels].
template <typename Terms>
__device__ void sum_rows(Index rows, Index channels, Index block_rows, float *partial, Terms terms) {
    Index channel = blockIdx.x * COLUMNS + threadIdx.x;
    Index first_row = blockIdx.y * block_rows;
    Index end = min(rows, first_row + block_rows);
    float first = 0.f, second = 0.f;
    if (channel < channels)
        for (Index row = first_row + threadIdx.y; row < end; row += LANES)
            terms(channel, row * channels + channel, first, second);
    sum_lanes(first, second);
    if (threadIdx.y == 0 && channel < channels) {
        partial[blockIdx.y * channels + channel] = first;
        partial[(gridDim.y + blockIdx.y) * channels + channel] = second;
    }
}

// The two sums over all blocks of rows, in 64 bits, for the threads of lane 0.
__device__ inline void merge(const float *partial, Index blocks, Index channels, Index channel, double &first,
                             double &second) {
    first = second = 0.;
    if (channel < channels)
        for (Index block = threadIdx.y; block < blocks; block += LANES) {
            first += partial[block * channels + channel];
            second += partial[(blocks + block) * channels + channel];
        }
    sum_lanes(first, second);
}

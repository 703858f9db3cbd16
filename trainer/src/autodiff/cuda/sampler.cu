// The bilinear sampler.

#include "elements.cuh"

struct Sampler {
    Index source_size, size, channels;
};

// The two samples round a coordinate and the share of the second; outside they are the edge's and do not move.
struct Neighbours {
    Index first, second;
    float share;
    bool moves;
};

__device__ inline Neighbours neighbours(double at, Index size) {
    double last = size - 1, inside = fmin(fmax(at, 0.), last);
    Index first = (Index)inside;
    return {first, min(first + 1, size - 1), (float)(inside - first), at >= 0. && at < last};
}

// Where a row of a matrix lays a point of the grid, in pixels of the source.
__device__ inline double source_pixel(const float *row, double x, double y, Index size) {
    return ((row[0] * x + row[1] * y + row[2] + 1.) * size - 1.) / 2.;
}

extern "C" __global__ void sample(Sampler shape, const float *image, const float *matrix, float *output,
                                  Index count) {
    Index i = element();
    if (i >= count) return;
    Index channel = i % shape.channels, point = i / shape.channels;
    Index x = point % shape.size, y = point / shape.size % shape.size, number = point / (shape.size * shape.size);
    const float *rows = matrix + 6 * number;
    double u = centre(x, shape.size), v = centre(y, shape.size);
    Neighbours h = neighbours(source_pixel(rows, u, v, shape.source_size), shape.source_size);
    Neighbours w = neighbours(source_pixel(rows + 3, u, v, shape.source_size), shape.source_size);
    const float *source = image + (size_t)number * shape.source_size * shape.source_size * shape.channels + channel;
    auto at = [=](Index column, Index row) { return source[(row * shape.source_size + column) * shape.channels]; };
    float top = at(h.first, w.first) + (at(h.second, w.first) - at(h.first, w.first)) * h.share;
    float bottom = at(h.first, w.second) + (at(h.second, w.second) - at(h.first, w.second)) * h.share;
    output[i] = top + (bottom - top) * w.share;
}

// One block an image: the matrix' gradient is a sum over all points. Several points share a source pixel, so the
// image's gradient is added up atomically; it has been set to zero where nothing had arrived.
extern "C" __global__ void sample_backward(Sampler shape, const float *image, const float *matrix,
                                           const float *output_gradient, float *image_gradient,
                                           float *matrix_gradient, bool adds) {
    __shared__ float sums[6][256];
    Index number = blockIdx.x, points = shape.size * shape.size;
    size_t source = (size_t)number * shape.source_size * shape.source_size * shape.channels;
    const float *rows = matrix + 6 * number;
    float own[6] = {0.f, 0.f, 0.f, 0.f, 0.f, 0.f};
    for (Index point = threadIdx.x; point < points; point += blockDim.x) {
        double u = centre(point % shape.size, shape.size), v = centre(point / shape.size, shape.size);
        Neighbours h = neighbours(source_pixel(rows, u, v, shape.source_size), shape.source_size);
        Neighbours w = neighbours(source_pixel(rows + 3, u, v, shape.source_size), shape.source_size);
        float left = 1.f - h.share, above = 1.f - w.share, along_x = 0.f, along_y = 0.f;
        for (Index channel = 0; channel < shape.channels; channel++) {
            float gradient = output_gradient[((size_t)number * points + point) * shape.channels + channel];
            auto index = [=](Index column, Index row) {
                return source + (row * shape.source_size + column) * shape.channels + channel;
            };
            size_t corners[4] = {index(h.first, w.first), index(h.second, w.first), index(h.first, w.second),
                                 index(h.second, w.second)};
            float weights[4] = {left * above, h.share * above, left * w.share, h.share * w.share};
            float a = image[corners[0]], b = image[corners[1]], c = image[corners[2]], d = image[corners[3]];
            along_x += gradient * ((b - a) * above + (d - c) * w.share);
            along_y += gradient * ((c - a) * left + (d - b) * h.share);
            for (Index k = 0; k < 4; k++) atomicAdd(image_gradient + corners[k], gradient * weights[k]);
        }
        // A source point moves by half the source's size for a step of one in normalised coordinates.
        along_x *= h.moves ? shape.source_size / 2.f : 0.f;
        along_y *= w.moves ? shape.source_size / 2.f : 0.f;
        float factors[3] = {(float)u, (float)v, 1.f};
        for (Index k = 0; k < 3; k++) {
            own[k] += along_x * factors[k];
            own[3 + k] += along_y * factors[k];
        }
    }
    for (Index k = 0; k < 6; k++) sums[k][threadIdx.x] = own[k];
    for (Index half = blockDim.x / 2; half > 0; half /= 2) {
        __syncthreads();
        for (Index k = 0; threadIdx.x < half && k < 6; k++) sums[k][threadIdx.x] += sums[k][threadIdx.x + half];
    }
    if (threadIdx.x == 0)
        for (Index k = 0; k < 6; k++) give(matrix_gradient + 6 * number + k, sums[k][0], adds);
}

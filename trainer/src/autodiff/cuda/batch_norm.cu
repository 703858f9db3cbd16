// Batch normalisation, and the other sums over channels.

#include "channel_sums.cuh"

// Sums of the differences from the first row, and of their squares: near enough to the mean to lose no digits.
extern "C" __global__ void sum_differences(const float *input, Index rows, Index channels, Index block_rows,
                                           float *partial) {
    sum_rows(rows, channels, block_rows, partial, [=](Index channel, Index i, float &sum, float &squares) {
        float difference = input[i] - input[channel];
        sum += difference;
        squares += difference * difference;
    });
}

// Mean and inverse deviation from those sums; moves the running statistics on.
extern "C" __global__ void batch_statistics(const float *partial, Index blocks, const float *input, Index rows,
                                            Index channels, double epsilon, double momentum, float *mean,
                                            float *inverse_deviation, float *running_mean, float *running_variance) {
    Index channel = blockIdx.x * COLUMNS + threadIdx.x;
    double sum, squares;
    merge(partial, blocks, channels, channel, sum, squares);
    if (threadIdx.y != 0 || channel >= channels) return;
    double from_first = sum / rows;
    double center = input[channel] + from_first;
    double deviations = fmax(squares - sum * from_first, 0.);
    double biased = deviations / rows, unbiased = rows > 1 ? deviations / (rows - 1) : biased;
    mean[channel] = center;
    inverse_deviation[channel] = 1. / sqrt(biased + epsilon);
    running_mean[channel] = (1. - momentum) * running_mean[channel] + momentum * center;
    running_variance[channel] = (1. - momentum) * running_variance[channel] + momentum * unbiased;
}

extern "C" __global__ void invert_deviation(const float *variance, float *inverse_deviation, double epsilon,
                                            Index count) {
    Index i = element();
    if (i < count) inverse_deviation[i] = 1. / sqrt(variance[i] + epsilon);
}

// What a channel is normalised with: `input * factor + offset`.
struct Channel {
    const float *mean, *inverse_deviation, *scale, *shift;

    __device__ float factor(Index channel) const { return scale[channel] * inverse_deviation[channel]; }
    __device__ float normalised(Index channel, float input) const {
        return input * factor(channel) + (shift[channel] - mean[channel] * factor(channel));
    }
};

extern "C" __global__ void normalise(Channel of, const float *input, Index channels, bool rectifies, float *output,
                                     Index count) {
    Index i = element();
    if (i >= count) return;
    float value = of.normalised(i % channels, input[i]);
    output[i] = rectifies && value < 0.f ? 0.f : value;
}

// The gradient that passes the activation, decided as `normalise` did.
__device__ inline float passed(const Channel &of, Index channel, float input, float gradient, bool rectifies) {
    return rectifies && of.normalised(channel, input) <= 0.f ? 0.f : gradient;
}

// Sums of the gradients, and of the gradients times the distances from the mean.
extern "C" __global__ void sum_gradients(Channel of, const float *input, const float *gradient, Index rows,
                                         Index channels, bool rectifies, Index block_rows, float *partial) {
    sum_rows(rows, channels, block_rows, partial, [=](Index channel, Index i, float &plain, float &weighted) {
        float value = passed(of, channel, input[i], gradient[i], rectifies);
        plain += value;
        weighted += value * (input[i] - of.mean[channel]);
    });
}

// From those sums the gradients of scale and shift, and the line by which the input's gradient follows the input
// (Ioffe and Szegedy, section 3).
extern "C" __global__ void parameter_gradients(Channel of, const float *partial, Index blocks, Index rows,
                                               Index channels, float *scale_gradient,
                                               float *shift_gradient, float *slope_and_level) {
    Index channel = blockIdx.x * COLUMNS + threadIdx.x;
    double plain, weighted;
    merge(partial, blocks, channels, channel, plain, weighted);
    if (threadIdx.y != 0 || channel >= channels) return;
    double inverse_deviation = of.inverse_deviation[channel], factor = of.factor(channel);
    double of_scale = weighted * inverse_deviation;
    double slope = -factor * of_scale / rows * inverse_deviation;
    scale_gradient[channel] = of_scale;
    shift_gradient[channel] = plain;
    slope_and_level[channel] = slope;
    slope_and_level[channels + channel] = -factor * plain / rows - slope * of.mean[channel];
}

extern "C" __global__ void normalise_backward(Channel of, const float *slope_and_level, const float *input,
                                              const float *gradient, Index channels, bool rectifies,
                                              float *input_gradient, bool adds, Index count) {
    Index i = element();
    if (i >= count) return;
    Index channel = i % channels;
    float line = input[i] * slope_and_level[channel] + slope_and_level[channels + channel];
    float value = passed(of, channel, input[i], gradient[i], rectifies) * of.factor(channel) + line;
    give(input_gradient + i, value, adds);
}

extern "C" __global__ void sum_channels(const float *input, Index rows, Index channels, Index block_rows,
                                        float *partial) {
    sum_rows(rows, channels, block_rows, partial,
             [=](Index, Index i, float &sum, float &) { sum += input[i]; });
}

// Adds those sums to a bias' gradient.
extern "C" __global__ void add_sums(const float *partial, Index blocks, Index channels, float *gradient) {
    Index channel = blockIdx.x * COLUMNS + threadIdx.x;
    double sum, unused;
    merge(partial, blocks, channels, channel, sum, unused);
    if (threadIdx.y == 0 && channel < channels) gradient[channel] += sum;
}

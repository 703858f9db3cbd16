// From θ to the matrix of the affine grid.

#include "elements.cuh"

// The 2 x 3 matrices of rows of tx, ty, cos 2a, sin 2a, ln s: that a with a cosine of at least zero.
extern "C" __global__ void affine_matrix(const float *input, float *output, Index images) {
    Index i = element();
    if (i >= images) return;
    const float *theta = input + 5 * i;
    float length = sqrtf(theta[2] * theta[2] + theta[3] * theta[3]);
    float cos2 = isfinite(length) && length > 1.17549435e-38f ? fminf(fmaxf(theta[2] / length, -1.f), 1.f) : 1.f;
    float scale = expf(theta[4]);
    float c = scale * sqrtf((1.f + cos2) / 2.f);
    float s = scale * copysignf(sqrtf((1.f - cos2) / 2.f), theta[3] < 0.f ? -1.f : 1.f);
    float matrix[6] = {c, -s, theta[0], s, c, theta[1]};
    for (Index k = 0; k < 6; k++) output[6 * i + k] = matrix[k];
}

extern "C" __global__ void affine_matrix_backward(const float *input, const float *output,
                                                  const float *output_gradient, float *input_gradient, bool adds,
                                                  Index images) {
    Index i = element();
    if (i >= images) return;
    const float *theta = input + 5 * i, *gradient = output_gradient + 6 * i;
    float c = output[6 * i], s = output[6 * i + 3];
    float of_c = gradient[0] + gradient[4], of_s = gradient[3] - gradient[1];
    float of_angle = of_s * c - of_c * s, of_log_scale = of_c * c + of_s * s;
    float length = theta[2] * theta[2] + theta[3] * theta[3];
    float turn = isfinite(length) && length > 1.17549435e-38f ? of_angle / (length + length) : 0.f;
    float values[5] = {gradient[2], gradient[5], -turn * theta[3], turn * theta[2], of_log_scale};
    for (Index k = 0; k < 5; k++) give(input_gradient + 5 * i + k, values[k], adds);
}

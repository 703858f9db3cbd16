// The kernels of the trainer, compiled for the host: what CUDA adds to C++ is given a meaning here, then the sources
// are included as they are. Threads of a block are fibers that take turns at __syncthreads; blocks run one after
// another.

#include "kernels.hpp"
#include "dfdx/cuda_utils.cuh"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <tuple>
#include <ucontext.h>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __shared__ static

using std::isfinite;
using std::max;
using std::min;

static Size threadIdx, blockIdx, blockDim, gridDim;

static float atomicAdd(float *sum, float value) {
    float before = *sum;
    *sum += value;
    return before;
}

// A thread of a block that waits for the others.
struct Fiber {
    ucontext_t context;
    std::vector<char> stack = std::vector<char>(1 << 16);
    Size number;
    bool ended;
};

static ucontext_t scheduler;
static std::vector<Fiber> fibers;
static Fiber *running;
static void (*body)(void **);
static void **arguments;

static void __syncthreads() {
    if (running == nullptr) {
        fprintf(stderr, "cuda stand-in: a kernel without barrier waits at one\n");
        abort();
    }
    swapcontext(&running->context, &scheduler);
}

#include "../../trainer/src/autodiff/cuda/affine_grid.cu"
#include "../../trainer/src/autodiff/cuda/batch_norm.cu"
#include "../../trainer/src/autodiff/cuda/convolution.cu"
#include "../../trainer/src/autodiff/cuda/elementwise.cu"
#include "../../trainer/src/autodiff/cuda/max_pool.cu"
#include "../../trainer/src/autodiff/cuda/rearrange.cu"
#include "../../trainer/src/autodiff/cuda/sampler.cu"

// The optimisers' kernels are dfdx's, as published (-I the folder of its kernels).
namespace sgd {
#include "sgd/sgd.cu"
}
namespace adam {
#include "adam/adam.cu"
}

// Calls a kernel with the parameters that a launch points to.
template <typename... P, size_t... I>
static void call(void (*kernel)(P...), void **parameters, std::index_sequence<I...>) {
    kernel(*static_cast<P *>(parameters[I])...);
}

template <auto kernel, typename... P> static void unpack(void (*)(P...), void **parameters) {
    call(static_cast<void (*)(P...)>(kernel), parameters, std::index_sequence_for<P...>());
}

template <auto kernel> static void one_thread(void **parameters) { unpack<kernel>(kernel, parameters); }

// All threads to the end, one after another.
template <auto kernel> static void straight(Size grid, Size block, void **parameters) {
    gridDim = grid, blockDim = block, running = nullptr;
    for (blockIdx.y = 0; blockIdx.y < grid.y; blockIdx.y++)
        for (blockIdx.x = 0; blockIdx.x < grid.x; blockIdx.x++)
            for (threadIdx.y = 0; threadIdx.y < block.y; threadIdx.y++)
                for (threadIdx.x = 0; threadIdx.x < block.x; threadIdx.x++) one_thread<kernel>(parameters);
}

static void enter() {
    body(arguments);
    running->ended = true;
}

// All threads of a block to the next barrier, again and again. All must reach it or end.
template <auto kernel> static void with_barriers(Size grid, Size block, void **parameters) {
    gridDim = grid, blockDim = block, body = one_thread<kernel>, arguments = parameters;
    size_t threads = block.x * block.y;
    if (fibers.size() < threads) fibers.resize(threads);
    for (blockIdx.y = 0; blockIdx.y < grid.y; blockIdx.y++)
        for (blockIdx.x = 0; blockIdx.x < grid.x; blockIdx.x++) {
            for (size_t i = 0; i < threads; i++) {
                Fiber &fiber = fibers[i];
                getcontext(&fiber.context);
                fiber.context.uc_stack.ss_sp = fiber.stack.data();
                fiber.context.uc_stack.ss_size = fiber.stack.size();
                fiber.context.uc_link = &scheduler;
                fiber.number = {unsigned(i % block.x), unsigned(i / block.x), 0};
                fiber.ended = false;
                makecontext(&fiber.context, enter, 0);
            }
            for (size_t ended = 0; ended < threads;) {
                ended = 0;
                for (size_t i = 0; i < threads; i++) {
                    if (!fibers[i].ended) {
                        running = &fibers[i];
                        threadIdx = running->number;
                        swapcontext(&scheduler, &running->context);
                    }
                    ended += fibers[i].ended;
                }
            }
        }
}

#define STRAIGHT(kernel) {#kernel, straight<kernel>}
#define WITH_BARRIERS(kernel) {#kernel, with_barriers<kernel>}

static const HostKernel KERNELS[] = {
    STRAIGHT(unfold), STRAIGHT(fold), STRAIGHT(pack_weight), STRAIGHT(add_packed), STRAIGHT(fill_rows),
    STRAIGHT(invert_deviation), STRAIGHT(normalise), STRAIGHT(normalise_backward), STRAIGHT(add_assign),
    STRAIGHT(add), STRAIGHT(relu_assign), STRAIGHT(relu_backward), STRAIGHT(scale_assign),
    STRAIGHT(max_pool), STRAIGHT(max_pool_backward), STRAIGHT(upsample),
    STRAIGHT(upsample_backward), STRAIGHT(transpose), STRAIGHT(affine_matrix),
    STRAIGHT(affine_matrix_backward), STRAIGHT(sample),
    WITH_BARRIERS(sum_differences), WITH_BARRIERS(batch_statistics), WITH_BARRIERS(sum_gradients),
    WITH_BARRIERS(parameter_gradients), WITH_BARRIERS(sum_channels), WITH_BARRIERS(add_sums),
    WITH_BARRIERS(sum_squares), WITH_BARRIERS(sample_backward),
    {"sgd_update_f32", straight<sgd::sgd_update_f32>}, {"adam_update_f32", straight<adam::adam_update_f32>},
};

const HostKernel *host_kernel(const char *name) {
    for (const HostKernel &kernel : KERNELS)
        if (strcmp(kernel.name, name) == 0) return &kernel;
    return nullptr;
}

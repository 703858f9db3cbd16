// In the place of CUDA's header, for dfdx's kernels on the host: its half precision, which the trainer never asks for,
// is single precision here.
#pragma once

typedef float __half;

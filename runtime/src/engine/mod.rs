//! The integer engine: runs a quantised convolutional network in fixed memory, with the same bits on every
//! CPU. It knows nothing of lesions.
//!
//! A [`Network`] (tensors and operators) is compiled by [`compile`] to the bytes of a plan, where a heap is
//! allowed. On the device [`Plan::open`] validates the bytes once and uses them in place, and [`Plan::run`]
//! works inside the caller's workspace: no heap, no copy, no state of its own.
//!
//! # The arithmetic
//!
//! Enough to write another implementation. All rounding is IEEE 754 float32, round half to even, and no two
//! operations are fused.
//!
//! A tensor has a scale `s` and a zero point `z`; an activation is a 7-bit number `q` in 0..=127 that stands
//! for `(q - z) * s`. A weight is an 8-bit number in -128..=127 that stands for itself times the scale of its
//! output channel. So every product of the sums below, and every sum of two, fits 16 bits on every CPU.
//!
//! *Requantisation* takes a float32 `r`, the result in units of the output's scale, to
//! `q = round(min(max(r, low - z), 127 - z)) + z`, where `low` is `z` after a rectified linear unit and 0
//! else. A plan whose numbers could take a sum or `r` out of int32 is refused: the largest sums that a channel's bias
//! and weights can reach are in int32, `m[c]` times them is at most 2^30, and factors `k` are at most 2^20.
//!
//! - **Quantise** (input): `r = x * (1 / s)`, with the reciprocal rounded once; NaN becomes `low`.
//! - **Convolution**: `a = bias[c] + sum(w[c,i,y,x] * q[i,y,x])` in int32, where the bias holds
//!   `-z_in * sum(w)` already and pixels outside the input are `z_in`; `r = float32(a) * m[c]` with
//!   `m[c] = (s_in * s_w[c]) / s_out`. With a residual `p`: `r = float32(a) * m[c] + float32(p - z_p) * k`
//!   with `k = s_p / s_out`. A fully connected layer is a convolution whose kernel is its whole input.
//! - **Addition**: `r = float32(p - z_p) * k_p + float32(o - z_o) * k_o`, `k = s / s_out`.
//! - **Upsampling** (nearest, by 2) is a copy; its output has its input's scale and zero point. A residual
//!   or an addend may be read upsampled.
//! - **Maximum pooling** is exact; pixels outside the input do not exist (their value is 0, which is the zero
//!   point). Output as input in scale and zero point.
//! - **Dequantise** (output): `float32(q - z) * s`.
//!
//! Channels are padded to a multiple of 16 with zero weights; a padded channel is always its zero point.

mod dataflow;
mod executor;
mod fusion;
mod kernels;
mod liveness;
mod network;
mod packing;
mod plan;
mod planner;
mod shape;
mod sums;
mod tensor;
mod validate;

pub use executor::RunError;
pub use kernels::{Kernel, KernelError};
pub use network::{Convolution, Network, Operator, Tensor, TensorId};
pub use plan::{Plan, PlanError, Port};
pub use planner::{CompileError, compile};
pub use shape::Shape;

/// The largest activation: seven bits.
pub const LARGEST: u8 = 127;

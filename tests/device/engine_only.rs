//! A shared library with nothing but the engine in it, built like the device library: how large the engine is.
#![allow(unsafe_code, reason = "C calls it")]

use std::slice::{from_raw_parts, from_raw_parts_mut};

use recist::engine::{Kernel, Plan};

/// What C passes: so many values from an address on.
#[repr(C)]
pub struct Values<T> {
    /// Where they begin.
    pub first: *mut T,
    /// How many.
    pub count: usize,
}

/// Runs a plan with one input and one output on the fastest kernel. 0: it ran, 1: it is no plan, 2: a buffer has
/// not the plan's size.
///
/// # Safety
/// The values exist, and nobody else uses the workspace and the output meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_run(
    plan: Values<u8>,
    workspace: Values<u8>,
    input: Values<f32>,
    output: Values<f32>,
) -> u32 {
    // SAFETY: the caller's promise.
    let (plan, workspace, input, output) = unsafe {
        (
            from_raw_parts(plan.first, plan.count),
            from_raw_parts_mut(workspace.first, workspace.count),
            from_raw_parts(input.first, input.count),
            from_raw_parts_mut(output.first, output.count),
        )
    };
    let Ok(plan) = Plan::open(plan) else { return 1 };
    plan.run(workspace, &[input], &mut [output], Kernel::best()).map_or(2, |()| 0)
}

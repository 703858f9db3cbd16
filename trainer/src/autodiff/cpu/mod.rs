//! The operators' kernels on the CPU: rayon over blocks that depend on shapes alone, the widest vectors that
//! the processor has.

mod affine_grid;
mod batch_norm;
mod convolution;
mod elementwise;
mod linear;
mod matrix_product;
mod max_pool;
mod rearrange;
mod sampler;

use rayon::prelude::*;

/// Elements that one task of an elementwise pass works on: enough to be worth a task, few enough to stay in
/// the first level cache with a second operand.
const BLOCK: usize = 8192;

/// Runs `work` on blocks of `target` and the same blocks of `source`.
fn zip_blocks<E: Send + Sync>(target: &mut [E], source: &[E], work: impl Fn(&mut [E], &[E]) + Sync) {
    assert_eq!(target.len(), source.len(), "operands of an elementwise pass");
    target
        .par_chunks_mut(BLOCK)
        .zip(source.par_chunks(BLOCK))
        .for_each(|(target, source)| pulp::Arch::new().dispatch(|| work(target, source)));
}

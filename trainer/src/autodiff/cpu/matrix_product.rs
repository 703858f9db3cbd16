//! Products of matrices that lie in slices, through the gemm crate.
#![allow(unsafe_code, reason = "the gemm crate takes pointers; tasks write disjoint columns of one matrix")]

use std::ops::Range;

use rayon::prelude::*;

use super::super::Element;

/// A matrix in a slice.
///
/// Every element lies in the slice: `(rows - 1) * row_step + (columns - 1) * column_step < data.len()`.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a, E> {
    data: &'a [E],
    rows: usize,
    columns: usize,
    row_step: usize,
    column_step: usize,
}

impl<'a, E: Element> View<'a, E> {
    /// Row by row, without gaps.
    pub(super) fn new(data: &'a [E], rows: usize, columns: usize) -> Self {
        assert!(
            rows > 0 && columns > 0 && data.len() == rows * columns,
            "{rows} x {columns} matrix in {} elements",
            data.len()
        );
        Self { data, rows, columns, row_step: columns, column_step: 1 }
    }

    pub(super) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_step: self.column_step,
            column_step: self.row_step,
            ..self
        }
    }

    fn rows(self, range: &Range<usize>) -> Self {
        assert!(range.start < range.end && range.end <= self.rows, "rows of a matrix");
        Self { data: &self.data[range.start * self.row_step..], rows: range.len(), ..self }
    }

    fn columns(self, range: &Range<usize>) -> Self {
        self.transposed().rows(range).transposed()
    }
}

/// Overwrites `c` (row by row) with `a * b`, or adds it if `adds`, in this thread.
pub(super) fn product<E: Element>(a: View<E>, b: View<E>, c: &mut [E], adds: bool) {
    assert_eq!(c.len(), a.rows * b.columns, "result of a matrix product");
    // SAFETY: `c` is exclusively ours and holds a.rows rows of b.columns elements.
    unsafe { product_into(a, b, c.as_mut_ptr(), b.columns, adds) }
}

/// As [`product`], by several threads: the result is cut along its longer side into blocks that depend on the
/// shape alone.
pub(super) fn parallel_product<E: Element>(a: View<E>, b: View<E>, c: &mut [E], adds: bool) {
    assert_eq!(c.len(), a.rows * b.columns, "result of a matrix product");
    /// Multiplications that are worth a task, and the narrowest block that gemm is fast on.
    const WORK: usize = 1 << 21;
    const BLOCK: usize = 64;
    let (rows, columns) = (a.rows, b.columns);
    let side = rows.max(columns);
    let blocks = (rows * columns * a.columns / WORK).min(side / BLOCK).clamp(1, 16);
    let block = side.div_ceil(blocks).next_multiple_of(16);
    if rows >= columns {
        c.par_chunks_mut(block * columns).enumerate().for_each(|(i, c)| {
            let range = i * block..(i * block + c.len() / columns);
            product(a.rows(&range), b, c, adds);
        });
    } else {
        let start = Shared(c.as_mut_ptr());
        (0..columns.div_ceil(block)).into_par_iter().for_each(|i| {
            let range = i * block..((i + 1) * block).min(columns);
            // SAFETY: `c` is exclusively ours and holds `rows` rows of `columns` elements; this task alone
            // touches the columns `range` of each row, and all tasks end before `c` is given back.
            unsafe { product_into(a, b.columns(&range), start.get().add(range.start), columns, adds) }
        });
    }
}

/// A pointer that tasks may share, each writing elements of its own behind it.
struct Shared<E>(*mut E);

impl<E> Shared<E> {
    fn get(&self) -> *mut E {
        self.0
    }
}

// SAFETY: the pointer is only used as `parallel_product` argues.
unsafe impl<E: Send> Sync for Shared<E> {}

/// # Safety
/// `c` must be valid for reads and writes of `b.columns` elements at the start of each of `a.rows` rows that
/// are `row_step` elements apart, and no one else may touch them meanwhile.
unsafe fn product_into<E: Element>(a: View<E>, b: View<E>, c: *mut E, row_step: usize, adds: bool) {
    assert_eq!(a.columns, b.rows, "inner sides of a matrix product");
    // Steps within a slice are below isize::MAX.
    let step = |step: usize| step.cast_signed();
    // SAFETY: by the invariant of `View` all elements of a and b lie in their slices, by this function's
    // contract those of c are ours.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            c,
            1,
            step(row_step),
            adds,
            a.data.as_ptr(),
            step(a.column_step),
            step(a.row_step),
            b.data.as_ptr(),
            step(b.column_step),
            step(b.row_step),
            E::one(),
            E::one(),
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_agree_with_the_definition_in_every_cut() {
        // Below one block, cut by rows, cut by columns with a short last block.
        for (rows, inner, columns) in [(3, 5, 7), (700, 130, 70), (40, 300, 1100)] {
            let number = |i: usize| (i * 7919 % 31) as f64 - 15.0;
            let a: Vec<f64> = (0..rows * inner).map(number).collect();
            let b: Vec<f64> = (0..inner * columns).map(|i| number(i + 3)).collect();
            let b_transposed: Vec<f64> =
                (0..inner * columns).map(|i| b[i % inner * columns + i / inner]).collect();
            let mut c = vec![1.0; rows * columns];
            parallel_product(
                View::new(&a, rows, inner),
                View::new(&b_transposed, columns, inner).transposed(),
                &mut c,
                true,
            );
            for (row, c) in c.chunks(columns).enumerate() {
                for (column, &got) in c.iter().enumerate() {
                    let want: f64 = (0..inner).map(|k| a[row * inner + k] * b[k * columns + column]).sum();
                    assert_eq!(got, want + 1.0, "{rows} {inner} {columns} at {row} {column}");
                }
            }
        }
    }
}

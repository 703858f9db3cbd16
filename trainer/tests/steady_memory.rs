//! Training steps give back what they take: a run of any length fits where its first steps did.

#![allow(unsafe_code, reason = "counts what is allocated")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering};

use recist_trainer::autodiff::{Recording, backward, cpu, seed, upload};

/// Bytes that are allocated now.
static LIVE: AtomicIsize = AtomicIsize::new(0);

struct Counting;

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size().cast_signed(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size().cast_signed(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SHAPE: (usize, usize, usize, usize) = (2, 64, 64, 1);
const VALUES: usize = 2 * 64 * 64;

/// How many bytes more are allocated after ten calls than after two.
fn growth(step: impl Fn()) -> isize {
    let after = |steps: usize| {
        (0..steps).for_each(|_| step());
        LIVE.load(Ordering::Relaxed)
    };
    let two = after(2);
    after(8) - two
}

#[test]
fn what_goes_to_the_device_at_every_step_does_not_stay_there() {
    let (device, values) = (cpu(), vec![0.5; VALUES]);
    let grown = growth(|| {
        let tensor = upload::<f32, _>(&device, SHAPE, &values).unwrap();
        let mut recording = Recording::default();
        seed(&mut recording, &tensor, &values);
        backward(&device, recording).unwrap();
    });
    assert!(grown < 4 * VALUES.cast_signed(), "eight steps left {grown} bytes");

    let grown = growth(|| std::mem::forget(upload::<f32, _>(&device, SHAPE, &values).unwrap()));
    assert!(grown >= 8 * 4 * VALUES.cast_signed(), "control: eight tensors that stay are {grown} bytes");
}

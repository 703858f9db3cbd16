#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use recist::engine::{Kernel, Plan, compile};

use crate::networks::stacked_hourglass;
use crate::{Aligned, Random};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|n| n.set(n.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn validation_and_execution_allocate_nothing() {
    let mut random = Random(10);
    let network = stacked_hourglass(&mut random, 64, 32);
    let bytes = Aligned::new(&compile(&network).unwrap());
    let input = vec![0.5; 64 * 64];
    let mut maps = [vec![0.0; 4 * 16 * 16], vec![0.0; 4 * 16 * 16]];
    let [first, second] = &mut maps;
    let mut workspace = vec![0; 1 << 20];
    let before = ALLOCATIONS.with(Cell::get);
    let plan = Plan::open(bytes.bytes()).unwrap();
    for kernel in Kernel::ALL.into_iter().filter(|k| k.runs_here()) {
        plan.run(&mut workspace, &[&input], &mut [first, second], kernel).unwrap();
    }
    assert_eq!(ALLOCATIONS.with(Cell::get) - before, 0);
    drop(vec![0_u8; 100]);
    assert!(ALLOCATIONS.with(Cell::get) > before, "control: the allocator counts");
}

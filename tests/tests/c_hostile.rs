//! A million hostile calls through the C interface: always a status, outputs untouched on failure, nothing
//! read outside what was given, nothing written outside the block.

#![allow(unsafe_code, reason = "calls the C interface")]

use std::ffi::c_void;
use std::ptr::{null, null_mut};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use recist::bundle::AlignedBytes;
use recist::ffi::*;
use recist_tests::toy;
use sha2::{Digest, Sha256};

const CALLS: usize = 1_000_000;
const CANARY: u8 = 0x5A;
const PAGE: usize = 4096;

unsafe extern "C" {
    fn mmap(
        at: *mut c_void,
        bytes: usize,
        protection: i32,
        flags: i32,
        file: i32,
        offset: i64,
    ) -> *mut c_void;
    fn mprotect(at: *mut c_void, bytes: usize, protection: i32) -> i32;
    fn munmap(at: *mut c_void, bytes: usize) -> i32;
}

/// Memory between two pages that nobody may touch: it ends where the second begins, or at the last multiple of its
/// alignment that leaves it whole. What lies before it is canaries.
struct Guarded {
    pages: *mut u8,
    start: usize,
    bytes: usize,
}

impl Guarded {
    fn new(bytes: usize, alignment: usize) -> Self {
        let room = bytes.next_multiple_of(PAGE);
        // Private and anonymous, readable and writable.
        // SAFETY: new pages, which overlap nothing.
        let pages = unsafe { mmap(null_mut(), room + 2 * PAGE, 3, 0x22, -1, 0) }.cast::<u8>();
        assert_ne!(pages.addr(), usize::MAX, "no memory");
        for guard in [0, PAGE + room] {
            // SAFETY: a page of those above.
            assert_eq!(unsafe { mprotect(pages.wrapping_add(guard).cast(), PAGE, 0) }, 0);
        }
        let start = PAGE + (room - bytes) / alignment * alignment;
        // SAFETY: the pages between the guards.
        unsafe { pages.add(PAGE).write_bytes(CANARY, room) };
        Self { pages, start, bytes }
    }

    fn copy_of(bytes: &[u8], alignment: usize) -> Self {
        let guarded = Self::new(bytes.len(), alignment);
        // SAFETY: as many bytes lie there.
        unsafe { guarded.pointer().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        guarded
    }

    fn pointer(&self) -> *mut u8 {
        self.pages.wrapping_add(self.start)
    }

    /// Whether the bytes round it, up to the guards, are as they were.
    fn surroundings_untouched(&self) -> bool {
        let room = self.bytes.next_multiple_of(PAGE);
        let all = PAGE..PAGE + room;
        let own = self.start..self.start + self.bytes;
        // SAFETY: bytes between the guards.
        all.filter(|at| !own.contains(at)).all(|at| unsafe { self.pages.add(at).read() } == CANARY)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: the pages of this one alone.
        assert_eq!(unsafe { munmap(self.pages.cast(), self.bytes.next_multiple_of(PAGE) + 2 * PAGE) }, 0);
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % n
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// A measurement whose bytes are all the canary but its size.
fn untouched() -> RecistMeasurement {
    // SAFETY: the struct is numbers only, for which every bit pattern is valid.
    let mut out: RecistMeasurement = unsafe { std::mem::transmute([CANARY; size_of::<RecistMeasurement>()]) };
    out.struct_size = u32::try_from(size_of::<RecistMeasurement>()).unwrap();
    out
}

fn bytes_of(out: &RecistMeasurement) -> &[u8] {
    // SAFETY: the struct is numbers without padding, readable as bytes.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(out).cast(), size_of::<RecistMeasurement>()) }
}

#[test]
fn a_million_hostile_calls_end_in_a_status() {
    let bundle = Guarded::copy_of(&toy::bundle(), 64);
    let (mut bytes, mut alignment) = (0, 0);
    // SAFETY: the bundle and both outputs are valid.
    let status =
        unsafe { recist_memory_required(bundle.pointer().cast(), bundle.bytes, &mut bytes, &mut alignment) };
    assert_eq!((status, alignment), (0, 64));
    println!("the toy needs {bytes} bytes");
    let block = Guarded::new(bytes, alignment);
    let memory = block.pointer();
    let mut model = null_mut();
    // SAFETY: bundle and block are valid and outlive the model.
    let status =
        unsafe { recist_open(bundle.pointer().cast(), bundle.bytes, memory.cast(), bytes, &mut model) };
    assert_eq!(status, 0);

    let samples: Vec<u8> = toy::slice_samples().iter().flat_map(|v| v.to_ne_bytes()).collect();
    let samples = Guarded::copy_of(&samples, 2);
    let side = u32::try_from(toy::SIZE).unwrap();
    let good_slice = RecistSlice {
        struct_size: u32::try_from(size_of::<RecistSlice>()).unwrap(),
        width: side,
        height: side,
        row_stride: side,
        hu: samples.pointer().cast(),
        row_spacing_mm: 0.75,
        column_spacing_mm: 0.5,
    };
    let [x0, y0, x1, y1] = toy::area().corners();
    let good_box = RecistBox { x0, y0, x1, y1 };
    let numbers =
        [0.0, -1.0, 1.0, 50.0, 96.0, 1e9, -1e300, f64::MAX, f64::NAN, f64::INFINITY, 5e-324, 34.0, 60.0];
    let sizes = [0, 1, 2, 95, side - 1, side];
    let mut outline = [RecistPoint::default(); 64];
    let mut random = Random(1);
    let mut seen = [0_usize; Status::ALL.len()];
    for call in 0..CALLS {
        let (mut slice, mut area, mut out) = (good_slice, good_box, untouched());
        let mut options = RecistOptions {
            struct_size: u32::try_from(size_of::<RecistOptions>()).unwrap(),
            kernel: 0,
            outline: null_mut(),
            outline_capacity: 0,
        };
        // Now and then a call that measures, to see that the model still does.
        let hostile = if call % 5000 == 0 { 0 } else { 3 + random.below(3) };
        let (mut fault, mut endless) = (None, false);
        for _ in 0..hostile {
            match random.below(17) {
                0 => slice.width = random.one_of(&sizes),
                1 => slice.height = random.one_of(&sizes),
                2 => slice.row_stride = random.one_of(&[0, 1, side - 1]),
                3 => slice.row_spacing_mm = random.one_of(&numbers),
                4 => slice.column_spacing_mm = random.one_of(&numbers),
                5 => area.x0 = random.one_of(&numbers),
                6 => area.y0 = random.one_of(&numbers),
                7 => area.x1 = random.one_of(&numbers),
                8 => area.y1 = random.one_of(&numbers),
                9 => options.kernel = random.one_of(&[-1, 1, 7, 5, i32::MIN, i32::MAX]),
                10 => slice.struct_size = random.one_of(&[0, 1, u32::MAX]),
                11 => out.struct_size = random.one_of(&[0, 8, u32::MAX]),
                12 => options.struct_size = random.one_of(&[0, 8, u32::MAX]),
                13 => {
                    slice.hu =
                        random.one_of(&[null(), samples.pointer().wrapping_add(1).cast::<i16>().cast_const()])
                }
                14 => {
                    options.outline = outline.as_mut_ptr();
                    options.outline_capacity = random.one_of(&[0, 1, 3, 64]);
                }
                15 => endless = true,
                _ => fault = Some(random.below(5)),
            }
        }
        if endless {
            // More samples than an address can count: refused before one is read.
            (slice.width, slice.height, slice.row_stride) = (u32::MAX, u32::MAX, u32::MAX);
        }
        let before = bytes_of(&out).to_vec();
        let mut pointers = (
            model,
            std::ptr::from_ref(&slice),
            std::ptr::from_ref(&area),
            std::ptr::from_ref(&options),
            std::ptr::from_mut(&mut out),
        );
        match fault {
            Some(0) => pointers.0 = random.one_of(&[null_mut(), memory.wrapping_add(8).cast()]),
            Some(1) => pointers.1 = random.one_of(&[null(), pointers.1.wrapping_byte_add(1)]),
            Some(2) => pointers.2 = random.one_of(&[null(), pointers.2.wrapping_byte_add(1)]),
            Some(3) => pointers.3 = random.one_of(&[null(), pointers.3.wrapping_byte_add(1)]),
            Some(_) => pointers.4 = random.one_of(&[null_mut(), pointers.4.wrapping_byte_add(1)]),
            None => {}
        }
        // A dimension that was made larger than the buffer would be a broken promise, not a hostile number.
        // SAFETY: every pointer is NULL, misaligned (refused before it is used) or valid; sizes were only made
        // smaller, so the samples are readable.
        let status = unsafe { recist_measure(pointers.0, pointers.1, pointers.2, pointers.3, pointers.4) };
        let index = usize::try_from(status).unwrap();
        seen[index] += 1;
        assert_ne!(status, Status::Internal as i32, "call {call}");
        if status != 0 {
            assert!(bytes_of(&out) == before, "call {call}: status {status} wrote its output");
            assert!(
                outline.iter().all(|p| *p == RecistPoint::default()),
                "call {call}: {status} wrote an outline"
            );
        }
        outline.fill(RecistPoint::default());
        if hostile == 0 {
            assert_eq!(status, 0, "call {call}");
        }
    }
    println!("statuses: {seen:?}");
    let met: Vec<Status> = Status::ALL.iter().map(|(s, _)| *s).filter(|s| seen[*s as usize] > 0).collect();
    use Status::{
        Box, BoxOutside, BoxSize, Kernel, Misaligned, NoLesion, Null, Ok, Outline, Slice, Spacing, StructSize,
    };
    let want = [
        Ok, Null, StructSize, Misaligned, Slice, Spacing, Box, BoxOutside, BoxSize, NoLesion, Kernel, Outline,
    ];
    assert_eq!(met, want, "{seen:?}");
    assert!(block.surroundings_untouched(), "something was written outside the block");
    assert!(bundle.surroundings_untouched() && samples.surroundings_untouched());
    // SAFETY: the model is open.
    unsafe {
        recist_close(model);
        assert_eq!(recist_self_test(model, 0), Status::NotOpen as i32);
        recist_close(model);
        recist_close(null_mut());
    }
}

#[test]
fn damaged_bundles_and_small_blocks_are_refused() {
    let whole = toy::bundle();
    let mut memory = vec![0_u8; 4 << 20];
    let start = memory.as_ptr().align_offset(64);
    let memory = memory[start..].as_mut_ptr();
    let mut random = Random(2);
    let open = |bytes: &[u8], at: usize, room: usize, model: &mut *mut RecistModel| {
        // SAFETY: the bytes and the block are valid; the model is closed before they go.
        let status = unsafe {
            recist_open(bytes.as_ptr().cast(), bytes.len(), memory.wrapping_add(at).cast(), room, model)
        };
        // SAFETY: NULL or open.
        unsafe { recist_close(*model) };
        status
    };
    let aligned = AlignedBytes::copy_of(&whole);
    let mut model = null_mut();
    assert_eq!(open(aligned.as_slice(), 0, 3 << 20, &mut model), 0);
    model = null_mut();
    assert_eq!(open(aligned.as_slice(), 0, 1000, &mut model), Status::Memory as i32);
    assert_eq!(open(aligned.as_slice(), 8, 3 << 20, &mut model), Status::Misaligned as i32);
    assert_eq!(open(&aligned.as_slice()[1..], 0, 3 << 20, &mut model), Status::Misaligned as i32);
    for _ in 0..300 {
        let mut bytes = whole.clone();
        let at = random.below(bytes.len());
        bytes[at] ^= 1 << random.below(8);
        let aligned = AlignedBytes::copy_of(&bytes);
        assert_ne!(open(aligned.as_slice(), 0, 3 << 20, &mut model), 0, "byte {at}");
        let aligned = AlignedBytes::copy_of(&whole[..at]);
        assert_ne!(open(aligned.as_slice(), 0, 3 << 20, &mut model), 0, "{at} bytes");
        assert!(model.is_null(), "a failed open writes no model");
    }
    // Damage that the checksum does not show, because it was made again: the bundle is refused or runs.
    let (mut opened, mut refused) = (0, 0);
    for _ in 0..3000 {
        let mut bytes = whole[..whole.len() - 32].to_vec();
        for _ in 0..=random.below(3) {
            // The header, the manifest and the heads of the plans, whose own checksums hold their contents.
            let at = random.below(1024);
            bytes[at] = random.one_of(&[0, 1, 63, 64, 128, 255]);
        }
        let checksum = Sha256::digest(&bytes);
        bytes.extend_from_slice(&checksum);
        let guarded = Guarded::copy_of(&bytes, 64);
        // SAFETY: the bytes are readable.
        let bytes = unsafe { std::slice::from_raw_parts(guarded.pointer(), guarded.bytes) };
        match open(bytes, 0, 3 << 20, &mut model) {
            0 => opened += 1,
            _ => refused += 1,
        }
        model = null_mut();
    }
    println!("{opened} opened, {refused} refused");
    assert!(opened > 0 && refused > 0);
}

/// The toy bundle's model, in a block of `memory`; both outlive it.
fn opened(bundle: &[u8], memory: &mut Vec<u8>) -> *mut RecistModel {
    memory.resize(4 << 20, 0);
    let start = memory.as_ptr().align_offset(64);
    let mut model = null_mut();
    // SAFETY: bundle and block are valid and, by this function's contract, outlive the model.
    let status = unsafe {
        let block = memory[start..].as_mut_ptr().cast();
        recist_open(bundle.as_ptr().cast(), bundle.len(), block, 3 << 20, &mut model)
    };
    assert_eq!(status, 0);
    model
}

#[test]
fn a_slice_with_a_side_that_no_box_reaches_round_is_refused() {
    let bundle = AlignedBytes::copy_of(&toy::bundle());
    let bundle = bundle.as_slice();
    let mut memory = Vec::new();
    let model = opened(bundle, &mut memory);
    let longest = 100_000_000;
    let bytes = 2 * (longest as usize + 1);
    // Private, anonymous and not reserved, readable: zeros that take memory only where they are read.
    // SAFETY: new pages, which overlap nothing.
    let samples = unsafe { mmap(null_mut(), bytes, 1, 0x4022, -1, 0) };
    assert_ne!(samples.addr(), usize::MAX, "no addresses");
    for (width, height, want) in [
        (1, longest, Status::NoContrast),
        (1, longest + 1, Status::Slice),
        (longest, 1, Status::NoContrast),
        (longest + 1, 1, Status::Slice),
    ] {
        let slice = RecistSlice {
            struct_size: u32::try_from(size_of::<RecistSlice>()).unwrap(),
            width,
            height,
            row_stride: width,
            hu: samples.cast(),
            row_spacing_mm: 0.0,
            column_spacing_mm: 0.0,
        };
        let side = |pixels: u32| f64::from(pixels.min(8)) - 0.5;
        let area = RecistBox { x0: -0.5, y0: -0.5, x1: side(width), y1: side(height) };
        let mut out = untouched();
        // SAFETY: all pointers are valid, and the pages hold every sample.
        let status = unsafe { recist_measure(model, &slice, &area, null(), &mut out) };
        assert_eq!(status, want as i32, "{width} x {height}");
    }
    // SAFETY: the pages of this test alone, and an open model.
    unsafe {
        assert_eq!(munmap(samples, bytes), 0);
        recist_close(model);
    }
}

#[test]
fn one_model_on_two_threads_is_refused_and_two_models_are_not() {
    let bundle = AlignedBytes::copy_of(&toy::bundle());
    let bundle = bundle.as_slice();
    let samples = toy::slice_samples();
    let open = |memory: &mut Vec<u8>| opened(bundle, memory).addr();
    let measure = |model: usize| {
        let side = u32::try_from(toy::SIZE).unwrap();
        let slice = RecistSlice {
            struct_size: u32::try_from(size_of::<RecistSlice>()).unwrap(),
            width: side,
            height: side,
            row_stride: side,
            hu: samples.as_ptr(),
            row_spacing_mm: 0.75,
            column_spacing_mm: 0.5,
        };
        let [x0, y0, x1, y1] = toy::area().corners();
        let (area, mut out) = (RecistBox { x0, y0, x1, y1 }, untouched());
        let model = std::ptr::with_exposed_provenance_mut(model);
        // SAFETY: all pointers are valid.
        let status = unsafe { recist_measure(model, &slice, &area, null(), &mut out) };
        (status, out.long_mm.to_bits())
    };
    let (mut first, mut second) = (vec![], vec![]);
    let models = [open(&mut first), open(&mut second)];
    let want = measure(models[0]).1;
    // Calls on both models at once until one is refused, `most` on each at most: those that were refused.
    let busy = |[a, b]: [usize; 2], most: usize| -> usize {
        let (both, refused) = (Barrier::new(2), AtomicUsize::new(0));
        let calls = |model| {
            both.wait();
            for _ in 0..most {
                let (status, bits) = measure(model);
                assert!(status == 0 && bits == want || status == Status::Busy as i32, "{status}");
                refused.fetch_add(usize::from(status != 0), Ordering::Relaxed);
                if refused.load(Ordering::Relaxed) > 0 {
                    break;
                }
            }
        };
        std::thread::scope(|scope| {
            for model in [a, b] {
                scope.spawn(move || calls(model));
            }
        });
        refused.into_inner()
    };
    // A library that lets a call wait would refuse none of these, which then take half a minute.
    assert!(busy([models[0], models[0]], 20_000) > 0, "two calls on one model, and none is refused");
    assert_eq!(busy(models, 300), 0, "two models share nothing");
    assert_eq!(measure(models[0]), (0, want), "a model that refused a call measures on");
}

use core::marker::PhantomData;

/// The workspace as kernels see it: bytes that several threads write in different places.
///
/// Every access is checked against the length. Steps of a validated plan write one tensor and read others (or
/// read each pixel of an addend before they write their result over it), and the parts of a split convolution,
/// each run once, write different channels or pixels, so no byte is written while another thread reads or writes it.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Memory<'w> {
    base: *mut u8,
    bytes: usize,
    workspace: PhantomData<&'w mut [u8]>,
}

// SAFETY: the workspace is borrowed mutably for as long as any copy lives, and threads that share it write
// different bytes (see above).
unsafe impl Send for Memory<'_> {}
// SAFETY: as above.
unsafe impl Sync for Memory<'_> {}

impl<'w> Memory<'w> {
    pub(in crate::engine) fn new(workspace: &'w mut [u8]) -> Self {
        Self { base: workspace.as_mut_ptr(), bytes: workspace.len(), workspace: PhantomData }
    }

    /// The address of `count` bytes from `at`.
    pub(in crate::engine) fn pointer(self, at: usize, count: usize) -> *mut u8 {
        assert!(at <= self.bytes && count <= self.bytes - at, "validated: tensors lie in the workspace");
        // SAFETY: `at` lies in the workspace, checked above.
        unsafe { self.base.add(at) }
    }

    pub(in crate::engine) fn get<const N: usize>(self, at: usize) -> [u8; N] {
        // SAFETY: bytes in the workspace that no other thread writes; an array of bytes has no alignment.
        unsafe { self.pointer(at, N).cast::<[u8; N]>().read() }
    }

    pub(in crate::engine) fn set<const N: usize>(self, at: usize, values: [u8; N]) {
        // SAFETY: bytes in the workspace that no other thread reads or writes, as above.
        unsafe { self.pointer(at, N).cast::<[u8; N]>().write(values) }
    }

    pub(in crate::engine) fn slice(self, at: usize, count: usize) -> &'w [u8] {
        // SAFETY: bytes in the workspace that no other thread writes; a step does not read what it writes.
        unsafe { core::slice::from_raw_parts(self.pointer(at, count), count) }
    }

    #[allow(clippy::mut_from_ref, reason = "the workspace is shared by design, see the type")]
    pub(in crate::engine) fn slice_mut(self, at: usize, count: usize) -> &'w mut [u8] {
        // SAFETY: bytes in the workspace that nothing else reads or writes while the slice lives.
        unsafe { core::slice::from_raw_parts_mut(self.pointer(at, count), count) }
    }
}

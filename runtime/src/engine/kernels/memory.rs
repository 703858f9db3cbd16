use core::marker::PhantomData;

/// The workspace as kernels see it: bytes that they read in one place and write in another.
///
/// Every access is checked against the length. Steps of a validated plan write one tensor and read others (or
/// read each pixel of an addend before they write their result over it), so no byte is written while a slice of it
/// lives.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Memory<'w> {
    base: *mut u8,
    bytes: usize,
    workspace: PhantomData<&'w mut [u8]>,
}

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
        // SAFETY: bytes in the workspace; an array of bytes has no alignment.
        unsafe { self.pointer(at, N).cast::<[u8; N]>().read() }
    }

    pub(in crate::engine) fn set<const N: usize>(self, at: usize, values: [u8; N]) {
        // SAFETY: bytes in the workspace, as above, that no slice holds.
        unsafe { self.pointer(at, N).cast::<[u8; N]>().write(values) }
    }

    pub(in crate::engine) fn slice(self, at: usize, count: usize) -> &'w [u8] {
        // SAFETY: bytes in the workspace that nothing writes while it lives: a step does not read what it writes.
        unsafe { core::slice::from_raw_parts(self.pointer(at, count), count) }
    }

    #[allow(clippy::mut_from_ref, reason = "the workspace is shared by design, see the type")]
    pub(in crate::engine) fn slice_mut(self, at: usize, count: usize) -> &'w mut [u8] {
        // SAFETY: bytes in the workspace that nothing else reads or writes while the slice lives.
        unsafe { core::slice::from_raw_parts_mut(self.pointer(at, count), count) }
    }
}

//! What a program does with a bundle from an untrusted hand.

use recist::bundle::{AlignedBytes, Bundle};
use recist::cascade::{EngineNetworks, Plans, Workspace, measure};
use recist::engine::Kernel;
use recist::image::{CtSlice, Samples};

use crate::toy;

/// How far a bundle gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// The bundle, or a plan in it, is refused.
    Refused,
    /// It opens, and measures nothing on the toy's slice.
    Opened,
    /// It measures something there.
    Measured,
}

/// Workspaces beyond this are not tried: a program would ask its user first.
const LARGEST_WORKSPACE: usize = 64 << 20;

/// Opens a bundle, reads everything it states and measures with it.
///
/// # Panics
/// Only if the runtime does, or if what it measured is not finite.
#[must_use]
pub fn open_and_measure(bytes: &[u8]) -> Reached {
    let aligned = AlignedBytes::copy_of(bytes);
    let Ok(bundle) = Bundle::open(aligned.as_slice()) else { return Reached::Refused };
    let stated: usize = bundle.manifest().entries().map(|(key, value)| key.len() + value.len()).sum();
    let tested: usize = bundle.test_vectors().iter().map(|vector| vector.samples().len()).sum();
    assert!(stated + tested <= bytes.len());
    let Ok(plans) = Plans::open(&bundle) else { return Reached::Refused };
    if plans.workspace_bytes() > LARGEST_WORKSPACE {
        return Reached::Refused;
    }
    let mut networks = EngineNetworks::new(plans, vec![0; plans.workspace_bytes()], Kernel::best());
    let samples = toy::slice_samples();
    let slice = CtSlice::new(Samples::I16(&samples), [toy::SIZE; 2], toy::SIZE, Some(toy::spacing()))
        .expect("the toy's slice is one");
    let mut workspace = Box::new(Workspace::new());
    match measure(&slice, toy::area(), &mut networks, &mut workspace, |_| ()) {
        Ok(measurement) => {
            assert!(measurement.axes.keypoints().to_array().iter().all(|point| point.is_finite()));
            Reached::Measured
        }
        Err(_) => Reached::Opened,
    }
}

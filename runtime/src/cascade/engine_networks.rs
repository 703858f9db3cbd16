use core::fmt;

use super::{MASK_SIZE, MAXIMUM_HEATMAP_SIZE, Mask, Networks, ThetaOutputs};
use crate::bundle::Bundle;
use crate::engine::{Kernel, Plan, PlanError, Port, RunError, Shape};
use crate::image::{PATCH_SIZE, Patch};

/// The networks of a bundle on the integer engine, one after the other in one workspace `W`: a slice of the
/// caller's block on a device, a vector where there is a heap.
#[derive(Debug)]
pub struct EngineNetworks<'a, W> {
    plans: Plans<'a>,
    workspace: W,
    kernel: Kernel,
}

/// The two plans of a bundle, validated and checked against the cascade.
#[derive(Clone, Copy, Debug)]
pub struct Plans<'a> {
    localization: Plan<'a>,
    hourglass: Plan<'a>,
    heatmap_size: usize,
    low_confidence: f32,
}

/// Why a bundle's plans are not the cascade's networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlansError {
    /// A plan cannot be opened.
    Plan {
        /// Which network.
        network: &'static str,
        /// Why.
        error: PlanError,
    },
    /// A plan takes or gives something else than the cascade does.
    Ports {
        /// Which network.
        network: &'static str,
        /// What the cascade expects.
        expected: &'static str,
    },
    /// The hourglass gives heatmaps of another size than the manifest states.
    HeatmapSize {
        /// Rows and columns by the manifest.
        stated: usize,
        /// Rows and columns by the plan.
        found: usize,
    },
}

const PATCH: Shape = Shape::new(1, PATCH_SIZE, PATCH_SIZE);

impl<'a> Plans<'a> {
    /// Validates both plans of a bundle.
    ///
    /// # Errors
    /// If a plan is damaged, or takes or gives something else than the cascade does.
    pub fn open(bundle: &Bundle<'a>) -> Result<Self, PlansError> {
        let plan = |network, bytes| Plan::open(bytes).map_err(|error| PlansError::Plan { network, error });
        let localization = plan("localization", bundle.localization())?;
        let hourglass = plan("hourglass", bundle.hourglass())?;
        let shapes = |ports: &mut dyn ExactSizeIterator<Item = Port>| {
            let count = ports.len();
            (count, [ports.next().map(|p| p.shape), ports.next().map(|p| p.shape)])
        };
        let mask = Shape::new(1, MASK_SIZE, MASK_SIZE);
        let numbers = Shape::vector(5);
        let takes_a_patch = |plan: &Plan<'_>| shapes(&mut plan.inputs()) == (1, [Some(PATCH), None]);
        let gives = shapes(&mut localization.outputs());
        if !takes_a_patch(&localization) || gives != (2, [Some(mask), Some(numbers)]) {
            let expected = "a patch of 128 x 128 in, a mask of 32 x 32 and five numbers out";
            return Err(PlansError::Ports { network: "localization", expected });
        }
        let (count, [maps, _]) = shapes(&mut hourglass.outputs());
        let size = maps.filter(|m| m.channels == 4 && m.height == m.width && count == 1).map(|m| m.height);
        match size {
            Some(found @ 8..=MAXIMUM_HEATMAP_SIZE) if takes_a_patch(&hourglass) => {
                let manifest = bundle.manifest();
                let stated = manifest.heatmap_size();
                if stated != found {
                    return Err(PlansError::HeatmapSize { stated, found });
                }
                let low_confidence = manifest.low_confidence();
                Ok(Self { localization, hourglass, heatmap_size: found, low_confidence })
            }
            _ => {
                let expected = "a patch of 128 x 128 in, four square heatmaps of 8 to 64 pixels out";
                Err(PlansError::Ports { network: "hourglass", expected })
            }
        }
    }

    /// What both networks work in, one after the other.
    #[must_use]
    pub fn workspace_bytes(&self) -> usize {
        self.localization.workspace_bytes().max(self.hourglass.workspace_bytes())
    }

    /// Rows and columns of a heatmap.
    #[must_use]
    pub const fn heatmap_size(&self) -> usize {
        self.heatmap_size
    }

    /// The confidence below which a measurement has a warning: the manifest's.
    #[must_use]
    pub const fn low_confidence(&self) -> f32 {
        self.low_confidence
    }
}

impl<'a, W> EngineNetworks<'a, W> {
    /// The networks in a workspace of at least [`Plans::workspace_bytes`], any contents.
    pub const fn new(plans: Plans<'a>, workspace: W, kernel: Kernel) -> Self {
        Self { plans, workspace, kernel }
    }

    /// The kernel that runs them.
    #[must_use]
    pub const fn kernel(&self) -> Kernel {
        self.kernel
    }
}

impl<W: AsMut<[u8]>> Networks for EngineNetworks<'_, W> {
    type Error = RunError;

    fn heatmap_size(&self) -> usize {
        self.plans.heatmap_size
    }

    fn low_confidence(&self) -> f32 {
        self.plans.low_confidence
    }

    fn localize(&mut self, patch: &Patch, mask: &mut Mask) -> Result<ThetaOutputs, RunError> {
        let mut numbers = [0.0; 5];
        let outputs: &mut [&mut [f32]] = &mut [mask, &mut numbers];
        self.plans.localization.run(self.workspace.as_mut(), &[patch], outputs, self.kernel)?;
        Ok(ThetaOutputs::from_array(numbers))
    }

    fn find_keypoints(&mut self, canonical: &Patch, heatmaps: &mut [f32]) -> Result<(), RunError> {
        self.plans.hourglass.run(self.workspace.as_mut(), &[canonical], &mut [heatmaps], self.kernel)
    }
}

impl fmt::Display for PlansError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan { network, error } => write!(f, "{network} network: {error}"),
            Self::Ports { network, expected } => {
                write!(f, "{network} network is not the cascade's: {expected} is expected")
            }
            Self::HeatmapSize { stated, found } => write!(
                f,
                "hourglass network gives heatmaps of {found} x {found}, the manifest states {stated} x {stated}"
            ),
        }
    }
}

impl core::error::Error for PlansError {}

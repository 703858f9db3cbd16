use recist::bundle::{self, BundleError, Description, Parts};
use recist::engine;
use recist::geometry::AffineGrid;
use recist::image::{self, PATCH_PIXELS, PATCH_SIZE};

use crate::data::{Augmentation, MaskTarget, Pack, Split, first_shown, keyed};
use crate::quantise::{Calibration, Folded, Lowered, QuantiseError, Rule, equalise, fold, lower};
use crate::train::TrainedModel;

/// Patches to measure ranges on, or to compare networks on: what each of the networks sees.
#[derive(Clone, Debug)]
pub struct CalibrationPatches {
    pub(super) patches: Vec<f32>,
    pub(super) canonical: Vec<f32>,
}

/// A network in integers.
#[derive(Clone, Debug)]
pub struct QuantisedNetwork {
    /// The network in floating point.
    pub folded: Folded,
    /// The network in the engine's terms.
    pub lowered: Lowered,
    /// The engine's plan.
    pub plan: Vec<u8>,
}

impl CalibrationPatches {
    /// Draws `count` lesions of `split`, evenly spread over the packs, as training by default sees them: in random
    /// boxes, with random grey values. In place of one that shows nothing so, the next that shows something is drawn.
    ///
    /// # Errors
    /// If there is no such lesion, none shows anything, or a pack cannot be read.
    pub fn draw(packs: &[Pack], split: Split, count: usize) -> Result<Self, String> {
        let lesions: Vec<_> =
            packs.iter().flat_map(Pack::iter).filter(|(lesion, _)| lesion.split == split).collect();
        if lesions.is_empty() {
            return Err(format!("the packs ({}) hold no lesion of the split {split}", packs.len()));
        }
        let (mut patches, mut canonical) = (Vec::new(), Vec::new());
        for index in 0..count {
            let mut random = keyed(0, u64::MAX, index as u64);
            let first = index * lesions.len() / count;
            let (sample, _, theta) =
                first_shown(&lesions, first, &Augmentation::default(), MaskTarget::default(), &mut random)?;
            let grid = AffineGrid::from_normalised(theta.canonical_to_patch(), PATCH_SIZE, PATCH_SIZE);
            patches.extend_from_slice(&sample.patch[..]);
            canonical.resize(canonical.len() + PATCH_PIXELS, 0.0);
            let first = canonical.len() - PATCH_PIXELS;
            image::sample(&sample.patch[..], PATCH_SIZE, &grid, &mut canonical[first..]);
        }
        Ok(Self { patches, canonical })
    }

    /// How many there are for each network.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.patches.len() / PATCH_PIXELS
    }
}

/// Quantises both networks of a trained model, localization and hourglass, by `rule`.
///
/// # Errors
/// If a node has no form in the engine.
pub fn quantise(
    model: &TrainedModel,
    patches: &CalibrationPatches,
    rule: Rule,
) -> Result<[QuantisedNetwork; 2], QuantiseError> {
    let quantise = |folded: Folded, patches: &[f32]| -> Result<QuantisedNetwork, QuantiseError> {
        let folded = equalise(&folded, patches)?;
        let ranges = Calibration::measure(&folded, patches)?.ranges(rule);
        let lowered = lower(&folded, &ranges)?;
        let plan = engine::compile(&lowered.network)
            .map_err(|error| QuantiseError::Node { name: "plan".into(), reason: error.to_string() })?;
        Ok(QuantisedNetwork { folded, lowered, plan })
    };
    let [localization, hourglass] = folded(model)?;
    Ok([quantise(localization, &patches.patches)?, quantise(hourglass, &patches.canonical)?])
}

/// Both networks with their batch norms folded; of the hourglass only the last stack's heatmaps are given out.
fn folded(model: &TrainedModel) -> Result<[Folded; 2], QuantiseError> {
    let localization = fold(&model.graphs[0], &model.weights[0])?;
    let mut hourglass = fold(&model.graphs[1], &model.weights[1])?;
    let last = *hourglass.graph.outputs().last().expect("a graph has an output");
    hourglass.graph = hourglass.graph.with_outputs(&[last]);
    Ok([localization, hourglass])
}

/// The bundle of both quantised networks, localization and hourglass.
///
/// # Errors
/// If the description does not fit a manifest's lines.
pub fn bundle(
    description: &Description<'_>,
    quantised: &[QuantisedNetwork; 2],
    test_vectors: &[u8],
) -> Result<Vec<u8>, BundleError> {
    let [localization, hourglass] = quantised.each_ref().map(|network| network.plan.as_slice());
    let manifest = &description.lines();
    bundle::write(&Parts { manifest, localization, hourglass, test_vectors })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{PackWriter, phantom};

    /// Found on a real export: a random window had made a dense lesion flat, and a whole training came to nothing.
    #[test]
    fn a_lesion_that_shows_nothing_does_not_end_an_export() {
        let folder = tempfile::tempdir().unwrap();
        let pack = |name: &str, flat: &[bool]| {
            let mut writer = PackWriter::open(&folder.path().join(name), "test").unwrap();
            for (index, &flat) in flat.iter().enumerate() {
                let mut phantom = phantom(1, index as u64, None);
                phantom.lesion.split = Split::Train;
                if flat {
                    phantom.samples.fill(40.0);
                }
                writer.append(phantom).unwrap();
            }
            writer.finish().unwrap();
            [Pack::open(&folder.path().join(name)).unwrap()]
        };
        let some = pack("some.pack", &[true, false, true]);
        assert_eq!(CalibrationPatches::draw(&some, Split::Train, 6).unwrap().count(), 6);
        let none = pack("none.pack", &[true, true]);
        let error = CalibrationPatches::draw(&none, Split::Train, 6).unwrap_err();
        assert!(error.contains("shows nothing"), "{error}");
        let error = CalibrationPatches::draw(&none, Split::Val, 6).unwrap_err();
        assert!(error.contains("no lesion of the split val"), "{error}");
    }
}

use recist::cascade::{MASK_SIZE, Mask, Networks, ThetaOutputs};
use recist::image::{PATCH_SIZE, Patch};

use crate::autodiff::{Cascade, Device, Error, FeatureMap, Module, download, upload};

/// The networks that are being trained, for the runtime's measurement: what a validation figure says is
/// what the runtime would have measured.
#[derive(Debug)]
pub struct TrainedNetworks<'a, D: Device<f32>> {
    cascade: &'a Cascade<f32, D>,
    knows_mask: bool,
}

impl<'a, D: Device<f32>> TrainedNetworks<'a, D> {
    /// The networks of `cascade`. With the mask of a localization network that does not know it, having learnt none,
    /// the runtime does not compare the axes.
    #[must_use]
    pub const fn new(cascade: &'a Cascade<f32, D>, knows_mask: bool) -> Self {
        Self { cascade, knows_mask }
    }

    fn run(module: &Module<f32, D>, patch: &Patch) -> Result<Vec<FeatureMap<f32, D>>, Error> {
        let input = upload(module.device(), (1, PATCH_SIZE, PATCH_SIZE, 1), patch)?;
        module.infer(input)
    }
}

impl<D: Device<f32>> Networks for TrainedNetworks<'_, D> {
    type Error = Error;

    fn heatmap_size(&self) -> usize {
        self.cascade.heatmap_size()
    }

    /// None: networks in training state no limit, and nobody reads their warnings.
    fn low_confidence(&self) -> f32 {
        0.0
    }

    fn localize(&mut self, patch: &Patch, mask: &mut Mask) -> Result<ThetaOutputs, Error> {
        let outputs = Self::run(&self.cascade.localization, patch)?;
        let [found, theta] = &outputs[..] else {
            return Err(Error::Failed { reason: "localization has the outputs mask and theta".into() });
        };
        let found = download(found)?;
        debug_assert_eq!(found.len(), MASK_SIZE * MASK_SIZE);
        if self.knows_mask {
            mask.copy_from_slice(&found)
        } else {
            mask.fill(f32::NAN)
        }
        let mut numbers = [0.0; 5];
        numbers.copy_from_slice(&download(theta)?);
        Ok(ThetaOutputs::from_array(numbers))
    }

    fn find_keypoints(&mut self, canonical: &Patch, heatmaps: &mut [f32]) -> Result<(), Error> {
        let outputs = Self::run(&self.cascade.hourglass, canonical)?;
        let last = outputs.last().ok_or(Error::Failed { reason: "the hourglass has no output".into() })?;
        let size = self.heatmap_size() * self.heatmap_size();
        for (pixel, values) in download(last)?.chunks_exact(4).enumerate() {
            for (map, value) in values.iter().enumerate() {
                heatmaps[map * size + pixel] = *value;
            }
        }
        Ok(())
    }
}

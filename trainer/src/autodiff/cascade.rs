use dfdx::{
    shapes::HasShape,
    tensor::{PutTape, SplitTape, Tape},
};

use super::{
    Device, Element, Error, FeatureMap, Matrix, Module, ModuleError, NoneTape, affine_matrix, flatten, sample,
};
use crate::graph::Graph;
use crate::weights::Weights;

/// Both networks with the spatial transformer between them, differentiable from the heatmaps through θ to the
/// localization network: what joint training trains (paper, section 2.3).
///
/// The localization network trained alone, and the hourglass behind a θ that is known, are run by themselves.
#[derive(Debug)]
pub struct Cascade<E: Element, D: Device<E>> {
    /// The localization network: patch to mask and θ.
    pub localization: Module<E, D>,
    /// The stacked hourglass: canonical patch to heatmaps.
    pub hourglass: Module<E, D>,
}

/// What a cascade makes of a batch of patches.
#[derive(Clone, Debug)]
pub struct CascadeOutputs<E: Element, D: Device<E>> {
    /// The lesion mask, one channel.
    pub mask: FeatureMap<E, D>,
    /// tx, ty, cos 2α, sin 2α, ln s.
    pub theta: Matrix<E, D>,
    /// The patches sampled at the affine grid of θ.
    pub canonical: FeatureMap<E, D>,
    /// The heatmaps of every stack, the last one's the result.
    pub heatmaps: Vec<FeatureMap<E, D>>,
}

impl<E: Element, D: Device<E>> Cascade<E, D> {
    /// Puts both networks on `device`; of graphs and weights the localization network's come first.
    ///
    /// # Errors
    /// If `weights` are not those of `graphs`, or the device fails.
    pub fn new(
        [localization, hourglass]: [Graph; 2],
        weights: &[Weights; 2],
        device: &D,
    ) -> Result<Self, ModuleError> {
        Ok(Self {
            localization: Module::new(localization, &weights[0], device)?,
            hourglass: Module::new(hourglass, &weights[1], device)?,
        })
    }

    /// Rows and columns of a heatmap.
    #[must_use]
    pub fn heatmap_size(&self) -> usize {
        let graph = self.hourglass.graph();
        graph.node(*graph.outputs().last().expect("a graph has an output")).shape().height
    }

    /// The weights of both networks: see [`Module::weights`].
    ///
    /// # Errors
    /// If the device fails.
    pub fn weights(&self) -> Result<[Weights; 2], Error> {
        Ok([self.localization.weights()?, self.hourglass.weights()?])
    }

    /// Replaces the weights of both networks: see [`Module::load`].
    ///
    /// # Errors
    /// If `weights` are not those of the networks, or the device fails; the cascade cannot be used any more.
    pub fn load(&mut self, weights: &[Weights; 2]) -> Result<(), ModuleError> {
        self.localization.load(&weights[0])?;
        self.hourglass.load(&weights[1])
    }

    /// Runs the cascade while it is trained: see [`Module::train`].
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If `patches` have not the shape of the localization network's input.
    pub fn train<T: Tape<E, D>>(
        &mut self,
        patches: FeatureMap<E, D>,
        tape: T,
    ) -> Result<(CascadeOutputs<E, D>, T), Error> {
        let (outputs, tape) = self.localization.train(patches.clone(), tape)?;
        let (localized, tape) = localize(outputs, patches, tape).map_err(Into::into)?;
        let (heatmaps, tape) = self.hourglass.train(localized.canonical.clone(), tape)?;
        Ok((CascadeOutputs { heatmaps, ..localized }, tape))
    }

    /// Runs the cascade while its hourglass is trained behind the localization network as it will be used: nothing is
    /// recorded of the latter.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If `patches` have not the shape of the localization network's input.
    pub fn train_hourglass<T: Tape<E, D>>(
        &mut self,
        patches: FeatureMap<E, D>,
        tape: T,
    ) -> Result<(CascadeOutputs<E, D>, T), Error> {
        let localized = self.localize(patches)?;
        let (heatmaps, tape) = self.hourglass.train(localized.canonical.clone(), tape)?;
        Ok((CascadeOutputs { heatmaps, ..localized }, tape))
    }

    /// Runs the cascade as it will be used: see [`Module::infer`].
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If `patches` have not the shape of the localization network's input.
    pub fn infer(&self, patches: FeatureMap<E, D>) -> Result<CascadeOutputs<E, D>, Error> {
        let localized = self.localize(patches)?;
        let heatmaps = self.hourglass.infer(localized.canonical.clone())?;
        Ok(CascadeOutputs { heatmaps, ..localized })
    }

    /// What the localization network, as it will be used, makes of the patches; the heatmaps are still to come.
    fn localize(&self, patches: FeatureMap<E, D>) -> Result<CascadeOutputs<E, D>, Error> {
        let outputs = self.localization.infer(patches.clone())?;
        let (localized, NoneTape) = localize(outputs, patches, NoneTape).map_err(Into::into)?;
        Ok(localized)
    }
}

/// From the outputs of the localization network to the canonical patches; the heatmaps are still to come.
fn localize<E: Element, D: Device<E>, T: Tape<E, D>>(
    outputs: Vec<FeatureMap<E, D>>,
    patches: FeatureMap<E, D>,
    tape: T,
) -> Result<(CascadeOutputs<E, D>, T), D::Err> {
    let [mask, theta] = <[_; 2]>::try_from(outputs).expect("localization has the outputs mask and theta");
    let (theta, tape) = flatten(theta.put_tape(tape))?.split_tape();
    let (matrix, tape) = affine_matrix(theta.clone().put_tape(tape))?.split_tape();
    let size = patches.shape().1;
    let (canonical, tape) = sample(patches.put_tape(tape), matrix, size)?.split_tape();
    Ok((CascadeOutputs { mask, theta, canonical, heatmaps: Vec::new() }, tape))
}

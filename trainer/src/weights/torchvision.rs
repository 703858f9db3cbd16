use super::{Tensor, Weights, WeightsError};

impl Weights {
    /// Replaces the tensors of the scope `trunk` by those of a ResNet with torchvision's names, such as
    /// `resnet50` trained on ImageNet.
    ///
    /// The weights of the first convolution are summed over its colour channels: what a grey image in all of
    /// them would give. The classifier `fc` is left aside. A file that was made with normalised colours
    /// expects inputs of mean 0 and variance 1 where ours are in 0..1; the first batch norm learns the
    /// difference within a few steps.
    ///
    /// # Errors
    /// If a tensor of the trunk is missing in `resnet`, has another shape, or `resnet` has one that the trunk
    /// has not. `self` is unchanged then.
    pub fn load_resnet(&mut self, trunk: &str, mut resnet: Self) -> Result<(), WeightsError> {
        let _classifier = resnet.take("fc.");
        if let Some(colours) = resnet.tensors.remove("conv1.weight") {
            resnet.insert("conv1.weight", summed_over_inputs(colours));
        }
        let scope = format!("{trunk}.");
        let mut loaded = self.clone().take(&scope);
        for (name, target) in &mut loaded.tensors {
            *target = resnet.remove(name, &target.shape)?;
        }
        resnet.expect_empty()?;
        self.extend(&scope, loaded);
        Ok(())
    }
}

/// A convolution's weight for one input channel that carries what all channels carried.
fn summed_over_inputs(weight: Tensor) -> Tensor {
    let &[outputs, inputs, rows, columns] = weight.shape() else {
        return weight;
    };
    let window = rows * columns;
    let mut values = vec![0.0; outputs * window];
    for (i, value) in weight.values().iter().enumerate() {
        values[i / (inputs * window) * window + i % window] += value;
    }
    Tensor { shape: vec![outputs, 1, rows, columns], values }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Network, TRUNK};

    fn resnet(weights: &Weights) -> Weights {
        let mut resnet = weights.clone().take("trunk.");
        let grey = resnet.get("conv1.weight").unwrap();
        let window = 49;
        let colours = grey.values().chunks_exact(window).flat_map(|w| [w, w, w].concat()).collect();
        let shape = vec![grey.shape()[0], 3, 7, 7];
        resnet.insert("conv1.weight", Tensor::new(shape, colours).unwrap());
        resnet.insert("fc.bias", Tensor::new(vec![1], vec![0.0]).unwrap());
        resnet
    }

    #[test]
    fn a_resnet_file_becomes_the_trunk() {
        let graph = Network::open("edge").unwrap().localization.graph(128).unwrap();
        let trained = Weights::initialise(&graph, 1);
        let mut weights = Weights::initialise(&graph, 2);
        let head = weights.get("mask.bias").unwrap().clone();
        weights.load_resnet(TRUNK, resnet(&trained)).unwrap();
        weights.check(&graph).unwrap();
        let name = "trunk.layer2.0.downsample.0.weight";
        assert_eq!(weights.get(name), trained.get(name));
        assert_eq!(weights.get("mask.bias"), Some(&head));
        let (summed, grey) = (weights.get("trunk.conv1.weight"), trained.get("trunk.conv1.weight"));
        for (summed, grey) in summed.unwrap().values().iter().zip(grey.unwrap().values()) {
            assert!((summed - 3.0 * grey).abs() < 1e-6);
        }
    }

    #[test]
    fn a_resnet_of_another_depth_is_refused() {
        let graph = Network::open("edge").unwrap().localization.graph(128).unwrap();
        let mut weights = Weights::initialise(&graph, 2);
        let before = weights.clone();

        let mut shallow = resnet(&weights);
        shallow.tensors.remove("layer3.1.conv2.weight");
        let error = weights.load_resnet(TRUNK, shallow).unwrap_err();
        assert_eq!(error.to_string(), "tensor layer3.1.conv2.weight is missing");

        let mut deep = resnet(&weights);
        deep.insert("layer3.2.conv1.weight", Tensor::new(vec![1], vec![0.0]).unwrap());
        let error = weights.load_resnet(TRUNK, deep).unwrap_err();
        assert_eq!(error.to_string(), "tensor layer3.2.conv1.weight is not part of the network");

        let mut wide = resnet(&weights);
        wide.insert("bn1.bias", Tensor::new(vec![64], vec![0.0; 64]).unwrap());
        let error = weights.load_resnet(TRUNK, wide).unwrap_err();
        assert_eq!(error.to_string(), "tensor bn1.bias has shape [64], the network expects [16]");
        assert_eq!(weights, before);
    }
}

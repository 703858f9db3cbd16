//! The names and shapes of torchvision's ResNet-50 without its classifier, as torchvision itself lists them.

/// All tensors of `resnet50().state_dict()` in its order, without `fc.*` and `num_batches_tracked`.
pub(super) fn resnet50_trunk() -> Vec<(String, Vec<usize>)> {
    include_str!("torchvision_resnet50.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let mut words = line.split_whitespace();
            let name = words.next().unwrap().to_owned();
            (name, words.map(|size| size.parse().unwrap()).collect())
        })
        .collect()
}

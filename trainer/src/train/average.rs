use crate::weights::Weights;

/// From one of the weights that are averaged to the next.
pub(super) const AVERAGE_STEPS: u64 = 10;

/// The mean of the weights that a training went through: nearer to the middle of what fits the data than any of
/// them (Izmailov et al. 2018, "Averaging weights leads to wider optima and better generalization").
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Average {
    /// How many weights it is the mean of.
    pub(super) count: u32,
    /// Their mean, of both networks; empty before the first.
    pub(super) mean: [Weights; 2],
}

impl Average {
    /// Takes one more into the mean.
    ///
    /// # Panics
    /// If they are other networks' than those before.
    pub(super) fn add(&mut self, weights: [Weights; 2]) {
        self.count += 1;
        if self.count == 1 {
            self.mean = weights;
            return;
        }
        let share = 1.0 / self.count as f32;
        for (mean, weights) in self.mean.iter_mut().zip(&weights) {
            for (name, tensor) in weights.iter() {
                let mean = mean.get_mut(name).expect("weights of one network");
                for (mean, value) in mean.values_mut().iter_mut().zip(tensor.values()) {
                    *mean += (value - *mean) * share;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::Tensor;

    #[test]
    fn the_average_is_the_mean_of_all_weights() {
        let mut average = Average::default();
        for value in [1.0, 2.0, 6.0] {
            average.add([value, 10.0 * value].map(|value| {
                let mut weights = Weights::default();
                weights.insert("w", Tensor::new(vec![2], vec![value, -value]).unwrap());
                weights
            }));
        }
        assert_eq!(average.count, 3);
        let means = average.mean.each_ref().map(|mean| mean.get("w").unwrap().values());
        assert_eq!(means, [[3.0, -3.0], [30.0, -30.0]]);
    }
}

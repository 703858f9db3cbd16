use serde::{Deserialize, Serialize};

/// The learning rate of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// Rises evenly to `rate` in `warm_up` steps, then falls along half a cosine to a hundredth of it; the stage
    /// ends after `steps` steps.
    Cosine {
        /// The highest rate.
        rate: f64,
        /// The stage's length.
        steps: u64,
        /// Steps of the rise.
        warm_up: u64,
    },
    /// Starts at `rate` and is divided by 10 when the validation loss has not been lower for `patience`
    /// epochs; the stage ends with division number `divisions` (section 3 of the paper: the second).
    Plateau {
        /// The first rate.
        rate: f64,
        /// Epochs.
        patience: u32,
        /// Divisions.
        divisions: u32,
    },
}

/// Where a stage stands. Every number is kept in a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Steps made in this stage.
    pub step: u64,
    /// The lowest validation loss.
    pub lowest: f32,
    /// Epochs since then, or since the last division.
    pub waited: u32,
    /// Divisions made.
    pub divisions: u32,
}

impl Default for Progress {
    fn default() -> Self {
        Self { step: 0, lowest: f32::INFINITY, waited: 0, divisions: 0 }
    }
}

impl Schedule {
    /// The rate of the next step; none when the stage is at its end.
    #[must_use]
    pub(super) fn rate(self, progress: &Progress) -> Option<f64> {
        let step = progress.step;
        match self {
            Self::Cosine { steps, .. } if step >= steps => None,
            Self::Cosine { rate, warm_up, .. } if step < warm_up => {
                Some(rate * (step + 1) as f64 / warm_up as f64)
            }
            Self::Cosine { rate, steps, warm_up } => {
                let share = (step - warm_up) as f64 / (steps - warm_up) as f64;
                Some(rate * (0.01 + 0.99 * (1.0 + (std::f64::consts::PI * share).cos()) / 2.0))
            }
            Self::Plateau { divisions, .. } if progress.divisions >= divisions => None,
            Self::Plateau { rate, .. } => Some(rate * 0.1_f64.powf(f64::from(progress.divisions))),
        }
    }

    /// Takes note of a validation.
    pub(super) fn validated(self, progress: &mut Progress, loss: f32) {
        if loss < progress.lowest {
            (progress.lowest, progress.waited) = (loss, 0);
            return;
        }
        progress.waited += 1;
        if let Self::Plateau { patience, .. } = self
            && progress.waited >= patience
        {
            (progress.divisions, progress.waited) = (progress.divisions + 1, 0);
        }
    }

    /// How many steps are left, where that is known.
    #[must_use]
    pub(super) const fn left(self, progress: &Progress) -> Option<u64> {
        match self {
            Self::Cosine { steps, .. } => Some(steps.saturating_sub(progress.step)),
            Self::Plateau { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cosine_rises_falls_and_ends() {
        let schedule = Schedule::Cosine { rate: 1.0, steps: 110, warm_up: 10 };
        let rate = |step| schedule.rate(&Progress { step, ..Progress::default() });
        for (step, expected) in [(0, 0.1), (9, 1.0), (10, 1.0), (60, 0.505), (109, 0.01)] {
            assert!((rate(step).unwrap() - expected).abs() < 1e-3, "step {step}: {:?}", rate(step));
        }
        assert_eq!(rate(110), None);
    }

    #[test]
    fn a_plateau_divides_when_the_loss_is_stable_and_ends_with_the_second_division() {
        let schedule = Schedule::Plateau { rate: 5e-4, patience: 2, divisions: 2 };
        let mut progress = Progress::default();
        let mut rates = Vec::new();
        for loss in [3.0, 2.0, 2.0, 2.5, 1.0, 1.0, 1.0] {
            rates.push(schedule.rate(&progress).unwrap());
            schedule.validated(&mut progress, loss);
        }
        let expected = [5e-4, 5e-4, 5e-4, 5e-4, 5e-5, 5e-5, 5e-5];
        assert!(rates.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{rates:?}");
        assert_eq!(schedule.rate(&progress), None);
    }
}

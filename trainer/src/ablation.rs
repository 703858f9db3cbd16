//! The ablation of the paper's section 3: the same data and the same number of steps, with one part of the method
//! after the other.

use std::fmt;

use crate::train::{Configuration, LossWeights, Schedule, Stage, StageConfiguration};

/// A row of the ablation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// The hourglass on the rough patch: no localization network is trained, θ is what an untrained one answers.
    HourglassAlone,
    /// With a spatial transformer that learns from θ alone (`L_TPP`).
    Pose,
    /// That also learns from the lesion mask (`L_LRP`).
    PoseAndMask,
    /// The full method: the hourglass also learns that the axes are perpendicular (`L_cos`).
    Full,
}

impl Variant {
    /// All rows, in the order of the paper's table.
    pub const ALL: [Self; 4] = [Self::HourglassAlone, Self::Pose, Self::PoseAndMask, Self::Full];

    /// A word for the row, as folders are named.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::HourglassAlone => "shn",
            Self::Pose => "stn-tpp",
            Self::PoseAndMask => "stn-tpp-lrp",
            Self::Full => "full",
        }
    }

    /// Whether the localization network runs when a lesion is measured.
    #[must_use]
    pub const fn localizes(self) -> bool {
        match self {
            Self::HourglassAlone => false,
            Self::Pose | Self::PoseAndMask | Self::Full => true,
        }
    }

    /// The configuration that trains this row: that of the full method with the parts left out that the row does
    /// not have, its stages shortened or lengthened to `steps` in all. The hourglass alone is given the steps of
    /// the stages that train no hourglass too.
    ///
    /// # Errors
    /// If a stage has no fixed number of steps.
    pub fn configuration(self, full: &Configuration, steps: u64, seed: u64) -> Result<Configuration, String> {
        let mut configuration = Configuration { seed, ..full.clone() };
        let stages = &mut configuration.stages;
        match self {
            Self::HourglassAlone => {
                configuration.fixed_pose = true;
                stages.retain(|stage| stage.stage != Stage::Stn);
                for StageConfiguration { stage, loss, .. } in stages.iter_mut() {
                    *stage = Stage::Shn;
                    *loss = LossWeights { heatmaps: loss.heatmaps, ..LossWeights::default() };
                }
            }
            Self::Pose => stages.iter_mut().for_each(|stage| {
                stage.loss = LossWeights { mask: 0.0, cosine: 0.0, ..stage.loss };
            }),
            Self::PoseAndMask => stages.iter_mut().for_each(|stage| stage.loss.cosine = 0.0),
            Self::Full => {}
        }
        share_out(stages, steps)?;
        Ok(configuration)
    }
}

/// Stretches every stage by the same factor, so that they have `steps` together.
fn share_out(stages: &mut [StageConfiguration], steps: u64) -> Result<(), String> {
    let length = |stage: &StageConfiguration| match stage.schedule {
        Schedule::Cosine { steps, .. } => Ok(steps),
        Schedule::Plateau { .. } => Err(format!("the stage {} has no fixed number of steps", stage.stage)),
    };
    let all: u64 = stages.iter().map(length).sum::<Result<_, _>>()?;
    let (mut before, mut given) = (0, 0);
    for stage in stages {
        if let Schedule::Cosine { steps: length, warm_up, .. } = &mut stage.schedule {
            before += *length;
            let end = before * steps / all.max(1);
            *warm_up = (*warm_up * steps / all.max(1)).min(end - given);
            *length = end - given;
            given = end;
        }
    }
    Ok(())
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::HourglassAlone => "SHN alone",
            Self::Pose => "STN (TPP) + SHN",
            Self::PoseAndMask => "STN (TPP + LRP) + SHN",
            Self::Full => "STN + SHN + L_cos",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_the_same_steps_and_one_part_more_than_the_row_before() {
        let full = Configuration::open("edge").unwrap();
        let rows = Variant::ALL.map(|variant| variant.configuration(&full, 3001, 7).unwrap());
        for row in &rows {
            let steps = row.stages.iter().map(|stage| match stage.schedule {
                Schedule::Cosine { steps, warm_up, .. } => {
                    assert!(warm_up <= steps);
                    steps
                }
                Schedule::Plateau { .. } => 0,
            });
            assert_eq!((steps.sum::<u64>(), row.seed, row.batch), (3001, 7, full.batch));
            assert_eq!(
                Configuration::from_toml(&row.to_toml()).unwrap(),
                *row,
                "a run can be started with it"
            );
        }
        let parts = rows.map(|row| {
            let any = |part: fn(&LossWeights) -> f64| row.stages.iter().any(|stage| part(&stage.loss) > 0.0);
            [any(|l| l.heatmaps), any(|l| l.pose[0]), any(|l| l.mask), any(|l| l.cosine)]
        });
        for (i, parts) in parts.iter().enumerate() {
            assert_eq!(parts.iter().filter(|has| **has).count(), i + 1, "{parts:?}");
        }
        let same = Variant::Full.configuration(&full, 15200, full.seed).unwrap();
        assert_eq!(same, full, "the full method with its own number of steps is the configuration itself");
    }

    #[test]
    fn a_stage_without_end_cannot_be_shortened() {
        let paper = Configuration::open("paper").unwrap();
        let error = Variant::Full.configuration(&paper, 100, 0).unwrap_err();
        assert!(error.contains("stn has no fixed number of steps"), "{error}");
    }
}

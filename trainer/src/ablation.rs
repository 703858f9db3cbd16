//! The ablation of the paper's section 3: the same data and the same number of steps, with one part of the method
//! after the other.

use std::fmt;

use crate::train::{Configuration, LEAST_AVERAGE, LossWeights, Schedule, Stage, StageConfiguration};

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
    /// If a stage has no fixed number of steps, there are more or fewer of them than a run can have, or no stage is
    /// left that trains what the row has.
    pub fn configuration(self, full: &Configuration, steps: u64, seed: u64) -> Result<Configuration, String> {
        let mut configuration = Configuration { seed, ..full.clone() };
        let stages = &mut configuration.stages;
        match self {
            Self::HourglassAlone => {
                configuration.fixed_pose = true;
                stages.retain(|stage| stage.stage != Stage::Stn);
                for StageConfiguration { stage, loss, .. } in stages.iter_mut() {
                    *stage = Stage::Shn;
                    *loss = LossWeights { mask: 0.0, pose: [0.0; 3], cosine: 0.0, ..*loss };
                }
            }
            Self::Pose => stages.iter_mut().for_each(|stage| {
                stage.loss = LossWeights { mask: 0.0, cosine: 0.0, ..stage.loss };
            }),
            Self::PoseAndMask => stages.iter_mut().for_each(|stage| stage.loss.cosine = 0.0),
            Self::Full => {}
        }
        share_out(stages, steps)?;
        configuration.check().map_err(|error| format!("{self}: {error}"))?;
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
    if steps == 0 {
        return Err("steps is 0: there is nothing to compare".to_owned());
    }
    let stretched = |number: u64| {
        let stretched = u128::from(number) * u128::from(steps) / u128::from(all.max(1));
        u64::try_from(stretched).unwrap_or(u64::MAX)
    };
    let (mut before, mut given) = (0, 0);
    for StageConfiguration { schedule, average, .. } in stages {
        if let Schedule::Cosine { steps: length, warm_up, .. } = schedule {
            before += *length;
            let end = stretched(before);
            *length = end - given;
            *warm_up = stretched(*warm_up).min(*length);
            // Of fewer steps there is no mean.
            let shortened = stretched(*average).min(*length);
            *average = if shortened < LEAST_AVERAGE { 0 } else { shortened };
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
        for (name, own_steps, of_hourglass) in [("edge", 15200, 1), ("edge-tune", 1850, 3)] {
            let full = Configuration::open(name).unwrap();
            for steps in [7, 925, 3001] {
                let rows = Variant::ALL.map(|variant| variant.configuration(&full, steps, 7).unwrap());
                for row in &rows {
                    let length = |stage: &StageConfiguration| match stage.schedule {
                        Schedule::Cosine { steps, .. } => steps,
                        Schedule::Plateau { .. } => 0,
                    };
                    let sum: u64 = row.stages.iter().map(length).sum();
                    assert_eq!((sum, row.seed, row.batch), (steps, 7, full.batch));
                    let read = Configuration::from_toml(&row.to_toml()).unwrap();
                    assert_eq!(read, *row, "a run can be started with it");
                }
                let parts = rows.map(|row| {
                    let any = |part: fn(&LossWeights) -> f64| {
                        row.stages.iter().any(|stage| part(&stage.loss) > 0.0)
                    };
                    let hourglass = [any(|l| l.heatmaps), any(|l| l.ends), any(|l| l.lengths)];
                    let others = [any(|l| l.pose[0]), any(|l| l.mask), any(|l| l.cosine)];
                    [&hourglass[..], &others].map(|parts| parts.iter().filter(|has| **has).count())
                });
                assert_eq!(parts, [0, 1, 2, 3].map(|others| [of_hourglass, others]), "{name}");
            }
            let same = Variant::Full.configuration(&full, own_steps, full.seed).unwrap();
            assert_eq!(
                same, full,
                "the full method with its own number of steps is the configuration itself"
            );
        }
    }

    #[test]
    fn a_row_that_no_run_can_be_made_of_is_refused() {
        let full = Configuration::open("edge").unwrap();
        for (steps, want) in [
            (0, "steps is 0"),
            (16_777_216_000, "stages[0].schedule.cosine.steps = "),
            (u64::MAX, "stages[0].schedule.cosine.steps = "),
        ] {
            let error = Variant::Full.configuration(&full, steps, 0).unwrap_err();
            assert!(error.contains(want), "{error}");
        }
        let mut only_stn = full;
        only_stn.stages.truncate(1);
        let error = Variant::HourglassAlone.configuration(&only_stn, 100, 0).unwrap_err();
        assert!(error.contains("SHN alone") && error.contains("stages = [] is empty"), "{error}");
        Variant::Full.configuration(&only_stn, 100, 0).unwrap();
    }

    #[test]
    fn an_average_has_the_same_share_of_a_shortened_stage_or_is_none() {
        let full = Configuration::open("edge-tune").unwrap();
        for (steps, averages) in [(925, [0, 250]), (74, [0, 20]), (73, [0, 0])] {
            let row = Variant::Full.configuration(&full, steps, 0).unwrap();
            let found: Vec<u64> = row.stages.iter().map(|stage| stage.average).collect();
            assert_eq!(found, averages, "{steps} steps");
        }
    }

    #[test]
    fn a_stage_without_end_cannot_be_shortened() {
        let paper = Configuration::open("paper").unwrap();
        let error = Variant::Full.configuration(&paper, 100, 0).unwrap_err();
        assert!(error.contains("stn has no fixed number of steps"), "{error}");
    }
}

use std::fmt;

use super::{Configuration, ConfigurationError, Stage, StageConfiguration};
use crate::autodiff::Method;
use crate::data::Augmentation;
use crate::train::average::AVERAGE_STEPS;
use crate::train::checkpoint::MOST_STEPS;
use crate::train::{LossWeights, Schedule};

/// The most samples in a step: 4 GiB of patches.
pub const MOST_SAMPLES: usize = 1 << 16;

/// The fewest last steps whose mean a stage can end with: of every tenth, two.
pub(crate) const LEAST_AVERAGE: u64 = 2 * AVERAGE_STEPS;

/// The most threads that prepare samples.
const MOST_LOADERS: usize = 256;

/// The most that large lesions can be drawn more often.
const MOST_OFTEN: f64 = 1e6;

/// The largest box side, in longer sides of the endpoints' rectangle, that packed patches are cut for.
const LARGEST_BOX: f64 = 3.0;

/// The highest exponent and factor of grey values, beyond which nothing is left of a picture.
const HIGHEST_FACTOR: f64 = 10.0;

/// The greatest standard deviation that five weights can blur by, in patch pixels.
const GREATEST_BLUR: f64 = 1.5;

type Checked = Result<(), ConfigurationError>;

impl Configuration {
    /// That a run can be made with every value.
    ///
    /// # Errors
    /// Names the first that is out of its range, and the range.
    pub(crate) fn check(&self) -> Checked {
        let Self {
            network: _,
            seed: _,
            batch,
            loaders,
            method,
            gradient_limit,
            large_lesions,
            generated_share,
            augmentation,
            mask: _,
            pose_noise,
            fixed_pose,
            epoch,
            validation,
            checkpoint,
            stages,
        } = self;
        for (name, number, most) in [("batch", batch, MOST_SAMPLES), ("loaders", loaders, MOST_LOADERS)] {
            require((1..=most).contains(number), name, number, format_args!("is not from 1 to {most}"))?;
        }
        require(*validation > 0, "validation", validation, "is not at least 1")?;
        for (name, steps) in [("epoch", epoch), ("checkpoint", checkpoint)] {
            require(*steps > 0, name, steps, "is not at least 1")?;
        }
        check_method(*method)?;
        let limit = gradient_limit.unwrap_or(1.0);
        require(is_positive(limit), "gradient_limit", limit, NOT_POSITIVE)?;
        require(
            is_positive(*large_lesions) && *large_lesions <= MOST_OFTEN,
            "large_lesions",
            large_lesions,
            format_args!("is not above 0 and up to {MOST_OFTEN}"),
        )?;
        within("generated_share", *generated_share, 1.0)?;
        check_augmentation(augmentation)?;
        require(
            pose_noise.iter().all(is_weight),
            "pose_noise",
            pose_noise,
            "are not three numbers from 0 on",
        )?;
        require(!stages.is_empty(), "stages", stages, "is empty")?;
        let idle = |stage: &&StageConfiguration| matches!(stage.schedule, Schedule::Cosine { steps: 0, .. });
        require(
            stages.iter().filter(idle).count() < stages.len(),
            "stages[0].schedule.cosine.steps",
            0,
            "is as in every stage: nothing would be trained",
        )?;
        for (number, stage) in stages.iter().enumerate() {
            let name = format!("stages[{number}]");
            let fits = !fixed_pose || stage.stage == Stage::Shn;
            require(
                fits,
                &format!("{name}.stage"),
                stage.stage.to_string(),
                "needs the localization network, and fixed_pose is set",
            )?;
            check_stage(&name, stage)?;
        }
        Ok(())
    }
}

fn check_method(method: Method) -> Checked {
    match method {
        Method::Sgd { momentum, weight_decay } => {
            require(
                (0.0..1.0).contains(&momentum),
                "method.sgd.momentum",
                momentum,
                "is not from 0 to below 1",
            )?;
            require(is_weight(&weight_decay), "method.sgd.weight_decay", weight_decay, NO_WEIGHT)
        }
        Method::AdamW { weight_decay } => {
            require(is_weight(&weight_decay), "method.adam-w.weight_decay", weight_decay, NO_WEIGHT)
        }
    }
}

fn check_augmentation(augmentation: &Augmentation) -> Checked {
    let &Augmentation {
        box_scale,
        careless,
        careless_scale,
        box_offset,
        turn: _,
        windowed,
        gamma,
        gain,
        offset,
        blur,
        noise,
    } = augmentation;
    for (name, [lowest, highest], most) in [
        ("box_scale", box_scale, LARGEST_BOX),
        ("careless_scale", careless_scale, LARGEST_BOX),
        ("gamma", gamma, HIGHEST_FACTOR),
        ("gain", gain, HIGHEST_FACTOR),
    ] {
        require(
            0.0 < lowest && lowest <= highest && highest <= most,
            &format!("augmentation.{name}"),
            [lowest, highest],
            format_args!("is no range [lowest, highest] above 0 and up to {most}"),
        )?;
    }
    let [share, deviation] = blur;
    require(
        (0.0..=1.0).contains(&share) && (0.0..=GREATEST_BLUR).contains(&deviation),
        "augmentation.blur",
        blur,
        format_args!("is no share from 0 to 1 and deviation from 0 to {GREATEST_BLUR}"),
    )?;
    for (name, value, most) in [
        ("careless", careless, 1.0),
        ("box_offset", box_offset, 0.25),
        ("windowed", windowed, 1.0),
        ("offset", offset, 1.0),
        ("noise", noise, 1.0),
    ] {
        within(&format!("augmentation.{name}"), value, most)?;
    }
    Ok(())
}

fn check_stage(name: &str, stage: &StageConfiguration) -> Checked {
    let StageConfiguration { stage, schedule, loss, average } = stage;
    let length = match *schedule {
        Schedule::Cosine { rate, steps, warm_up } => {
            let name = |field| format!("{name}.schedule.cosine.{field}");
            require(is_positive(rate), &name("rate"), rate, NOT_POSITIVE)?;
            require(steps <= MOST_STEPS, &name("steps"), steps, format_args!("is more than {MOST_STEPS}"))?;
            require(
                warm_up <= steps,
                &name("warm_up"),
                warm_up,
                format_args!("is more than steps = {steps}"),
            )?;
            steps
        }
        Schedule::Plateau { rate, patience, divisions } => {
            let name = |field| format!("{name}.schedule.plateau.{field}");
            require(is_positive(rate), &name("rate"), rate, NOT_POSITIVE)?;
            require(patience > 0, &name("patience"), patience, "is not at least 1")?;
            require(divisions > 0, &name("divisions"), divisions, "is not at least 1")?;
            0
        }
    };
    let (name_of_average, average) = (format!("{name}.average"), *average);
    require(
        average == 0 || average >= LEAST_AVERAGE,
        &name_of_average,
        average,
        format_args!(
            "is neither 0 nor at least {LEAST_AVERAGE}: the mean is that of every tenth of the last steps"
        ),
    )?;
    let known = format_args!("is more than the {length} steps that the stage is known to have");
    require(average <= length, &name_of_average, average, known)?;
    let &LossWeights { mask, pose, heatmaps, cosine, ends, lengths } = loss;
    let parts =
        [("mask", mask), ("heatmaps", heatmaps), ("cosine", cosine), ("ends", ends), ("lengths", lengths)];
    for (part, weight) in parts {
        require(is_weight(&weight), &format!("{name}.loss.{part}"), weight, NO_WEIGHT)?;
    }
    require(
        pose.iter().all(is_weight),
        &format!("{name}.loss.pose"),
        pose,
        "are not three numbers from 0 on",
    )?;

    let localization = mask + pose.iter().sum::<f64>();
    let hourglass = heatmaps + cosine + ends + lengths;
    let (useful, foreign) = match stage {
        Stage::Stn => (localization, hourglass),
        Stage::Shn | Stage::Follow => (hourglass, localization),
        Stage::Joint => (localization + hourglass, 0.0),
    };
    let name = format!("{name}.loss");
    require(foreign == 0.0, &name, loss, format_args!("weighs what a stage {stage} does not train"))?;
    require(useful > 0.0, &name, loss, format_args!("teaches a stage {stage} nothing"))
}

const NOT_POSITIVE: &str = "is no positive number";

const NO_WEIGHT: &str = "is no number from 0 on";

fn is_positive(value: f64) -> bool {
    value > 0.0 && value.is_finite()
}

fn is_weight(value: &f64) -> bool {
    *value >= 0.0 && value.is_finite()
}

/// That `value` is from 0 to `most`.
fn within(name: &str, value: f64, most: f64) -> Checked {
    require((0.0..=most).contains(&value), name, value, format_args!("is not from 0 to {most}"))
}

fn require(holds: bool, name: &str, value: impl fmt::Debug, fault: impl fmt::Display) -> Checked {
    if holds { Ok(()) } else { Err(ConfigurationError::Value(format!("{name} = {value:?} {fault}"))) }
}

#[cfg(test)]
mod tests;

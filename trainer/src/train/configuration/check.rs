use std::fmt;

use super::{Configuration, ConfigurationError, Stage, StageConfiguration};
use crate::autodiff::Method;
use crate::data::Augmentation;
use crate::train::checkpoint::MOST_STEPS;
use crate::train::{LossWeights, Schedule};

/// The most samples in a step: 4 GiB of patches.
pub const MOST_SAMPLES: usize = 1 << 16;

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
        for (number, stage) in stages.iter().enumerate() {
            let name = format!("stages[{number}]");
            let fits = !fixed_pose || stage.stage == Stage::Shn;
            require(
                fits,
                &format!("{name}.stage"),
                stage.stage.to_string(),
                "trains the localization network, and fixed_pose is set",
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
    let known = format_args!("is more than the {length} steps that the stage is known to have");
    require(*average <= length, &format!("{name}.average"), average, known)?;
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
        Stage::Shn => (hourglass, localization),
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
mod tests {
    use toml::{Table, Value};

    use super::*;

    /// Every number of a configuration, of any stage, and values that it cannot have. What is not here is a word, or
    /// true or false.
    const WRONG: [(&str, &[&str]); 36] = [
        ("seed", &[]),
        ("batch", &["0", "65537"]),
        ("loaders", &["0", "257"]),
        ("gradient_limit", &["0.0", "-1.0", "nan", "inf"]),
        ("large_lesions", &["0.0", "-1.0", "nan", "inf", "1e300"]),
        ("generated_share", &["-0.1", "1.4", "nan"]),
        ("pose_noise", &["[-0.1, 0.5, 0.1]", "[0.1, nan, 0.1]", "[0.1, 0.5, inf]"]),
        ("epoch", &["0"]),
        ("validation", &["0"]),
        ("checkpoint", &["0"]),
        ("method.sgd.momentum", &["-0.1", "1.0", "nan"]),
        ("method.sgd.weight_decay", &["-0.1", "nan", "inf"]),
        ("method.adam-w.weight_decay", &["-0.1", "nan", "inf"]),
        ("augmentation.box_scale", &["[2.5, 2.0]", "[0.0, 2.0]", "[2.0, 3.1]", "[nan, 2.0]"]),
        ("augmentation.careless", &["-0.1", "1.1", "nan"]),
        ("augmentation.careless_scale", &["[3.0, 1.3]", "[-1.0, 2.0]", "[1.3, inf]"]),
        ("augmentation.box_offset", &["-0.1", "0.3", "nan"]),
        ("augmentation.windowed", &["50.0", "-0.1", "nan"]),
        ("augmentation.gamma", &["[1.4, 0.7]", "[0.0, 1.0]", "[-1.0, 1.0]", "[0.7, inf]", "[nan, nan]"]),
        ("augmentation.gain", &["[1.15, 0.85]", "[0.0, 1.0]", "[0.85, 1e300]"]),
        ("augmentation.offset", &["-0.1", "1.1", "inf"]),
        ("augmentation.blur", &["[1.1, 1.2]", "[-0.1, 1.2]", "[0.2, -1.0]", "[0.2, 1.6]", "[0.2, nan]"]),
        ("augmentation.noise", &["-0.1", "1.1", "nan"]),
        ("stages[].average", &["16777215"]),
        ("stages[].schedule.cosine.rate", &["0.0", "-1.0", "nan", "inf"]),
        ("stages[].schedule.cosine.steps", &["16777216"]),
        ("stages[].schedule.cosine.warm_up", &["16777215"]),
        ("stages[].schedule.plateau.rate", &["0.0", "-1.0", "nan", "inf"]),
        ("stages[].schedule.plateau.patience", &["0"]),
        ("stages[].schedule.plateau.divisions", &["0"]),
        ("stages[].loss.pose", &["[-1.0, 0.0, 0.0]", "[0.0, nan, 0.0]", "[0.0, 0.0, inf]"]),
        ("stages[].loss.mask", &["-1.0", "nan", "inf"]),
        ("stages[].loss.heatmaps", &["-1.0", "nan", "inf"]),
        ("stages[].loss.cosine", &["-1.0", "nan", "inf"]),
        ("stages[].loss.ends", &["-1.0", "nan", "inf"]),
        ("stages[].loss.lengths", &["-1.0", "nan", "inf"]),
    ];

    /// Calls `visit` with every number of a configuration, and with its name.
    fn numbers(value: &mut Value, name: &str, visit: &mut impl FnMut(&str, &mut Value)) {
        match value {
            Value::Table(table) => {
                for (key, value) in table.iter_mut() {
                    let dot = if name.is_empty() { "" } else { "." };
                    numbers(value, &format!("{name}{dot}{key}"), visit);
                }
            }
            Value::Array(stages) if stages.iter().all(Value::is_table) => {
                for (number, stage) in stages.iter_mut().enumerate() {
                    numbers(stage, &format!("{name}[{number}]"), visit);
                }
            }
            Value::String(_) | Value::Boolean(_) => {}
            _ => visit(name, value),
        }
    }

    /// The configuration of `text` with one number replaced.
    fn with(text: &str, name: &str, value: &str) -> Result<Configuration, ConfigurationError> {
        let mut all = Value::Table(text.parse().unwrap());
        let wrong: Table = format!("wrong = {value}").parse().unwrap();
        numbers(&mut all, "", &mut |found, number| {
            if found == name {
                *number = wrong["wrong"].clone();
            }
        });
        Configuration::from_toml(&toml::to_string(&all).unwrap())
    }

    #[test]
    fn no_number_of_a_configuration_goes_unchecked() {
        for (preset, _) in Configuration::PRESETS {
            let text = Configuration::open(preset).unwrap().to_toml();
            let mut names = Vec::new();
            numbers(&mut Value::Table(text.parse().unwrap()), "", &mut |name, _| names.push(name.to_owned()));
            assert!(names.len() > 40, "{preset}: {names:?}");
            for name in names {
                let anywhere: String = name.chars().filter(|c| !c.is_ascii_digit()).collect();
                let found = WRONG.iter().find(|(known, _)| *known == anywhere);
                let (_, values) = found.unwrap_or_else(|| panic!("{preset}: {name} can have any value"));
                for value in *values {
                    let error = with(&text, &name, value).unwrap_err().to_string();
                    let told = format!("training configuration: {name} = {value} ");
                    assert!(error.to_lowercase().starts_with(&told), "{preset}: {told}: {error}");
                }
            }
        }
    }

    #[test]
    fn the_ends_of_the_ranges_are_allowed() {
        let text = Configuration::open("edge").unwrap().to_toml();
        for (name, value) in [
            ("batch", "65536"),
            ("generated_share", "1.0"),
            ("pose_noise", "[0.0, 0.0, 0.0]"),
            ("augmentation.windowed", "0.0"),
            ("augmentation.gamma", "[1.0, 1.0]"),
            ("augmentation.blur", "[1.0, 1.5]"),
            ("augmentation.offset", "0.0"),
            ("stages[0].schedule.cosine.steps", "16777215"),
            ("stages[0].average", "6000"),
        ] {
            assert!(
                with(&text, name, value).is_ok_and(|changed| changed.to_toml() != text),
                "{name} = {value}"
            );
        }
    }

    #[test]
    fn a_fixed_pose_goes_with_the_hourglass_alone() {
        let text =
            Configuration::open("edge").unwrap().to_toml().replace("fixed_pose = false", "fixed_pose = true");
        let error = Configuration::from_toml(&text).unwrap_err().to_string();
        assert!(error.contains("stages[0].stage = \"stn\" trains the localization network"), "{error}");
    }
    #[test]
    fn a_stage_has_losses_of_what_it_trains_and_no_others() {
        let stage = |stage, loss| StageConfiguration {
            stage,
            schedule: Schedule::Cosine { rate: 1e-3, steps: 10, warm_up: 0 },
            loss,
            average: 0,
        };
        let none = LossWeights::default();
        let (mask, pose) = (LossWeights { mask: 1.0, ..none }, LossWeights { pose: [0.0, 1.0, 0.0], ..none });
        let (heatmaps, ends) = (LossWeights { heatmaps: 1.0, ..none }, LossWeights { ends: 1.0, ..none });
        for (what, loss, wrong) in [
            (Stage::Stn, mask, None),
            (Stage::Stn, pose, None),
            (Stage::Stn, heatmaps, Some("weighs what a stage stn does not train")),
            (Stage::Stn, none, Some("teaches a stage stn nothing")),
            (Stage::Shn, ends, None),
            (
                Stage::Shn,
                LossWeights { heatmaps: 1.0, ..mask },
                Some("weighs what a stage shn does not train"),
            ),
            (Stage::Shn, none, Some("teaches a stage shn nothing")),
            (Stage::Joint, ends, None),
            (Stage::Joint, LossWeights { heatmaps: 1.0, ..mask }, None),
            (Stage::Joint, none, Some("teaches a stage joint nothing")),
        ] {
            let checked = check_stage("stages[3]", &stage(what, loss)).map_err(|error| error.to_string());
            match (wrong, checked) {
                (None, checked) => assert_eq!(checked, Ok(()), "{what} {loss:?}"),
                (Some(wrong), checked) => {
                    let error = checked.unwrap_err();
                    assert!(error.contains("stages[3].loss = ") && error.contains(wrong), "{error}");
                }
            }
        }
    }
}

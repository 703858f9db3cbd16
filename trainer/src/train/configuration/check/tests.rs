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
    ("stages[].average", &["1", "10", "19", "16777215"]),
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
        ("stages[0].average", "20"),
        ("stages[0].average", "6000"),
    ] {
        assert!(with(&text, name, value).is_ok_and(|changed| changed.to_toml() != text), "{name} = {value}");
    }
}

#[test]
fn stages_without_a_single_step_are_no_training() {
    let mut configuration = Configuration::open("edge").unwrap();
    let mut shorten = |stages: std::ops::Range<usize>| {
        for StageConfiguration { schedule, average, .. } in &mut configuration.stages[stages] {
            (*schedule, *average) = (Schedule::Cosine { rate: 1e-3, steps: 0, warm_up: 0 }, 0);
        }
        Configuration::from_toml(&configuration.to_toml())
    };
    shorten(1..5).unwrap();
    let error = shorten(0..1).unwrap_err().to_string();
    assert!(error.contains("stages[0].schedule.cosine.steps = 0 is as in every stage"), "{error}");
}

#[test]
fn a_fixed_pose_goes_with_stages_shn_alone() {
    let shn = StageConfiguration {
        stage: Stage::Shn,
        schedule: Schedule::Cosine { rate: 1e-3, steps: 10, warm_up: 0 },
        loss: LossWeights { heatmaps: 1.0, ..LossWeights::default() },
        average: 0,
    };
    for stage in [Stage::Stn, Stage::Follow, Stage::Joint] {
        let edge = Configuration::open("edge").unwrap();
        let fixed = |stage| Configuration {
            fixed_pose: true,
            stages: vec![shn.clone(), StageConfiguration { stage, ..shn.clone() }],
            ..edge.clone()
        };
        assert!(fixed(Stage::Shn).check().is_ok(), "the control");
        let error = fixed(stage).check().unwrap_err().to_string();
        assert!(error.contains(&format!("stages[1].stage = \"{stage}\" needs the localization")), "{error}");
    }
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
        (Stage::Shn, LossWeights { heatmaps: 1.0, ..mask }, Some("weighs what a stage shn does not train")),
        (Stage::Shn, none, Some("teaches a stage shn nothing")),
        (Stage::Follow, ends, None),
        (
            Stage::Follow,
            LossWeights { heatmaps: 1.0, ..pose },
            Some("weighs what a stage follow does not train"),
        ),
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

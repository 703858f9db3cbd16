//! What a training configuration leaves out is what README.md says.

use recist_tests::stated;
use recist_trainer::train::Configuration;
use toml::Table;

/// What no configuration can leave out.
const LEAST: &str = r#"
network = "edge"
batch = 4
epoch = 10
validation = 4
checkpoint = 10
method = { sgd = { momentum = 0.9, weight_decay = 0.0 } }

[[stages]]
stage = "stn"
schedule = { cosine = { rate = 1e-3, steps = 30, warm_up = 0 } }
loss = { mask = 1.0 }
"#;

#[test]
fn what_a_configuration_does_not_say_is_stated() {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("What a configuration does not say is this").unwrap();
    let is_block = |line: &&str| line.is_empty() || line.starts_with("    ");
    let block: Vec<&str> = rest.lines().skip_while(|line| !line.is_empty()).take_while(is_block).collect();
    let stated: Table = block.join("\n").parse().unwrap();

    let mut spelt_out: Table = Configuration::from_toml(LEAST).unwrap().to_toml().parse().unwrap();
    let said: Table = LEAST.parse().unwrap();
    spelt_out.retain(|key, _| !said.contains_key(key));
    assert_eq!(stated, spelt_out);
    assert!(!spelt_out.contains_key("gradient_limit"), "no limit");

    let stages = Configuration::from_toml(LEAST).unwrap().stages;
    assert_eq!((stages[0].average, stages[0].loss.heatmaps, stages[0].loss.pose), (0, 0.0, [0.0; 3]));
    assert!(
        stated::readme()
            .contains("of the losses of a stage it is 0, `average` too, and gradients have no limit")
    );
}

#[test]
fn a_value_of_another_type_is_told_in_a_users_words() {
    for (from, to, told) in [
        ("batch = 4", "batch = \"four\"", "expected a whole number"),
        ("batch = 4", "batch = -4", "expected a whole number"),
        ("epoch = 10", "epoch = 1.5", "expected a whole number"),
        ("mask = 1.0", "mask = \"much\"", "expected a number"),
    ] {
        let error = Configuration::from_toml(&LEAST.replace(from, to)).unwrap_err().to_string();
        assert!(error.contains(told), "{to}: {error}");
        assert!(!["usize", "u64", "f64"].iter().any(|kind| error.contains(kind)), "{error}");
    }
    Configuration::from_toml(LEAST).unwrap();
}

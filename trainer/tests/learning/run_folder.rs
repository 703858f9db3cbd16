//! What a run's folder holds, refuses and guards.

use std::path::Path;

use recist::image::PATCH_SIZE;
use recist_trainer::autodiff;
use recist_trainer::data::Pack;
use recist_trainer::network::{Localization, Network};
use recist_trainer::train::{Configuration, Run, Start};
use recist_trainer::weights::Weights;

use super::{NETWORK, configuration, pack};

#[test]
fn weights_that_do_not_fit_are_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let packs = [Pack::open(&pack(folder.path(), 4)).unwrap()];
    let out = folder.path().join("run");
    let open = |start: Start<'_>, resume| {
        let configuration =
            Configuration::from_toml(&configuration(4, &[("stn", 9)], "epoch = 1\ncheckpoint = 1"));
        Run::open(&out, configuration.unwrap(), &packs, start, resume)
    };
    let [localization, hourglass] = Network::open(NETWORK).unwrap().graphs(PATCH_SIZE).unwrap();
    let fitting = Weights::of_networks([
        Localization::initialise(&localization, 9),
        Weights::initialise(&hourglass, 9),
    ]);
    let mut half = fitting.clone();
    drop(half.take("hourglass."));
    let [good, wrong, missing] =
        ["good.safetensors", "wrong.safetensors", "missing.safetensors"].map(|name| folder.path().join(name));
    fitting.write(&good).unwrap();
    half.write(&wrong).unwrap();

    let error = open(Start::Weights(&wrong), false).unwrap_err().to_string();
    assert!(error.contains("wrong.safetensors") && error.contains("(in hourglass.*)"), "{error}");
    assert!(open(Start::Weights(&missing), false).unwrap_err().to_string().contains("missing.safetensors"));
    assert!(!out.exists(), "nothing was written");
    open(Start::Weights(&good), false).unwrap();
    assert_eq!(Weights::read(&out.join("start.safetensors")).unwrap(), fitting, "control");
    let error = open(Start::Weights(&good), true).unwrap_err().to_string();
    assert!(error.contains("without --from"), "{error}");
    open(Start::Fresh, true).unwrap();
}

#[test]
fn a_start_that_failed_leaves_nothing_that_the_next_one_begins_with() {
    let folder = tempfile::tempdir().unwrap();
    let packs = [Pack::open(&pack(folder.path(), 4)).unwrap()];
    let out = folder.path().join("run");
    let text = configuration(2, &[("stn", 5)], "epoch = 2\ncheckpoint = 3");
    let open = |text: &str, resume| {
        let configuration = Configuration::from_toml(text).unwrap();
        Run::open(&out, configuration, &packs, Start::Fresh, resume).map(drop).map_err(|e| e.to_string())
    };
    let wrong = folder.path().join("wrong.toml");
    std::fs::write(&wrong, std::fs::read_to_string(NETWORK).unwrap().replace("heatmap = 32", "heatmap = 48"))
        .unwrap();
    let error = open(&text.replace(NETWORK, wrong.to_str().unwrap()), false).unwrap_err();
    assert!(error.contains("heatmaps of 48 pixels") && !out.exists(), "{error}");

    // What a start with --from leaves that ends before the folder holds a run.
    std::fs::create_dir_all(&out).unwrap();
    for name in ["start.safetensors", "configuration.toml.partial", "lock"] {
        std::fs::write(out.join(name), "left over").unwrap();
    }
    open(&text, false).unwrap();
    assert!(!out.join("start.safetensors").exists());
    std::fs::write(out.join("checkpoint.safetensors"), "of the run").unwrap();
    open(&text, true).unwrap();
    assert!(out.join("checkpoint.safetensors").exists(), "control: a run keeps its own");
}

#[test]
fn what_is_no_run_is_neither_overwritten_nor_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let packs = [Pack::open(&pack(folder.path(), 4)).unwrap()];
    let text = configuration(2, &[("stn", 5)], "epoch = 2\ncheckpoint = 3");
    let open = |out: &Path, resume| {
        let configuration = Configuration::from_toml(&text).unwrap();
        Run::open(out, configuration, &packs, Start::Fresh, resume).map(drop).map_err(|e| e.to_string())
    };
    let no_run = "holds no run, as data.txt is not there";
    for (name, told) in [
        ("weights.safetensors", no_run),
        ("checkpoint.safetensors", no_run),
        ("metrics.jsonl", no_run),
        ("configuration.toml", "a run would replace it by another one: move it away"),
        ("network.toml", "a run would replace it by another one: move it away"),
    ] {
        let out = folder.path().join(name.split('.').next().unwrap());
        std::fs::create_dir(&out).unwrap();
        std::fs::write(out.join(name), "of days of training").unwrap();
        let error = open(&out, false).unwrap_err();
        assert!(error.contains(told) && error.contains(name), "{error}");
        assert!(open(&out, true).unwrap_err().contains(no_run), "{name}: --resume");
        assert_eq!(std::fs::read(out.join(name)).unwrap(), b"of days of training");
        std::fs::remove_file(out.join(name)).unwrap();
        open(&out, false).unwrap();
    }
    let missing = folder.path().join("missing");
    assert!(open(&missing, true).unwrap_err().contains(no_run));
    assert!(!missing.exists(), "a slip in a folder's name leaves nothing");
    let error = Run::packs(&missing).unwrap_err().to_string();
    assert!(error.starts_with(missing.to_str().unwrap()) && error.contains(no_run), "{error}");
}

#[test]
fn a_folder_has_one_training_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let packs = [Pack::open(&pack(folder.path(), 4)).unwrap()];
    let out = folder.path().join("run");
    let open = |resume| {
        let text = configuration(2, &[("stn", 5)], "epoch = 2\ncheckpoint = 3");
        Run::open(&out, Configuration::from_toml(&text).unwrap(), &packs, Start::Fresh, resume)
    };
    let first = open(false).unwrap();
    let error = open(true).unwrap_err().to_string();
    assert!(error.contains("another process is training in it"), "{error}");
    drop(first);
    open(true).unwrap();
}

#[test]
fn a_run_is_resumed_by_its_own_configuration_with_any_number_of_loaders() {
    let folder = tempfile::tempdir().unwrap();
    let packs = [Pack::open(&pack(folder.path(), 4)).unwrap()];
    let out = folder.path().join("run");
    let text = configuration(2, &[("stn", 5), ("shn", 5)], "epoch = 2\ncheckpoint = 3\nloaders = 2");
    let open = |text: &str, packs: &[Pack], resume| {
        let configuration = Configuration::from_toml(text).unwrap();
        Run::open(&out, configuration, packs, Start::Fresh, resume).map(drop).map_err(|e| e.to_string())
    };
    open(&text, &packs, false).unwrap();
    open(&text.replace("loaders = 2", "loaders = 7"), &packs, true).unwrap();
    for (from, to, told) in [
        ("batch = 2", "batch = 3", "started with `batch = 2`, not `batch = 3`"),
        ("heatmaps = 100.0", "heatmaps = 99.5", "started with `heatmaps = 100.0`, not `heatmaps = 99.5`"),
    ] {
        let error = open(&text.replace(from, to), &packs, true).unwrap_err();
        assert!(error.contains("/configuration.toml: line ") && error.contains(told), "{error}");
    }
    let twice = [(); 2].map(|()| Pack::open(packs[0].path()).unwrap());
    let error = open(&text, &twice, true).unwrap_err();
    assert!(error.contains("/data.txt: line 2: the run was started with nothing more, not `"), "{error}");
}

#[test]
fn a_file_of_a_run_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let packs = [Pack::open(&pack(folder.path(), 4)).unwrap()];
    let text = configuration(2, &[("shn", 5)], "epoch = 2\ncheckpoint = 3");
    for name in ["metrics.jsonl", "checkpoint.safetensors", "weights.safetensors", "pictures/0-0000002.png"] {
        let out = folder.path().join(name.split(['/', '.']).next().unwrap());
        let configuration = Configuration::from_toml(&text).unwrap();
        let run = Run::open(&out, configuration, &packs, Start::Fresh, false).unwrap();
        std::fs::create_dir_all(out.join(name)).unwrap();
        let error = run.train(&autodiff::cpu(), |_| ()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{}: ", out.join(name).display())), "{name}: {error}");
    }
}

#[test]
fn a_network_file_is_found_beside_its_configuration_and_a_run_holds_both() {
    let folder = tempfile::tempdir().unwrap();
    let packs = [Pack::open(&pack(folder.path(), 4)).unwrap()];
    let [config, network, out, moved] =
        ["config.toml", "networks/tiny.toml", "run", "moved"].map(|name| folder.path().join(name));
    let text = configuration(2, &[("stn", 5)], "epoch = 2\ncheckpoint = 3");
    std::fs::write(&config, text.replace(NETWORK, "networks/tiny.toml")).unwrap();
    std::fs::create_dir(network.parent().unwrap()).unwrap();
    std::fs::copy(NETWORK, &network).unwrap();
    let open = |config: &Path, run: &Path, resume| {
        let configuration = Configuration::open(config.to_str().unwrap()).unwrap();
        Run::open(run, configuration, &packs, Start::Fresh, resume).map(drop).map_err(|e| e.to_string())
    };
    open(&config, &out, false).unwrap();
    open(&config, &out, true).unwrap();
    std::fs::rename(&out, &moved).unwrap();
    std::fs::remove_file(&network).unwrap();
    open(&moved.join("configuration.toml"), &moved, true).unwrap();
    let error = open(&config, &moved, true).unwrap_err();
    assert!(error.contains(network.to_str().unwrap()), "{error}");
}

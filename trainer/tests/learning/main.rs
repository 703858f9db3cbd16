//! A small network learns phantoms, and learns the same whatever happens to the process.

mod run_folder;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use recist::image::PATCH_SIZE;
use recist_trainer::autodiff;
use recist_trainer::data::{Pack, PackWriter, Split, phantom};
use recist_trainer::network::{Localization, Network, TRUNK};
use recist_trainer::train::{
    Configuration, Outcome, Run, RunError, Schedule, Stage, StageConfiguration, Start, knows_mask,
};
use recist_trainer::weights::Weights;

const NETWORK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tiny.toml");

fn configuration(batch: usize, stages: &[(&str, u64)], rest: &str) -> String {
    let mut text = format!(
        "network = {NETWORK:?}\nbatch = {batch}\ngradient_limit = 5.0\nvalidation = 48\n{rest}\n\
         [method.adam-w]\nweight_decay = 1e-3\n"
    );
    for (stage, steps) in stages {
        text += &format!(
            "[[stages]]\nstage = {stage:?}\nschedule = {{ cosine = {{ rate = 4e-3, steps = {steps}, warm_up = 5 }} }}\n\
             loss = {{ {} }}\n",
            loss(stage)
        );
    }
    text
}

fn loss(stage: &str) -> String {
    let (localization, hourglass) =
        ("mask = 20.0, pose = [10.0, 0.5, 5.0]", "heatmaps = 100.0, cosine = 0.05");
    match stage {
        "stn" => localization.to_owned(),
        "shn" | "follow" => hourglass.to_owned(),
        _ => format!("{localization}, {hourglass}"),
    }
}

/// A pack with each phantom twice: to train on, and to see how much of it was learnt.
fn pack(folder: &Path, count: u64) -> PathBuf {
    let path = folder.join("phantoms.pack");
    let mut writer = PackWriter::open(&path, "test").unwrap();
    for index in 0..count {
        let mut phantom = phantom(5, index, None);
        for split in [Split::Train, Split::Val] {
            phantom.lesion.split = split;
            // Two patients: none may be in two splits.
            phantom.lesion.patient = format!("{index} of {split}");
            writer.append(phantom.clone()).unwrap();
        }
    }
    writer.finish().unwrap();
    path
}

#[test]
fn a_tiny_network_learns_phantoms() {
    let folder = tempfile::tempdir().unwrap();
    let packs = [Pack::open(&pack(folder.path(), 24)).unwrap()];
    let stages = [("stn", 400), ("shn", 800), ("joint", 100)];
    let rest = "epoch = 100\ncheckpoint = 1000\npose_noise = [0.03, 0.2, 0.06]\n\
                augmentation = { box_scale = [2.0, 2.5], careless = 0.0, turn = false, noise = 0.01, blur = [0.0, 0.0] }";
    let configuration = Configuration::from_toml(&configuration(12, &stages, rest)).unwrap();
    let run = Run::open(&folder.path().join("run"), configuration, &packs, Start::Fresh, false).unwrap();
    let mut validations: Vec<(Stage, f64, Option<f64>)> = Vec::new();
    run.train(&autodiff::cpu(), |outcome| {
        if let Outcome::Validation { stage, validation, .. } = outcome {
            let ends = validation.errors.map(|errors| (errors.mean.long_ends + errors.mean.short_ends) / 2.0);
            println!("{} {:?} {:?} refused {}", stage.1, validation.losses, ends, validation.refused);
            validations.push((stage.1, validation.losses.sum(), ends));
        }
    })
    .unwrap();
    for (stage, share) in [(Stage::Stn, 0.7), (Stage::Shn, 0.7)] {
        let losses: Vec<f64> = validations.iter().filter(|v| v.0 == stage).map(|v| v.1).collect();
        assert!(losses[losses.len() - 1] < share * losses[0], "{stage}: {losses:?}");
    }
    let last = validations.last().unwrap();
    assert!(last.2.is_some_and(|millimetres| millimetres < 2.0), "{last:?}");
}

#[test]
fn an_hourglass_follows_a_localization_network_that_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let packs = [Pack::open(&pack(folder.path(), 4)).unwrap()];
    let trained = |stage: &str, start| {
        let configuration =
            Configuration::from_toml(&configuration(4, &[(stage, 6)], "epoch = 6\ncheckpoint = 6")).unwrap();
        let folder = folder.path().join(stage);
        let run = Run::open(&folder, configuration, &packs, start, false).unwrap();
        run.train(&autodiff::cpu(), |_| ()).unwrap();
        let path = folder.join("weights.safetensors");
        (Weights::read(&path).unwrap().into_networks(), path)
    };
    let ([localization, hourglass], start) = trained("stn", Start::Fresh);
    let ([followed, learnt], _) = trained("follow", Start::Weights(&start));
    assert!(followed == localization && learnt != hourglass);
    let ([moved, _], _) = trained("joint", Start::Weights(&start));
    assert!(moved != localization, "the control");
}

/// Trains a preset for `steps` steps of each of its stages.
fn begin(configuration: Configuration, steps: u64, packs: &[Pack], folder: &Path) -> Result<(), RunError> {
    let mut short = Configuration { batch: 2, loaders: 1, epoch: steps, validation: 2, ..configuration };
    for StageConfiguration { schedule, average, .. } in &mut short.stages {
        let (Schedule::Cosine { rate, .. } | Schedule::Plateau { rate, .. }) = *schedule;
        (*schedule, *average) = (Schedule::Cosine { rate, steps, warm_up: 0 }, 0);
    }
    Run::open(folder, short, packs, Start::Fresh, false)?.train(&autodiff::cpu(), |_| ()).map(drop)
}

/// The paper's rate without a limit gave numbers that were not finite in the third step of the hourglass.
#[test]
fn every_stage_of_every_preset_begins_with_finite_losses() {
    let folder = tempfile::tempdir().unwrap();
    let packs = [Pack::open(&pack(folder.path(), 4)).unwrap()];
    for (name, _) in Configuration::PRESETS {
        let configuration = Configuration::open(name).unwrap();
        begin(configuration, 3, &packs, &folder.path().join(name)).unwrap();
    }
    let mut unlimited = Configuration { gradient_limit: None, ..Configuration::open("paper").unwrap() };
    unlimited.stages.retain(|stage| stage.stage == Stage::Shn);
    let error = begin(unlimited, 5, &packs, &folder.path().join("unlimited")).unwrap_err().to_string();
    let told = [
        "stage 1 of 1 (shn), step ",
        ", rate 1.8e-4: the training has diverged: the loss is ",
        "; a smaller rate, or a smaller gradient_limit, ",
    ];
    assert!(
        told.iter().all(|part| error.contains(part)) && !error.contains("device"),
        "the control: {error}"
    );
}

#[test]
fn a_run_starts_with_the_trunk_of_a_resnet_in_torchvisions_names() {
    let folder = tempfile::tempdir().unwrap();
    let packs = [Pack::open(&pack(folder.path(), 4)).unwrap()];
    let open = |name: &str, resnet: &Path| {
        let configuration =
            Configuration::from_toml(&configuration(4, &[("stn", 9)], "epoch = 1\ncheckpoint = 1"));
        Run::open(&folder.path().join(name), configuration.unwrap(), &packs, Start::ResNet(resnet), false)
    };
    let graph = Network::open(NETWORK).unwrap().localization.graph(PATCH_SIZE).unwrap();
    let mut resnet = Localization::initialise(&graph, 9).take(&format!("{TRUNK}."));
    let file = folder.path().join("resnet.safetensors");
    resnet.write(&file).unwrap();
    let started =
        |name: &str| Weights::read(&folder.path().join(name).join("start-resnet.safetensors")).unwrap();
    open("run", &file).unwrap();
    let trunk = started("run").take(&format!("localization.{TRUNK}."));
    assert!(trunk.iter().eq(resnet.iter()), "the trunk is the file's");
    let rest = Localization::initialise(&graph, 0);
    let head = rest.iter().find(|(name, _)| !name.starts_with(TRUNK)).unwrap();
    assert_eq!(started("run").get(&format!("localization.{}", head.0)), Some(head.1), "the rest is fresh");

    let shape = resnet.get("bn1.weight").unwrap().shape().to_vec();
    resnet.remove("bn1.weight", &shape).unwrap();
    resnet.write(&file).unwrap();
    let error = open("other", &file).unwrap_err().to_string();
    assert!(error.contains("resnet.safetensors") && error.contains("bn1.weight"), "{error}");
}

#[test]
fn a_run_that_goes_on_from_another_runs_weights_knows_their_mask() {
    let folder = tempfile::tempdir().unwrap();
    let packs = [Pack::open(&pack(folder.path(), 4)).unwrap()];
    let [localization, hourglass] = Network::open(NETWORK).unwrap().graphs(PATCH_SIZE).unwrap();
    let resnet = Localization::initialise(&localization, 9).take(&format!("{TRUNK}."));
    let whole = Weights::of_networks([
        Localization::initialise(&localization, 9),
        Weights::initialise(&hourglass, 9),
    ]);
    let [resnet_file, whole_file] = ["resnet", "whole"].map(|name| folder.path().join(name));
    resnet.write(&resnet_file).unwrap();
    whole.write(&whole_file).unwrap();
    for (stage, start, knows) in [
        ("shn", Start::Weights(&whole_file), true),
        ("shn", Start::ResNet(&resnet_file), false),
        ("shn", Start::Fresh, false),
        ("stn", Start::Fresh, true),
    ] {
        let text = configuration(4, &[(stage, 9)], "epoch = 1\ncheckpoint = 1");
        let configuration = Configuration::from_toml(&text).unwrap();
        let out = folder.path().join(format!("{stage}-{knows}-{start:?}").replace('/', "-"));
        Run::open(&out, configuration.clone(), &packs, start, false).unwrap();
        assert_eq!(knows_mask(&out, &configuration), knows, "{stage} {start:?}");
    }
}

#[test]
fn a_device_that_is_not_there_leaves_no_run_behind() {
    let folder = tempfile::tempdir().unwrap();
    let pack = pack(folder.path(), 20);
    let out = folder.path().join("run");
    for (device, want) in [
        (&["--device", "gpu"][..], "\"gpu\" is no device: cpu or cuda"),
        (&["--tf32"][..], "--tf32 is for --device cuda"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_recist-train"));
        command.arg("train").arg("--data").arg(&pack).args(["--config", "edge"]).arg("--out").arg(&out);
        let output = command.args(device).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(want), "{error}");
        assert!(!out.exists(), "{device:?}");
    }
}

#[test]
fn a_run_whose_lines_nobody_reads_trains_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let pack = pack(folder.path(), 20);
    let (config, out) = (folder.path().join("config.toml"), folder.path().join("run"));
    std::fs::write(&config, configuration(4, &[("stn", 6), ("shn", 6)], "epoch = 2\ncheckpoint = 3"))
        .unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_recist-train"));
    command.arg("train").arg("--data").arg(&pack).arg("--config").arg(&config).arg("--out").arg(&out);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    assert!(child.wait().unwrap().success());
    assert!(out.join("weights.safetensors").exists());

    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut help = Command::new(env!("CARGO_BIN_EXE_recist-train"));
    let status = help.arg("--help").stdout(full()).stderr(full()).status().unwrap();
    assert_eq!(status.code(), Some(1));
}

#[test]
fn a_killed_run_resumes_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let pack = pack(folder.path(), 40);
    let config = folder.path().join("config.toml");
    let stages = [("stn", 14), ("shn", 14), ("joint", 22)];
    let averaged = configuration(4, &stages, "epoch = 7\ncheckpoint = 2\nloaders = 2") + "average = 20\n";
    std::fs::write(&config, &averaged).unwrap();
    let train = |out: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_recist-train"));
        command.arg("train").arg("--config").arg(&config).arg("--out").arg(out);
        // A run knows its packs, from any folder.
        if out.join("data.txt").exists() {
            command.arg("--resume");
        } else {
            command.arg("--data").arg(pack.file_name().unwrap()).current_dir(&folder);
        }
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let [undisturbed, killed] = ["undisturbed", "killed"].map(|name| folder.path().join(name));
    assert!(train(&undisturbed).status().unwrap().success());
    let weights = |run: &Path| std::fs::read(run.join("weights.safetensors"));
    let expected = weights(&undisturbed).unwrap();

    let mut kills = 0;
    for wait in (1..).map(|attempt| Duration::from_millis(100 + 30 * attempt + attempt * 71 % 50)) {
        let mut child = train(&killed).spawn().unwrap();
        std::thread::sleep(wait);
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        assert!(kills < 200, "it gets on between two kills");
    }
    println!("killed {kills} times");
    assert!(kills > 2);
    assert!(weights(&killed).unwrap() == expected, "the same bits");
    let metrics = |run: &Path| std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    assert_eq!(metrics(&killed), metrics(&undisturbed));

    std::fs::write(&config, averaged.replace("average = 20", "average = 0")).unwrap();
    let last = folder.path().join("last");
    assert!(train(&last).status().unwrap().success());
    assert!(weights(&last).unwrap() != expected, "the average is not the last step's weights");

    let other = averaged.replace("batch = 4", "batch = 5");
    std::fs::write(&config, other).unwrap();
    assert!(!train(&killed).status().unwrap().success(), "another configuration is another run");
}

//! What the networks of the presets ask of a device's memory.

#![allow(unsafe_code, reason = "asks the C interface")]

use recist::bundle::{self, AlignedBytes, Bundle, Description, Parts};
use recist::engine::compile;
use recist::ffi::recist_memory_required;
use recist::image::PATCH_SIZE;
use recist_tests::stated::{is_stated, readme};
use recist_trainer::graph::Graph;
use recist_trainer::network::{Localization, Network};
use recist_trainer::quantise::{fold, lower};
use recist_trainer::weights::Weights;

/// A bundle of a preset's networks, untrained: what weights and ranges are does not change how large they are.
fn untrained(preset: &str) -> Vec<u8> {
    let network = Network::open(preset).unwrap();
    let [localization, hourglass] = network.graphs(PATCH_SIZE).unwrap();
    let plan = |graph: &Graph, weights: &Weights, last: bool| {
        let mut folded = fold(graph, weights).unwrap();
        if last {
            let heatmaps = *folded.graph.outputs().last().unwrap();
            folded.graph = folded.graph.clone().with_outputs(&[heatmaps]);
        }
        let ranges = vec![(0.0, 1.0); folded.graph.nodes().len()];
        compile(&lower(&folded, &ranges).unwrap().network).unwrap()
    };
    let localization = plan(&localization, &Localization::initialise(&localization, 1), false);
    let hourglass = plan(&hourglass, &Weights::initialise(&hourglass, 2), true);
    let heatmap_size = network.hourglass.heatmap.to_string();
    let manifest = Description { name: preset, heatmap_size: &heatmap_size, ..Description::NONE }.lines();
    let parts =
        Parts { manifest: &manifest, localization: &localization, hourglass: &hourglass, test_vectors: &[] };
    bundle::write(&parts).unwrap()
}

/// What a preset's networks take, in bytes.
#[derive(Clone, Copy, Debug)]
struct Stated {
    preset: &'static str,
    bundle: usize,
    /// The plans of localization and hourglass, which the bundle holds.
    plans: [usize; 2],
    block: usize,
}

/// Changed only with the change that needs it, and README.md with them.
const STATED: [Stated; 2] = [
    Stated { preset: "edge", bundle: 1_408_352, plans: [735_936, 671_936], block: 500_352 },
    Stated { preset: "paper", bundle: 31_994_208, plans: [26_771_008, 5_222_720], block: 1_282_624 },
];

#[test]
fn each_presets_bundle_plans_and_block_have_the_stated_sizes() {
    for stated in STATED {
        let bytes = AlignedBytes::copy_of(&untrained(stated.preset));
        let bytes = bytes.as_slice();
        let (mut block, mut alignment) = (0, 0);
        // SAFETY: the bundle and both outputs are valid.
        let status =
            unsafe { recist_memory_required(bytes.as_ptr().cast(), bytes.len(), &mut block, &mut alignment) };
        assert_eq!(status, 0, "{stated:?}");
        let bundle = Bundle::open(bytes).unwrap();
        let plans = [bundle.localization(), bundle.hourglass()].map(<[u8]>::len);
        let found = Stated { preset: stated.preset, bundle: bytes.len(), plans, block };
        println!("{found:?}");
        let sizes = |of: Stated| [of.bundle, of.plans[0], of.plans[1], of.block];
        assert!(
            sizes(found).iter().zip(sizes(stated)).all(|(&found, size)| is_stated(found, size)),
            "{found:?} is not {stated:?}"
        );
    }
    let [_, paper] = STATED;
    assert!(
        !is_stated(2 * paper.block, paper.block) && !is_stated(paper.block / 2, paper.block),
        "the control"
    );
    let sentence = format!(
        "for `paper` (untrained) a bundle of {:.1} MB and a block of {},{:03},{:03} bytes",
        paper.bundle as f64 / 1e6,
        paper.block / 1_000_000,
        paper.block / 1000 % 1000,
        paper.block % 1000
    );
    assert!(readme().contains(&sentence), "{sentence}");
}

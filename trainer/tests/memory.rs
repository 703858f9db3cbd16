//! What the networks of the presets ask of a device's memory.

#![allow(unsafe_code, reason = "asks the C interface")]

use recist::bundle::{self, AlignedBytes, Description, Parts};
use recist::engine::compile;
use recist::ffi::recist_memory_required;
use recist::image::PATCH_SIZE;
use recist_trainer::graph::Graph;
use recist_trainer::network::{Localization, Network};
use recist_trainer::quantise::{fold, lower};
use recist_trainer::weights::Weights;

const MIB: usize = 1 << 20;

/// A bundle of a preset's networks, untrained: what weights and ranges are does not change how large they are.
fn untrained(preset: &str) -> Vec<u8> {
    let network = Network::open(preset).unwrap();
    let localization = network.localization.graph(PATCH_SIZE).unwrap();
    let hourglass = network.hourglass.graph(PATCH_SIZE).unwrap();
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

/// Preset, and the most bytes of its bundle and of its block.
const BOUNDS: [(&str, usize, usize); 2] = [("edge", 2 * MIB, MIB), ("paper", 40 * MIB, 3 * MIB)];

#[test]
fn each_presets_bundle_and_block_stay_within_their_bounds() {
    for (preset, most_bundle, most_block) in BOUNDS {
        let bundle = AlignedBytes::copy_of(&untrained(preset));
        let bytes = bundle.as_slice();
        let (mut block, mut alignment) = (0, 0);
        // SAFETY: the bundle and both outputs are valid.
        let status =
            unsafe { recist_memory_required(bytes.as_ptr().cast(), bytes.len(), &mut block, &mut alignment) };
        assert_eq!(status, 0, "{preset}");
        println!("{preset}: bundle {} bytes, block {block} bytes", bytes.len());
        assert!(bytes.len() <= most_bundle && block <= most_block, "{preset}: {} and {block}", bytes.len());
    }
}

//! The memory that the engine works in is a promise: the networks whose speed is stated keep to it.

#[path = "../../tests/peers/random_networks.rs"]
mod random_networks;

use recist::bundle::AlignedBytes;
use recist::engine::{Plan, compile};
use recist_trainer::graph::Summary;

const KIB: usize = 1024;

#[test]
fn the_workspaces_of_both_random_networks_keep_to_their_bounds() {
    let bounds = [("resnet50-pyramid", 1_528, 768 * KIB), ("hourglass", 215, 256 * KIB)];
    for (network, (name, expected_millions, bound)) in random_networks::random_networks(1).iter().zip(bounds)
    {
        let bytes = AlignedBytes::copy_of(&compile(&network.lowered.network).unwrap());
        let workspace = Plan::open(bytes.as_slice()).unwrap().workspace_bytes();
        let millions = Summary::of(&network.folded.graph).multiply_accumulates() / 1_000_000;
        println!("{name}: {millions} million multiply-accumulates, a workspace of {workspace} bytes");
        assert_eq!((network.name, millions), (name, expected_millions));
        assert!(workspace <= bound, "{name}: {workspace} bytes, the bound is {bound}");
    }
}

//! Writes the random networks for other engines: `cargo run --release -p recist-trainer --example
//! export_random_networks -- FOLDER` makes of each NAME.onnx (float32) and NAME.int8.onnx (what the engine
//! computes, with QuantizeLinear where it rounds).

#[path = "random_networks.rs"]
mod random_networks;

use std::path::PathBuf;

use recist_trainer::export::{float32, int8};

fn main() -> std::io::Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).expect("usage: export_random_networks FOLDER"));
    std::fs::create_dir_all(&folder)?;
    for network in random_networks::random_networks(8) {
        let (name, folded) = (network.name, &network.folded);
        std::fs::write(folder.join(format!("{name}.onnx")), float32(name, folded, &[]))?;
        let integers = int8(name, &folded.graph, &network.lowered, &[]);
        std::fs::write(folder.join(format!("{name}.int8.onnx")), integers)?;
    }
    Ok(())
}

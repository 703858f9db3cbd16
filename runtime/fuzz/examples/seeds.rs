//! Writes valid inputs for every fuzz target to start from: `seeds FOLDER` fills `FOLDER/TARGET`.

#[path = "../../tests/engine/networks.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod networks;
#[path = "../../tests/engine/random.rs"]
mod random;
#[path = "../../../tests/src/toy.rs"]
#[allow(dead_code, reason = "the bundle is all that is needed")]
mod toy;

use std::path::Path;

use random::Random;
use recist::engine::compile;

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).expect("usage: seeds FOLDER");
    plans(&Path::new(&folder).join("plan"))?;
    let bundles = Path::new(&folder).join("bundle");
    std::fs::create_dir_all(&bundles)?;
    std::fs::write(bundles.join("toy"), toy::bundle())
}

fn plans(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut random = Random(1);
    let networks: Vec<_> = (0..60).map(|_| networks::small(&mut random)).collect();
    for (i, network) in networks.iter().enumerate() {
        let plan = compile(network).expect("the network has a plan");
        std::fs::write(folder.join(format!("seed-{i}")), plan)?;
    }
    Ok(())
}

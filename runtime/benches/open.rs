//! Opening the shipped bundle, in memory and from its file, beside what else gives a cascade that runs: lowering
//! the quantised ONNX files and planning, and loading the float32 ones into tract (feature `onnx`):
//!
//!     cargo bench -p recist-runtime --features onnx --bench open

use std::path::{Path, PathBuf};

use divan::{Bencher, black_box};
use recist::bundle::{AlignedBytes, Bundle};
use recist::cascade::Plans;

fn main() {
    divan::main();
}

fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models").join(name)
}

fn plans(bytes: &AlignedBytes) -> usize {
    let bundle = Bundle::open(black_box(bytes.as_slice())).unwrap();
    Plans::open(&bundle).unwrap().workspace_bytes()
}

#[divan::bench]
fn bundle_in_memory(bencher: Bencher<'_, '_>) {
    let bytes = AlignedBytes::read(&model("edge.recist")).unwrap();
    bencher.bench_local(|| plans(&bytes));
}

#[divan::bench]
fn bundle_from_file(bencher: Bencher<'_, '_>) {
    let path = model("edge.recist");
    bencher.bench_local(|| plans(&AlignedBytes::read(&path).unwrap()));
}

#[cfg(feature = "onnx")]
mod onnx {
    use super::{Bencher, model};
    use recist::engine::compile;
    use recist::onnx::{TractModels, lower};

    fn files(kind: &str) -> [Vec<u8>; 2] {
        ["localization", "hourglass"].map(|name| std::fs::read(model(&format!("{name}.{kind}"))).unwrap())
    }

    #[divan::bench(sample_count = 10)]
    fn lower_and_plan(bencher: Bencher<'_, '_>) {
        let files = files("int8.onnx");
        bencher.bench_local(|| files.each_ref().map(|file| compile(&lower(file).unwrap()).unwrap()));
    }

    #[divan::bench(sample_count = 10)]
    fn float32_into_tract(bencher: Bencher<'_, '_>) {
        let [localization, hourglass] = files("onnx");
        bencher
            .bench_local(|| TractModels::float32(&localization, &hourglass).unwrap().cascade(0.5).unwrap());
    }
}

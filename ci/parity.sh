#!/usr/bin/env bash
# Exports a training run and compares every engine that can run the result: `ci/parity.sh --run RUN --out FOLDER`
# and further options of `recist-train export`. Without options it generates phantoms and trains the smallest
# network on them for a few steps first. Fails where the integer engine and the quantised files lowered through tract
# differ in a bit, where more than 0.5 % of the numbers are over one quantum from onnxruntime's, and where a flipped
# weight is not noticed. Needs Rust, Python 3 and a package index.
set -euo pipefail
from=$PWD
cd "$(dirname "$0")/.."
cargo build --release -p recist-trainer
python3 -m venv target/parity-venv
target/parity-venv/bin/pip install --quiet numpy onnx onnxruntime
if [ $# = 0 ]; then
    rm -rf target/parity && mkdir -p target/parity
    target/release/recist-train prepare --phantoms 200 --seed 7 --out target/parity/phantoms.pack
    target/release/recist-train train --data target/parity/phantoms.pack --config ci/parity.toml --out target/parity/run
    set -- --run "$PWD/target/parity/run" --out "$PWD/target/parity/model"
fi
built=$PWD/target
cd "$from"
"$built/release/recist-train" export --python "$built/parity-venv/bin/python" "$@"

#!/usr/bin/env bash
# Times a whole measurement with `edge` beside onnxruntime running the two networks alone, in turns, one thread.
# Needs Rust, Python 3 and a package index; run it on a machine that does nothing else.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release -p recist-runtime --bin recist
python3 -m venv target/peers
target/peers/bin/pip install --quiet onnxruntime numpy
target/peers/bin/python tests/peers/onnxruntime_edge.py target/release/recist models

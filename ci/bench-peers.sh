#!/usr/bin/env bash
# Times the integer engine beside onnxruntime, OpenVINO and tract, in turns, one thread: two networks with random
# weights, kernel by kernel, then a whole measurement with `edge` beside onnxruntime running its two networks.
# Needs Rust, Python 3 and a package index; run it on a machine that does nothing else.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release -p recist-trainer --example export_random_networks --example engine_peer
cargo build --release -p recist-runtime --bin recist
python3 -m venv target/peers-venv
target/peers-venv/bin/pip install --quiet onnx onnxruntime openvino tract numpy
target/release/examples/export_random_networks target/peers
target/peers-venv/bin/python tests/peers/peers.py target/release/examples/engine_peer target/peers
target/peers-venv/bin/python tests/peers/onnxruntime_edge.py target/release/recist models

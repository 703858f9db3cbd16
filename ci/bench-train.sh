#!/usr/bin/env bash
# Times a training pass of both presets (or of those named) beside PyTorch on the same shapes, in turns, with two threads and with one.
# Needs Rust, Python 3 and a package index; run it on a machine that does nothing else (about four minutes).
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release -p recist-trainer --bin recist-train
python3 -m venv target/torch-venv
target/torch-venv/bin/pip install --quiet torch numpy
target/torch-venv/bin/python tests/pytorch/speed.py target/release/recist-train "$@"

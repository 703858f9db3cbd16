#!/usr/bin/env bash
# What only a GPU can show. Two steps, on two machines:
#   ci/gpu.sh       where ci/cuda.sh has run: packs target/recist-gpu.tar.gz
#   ci/gpu.sh run   in the unpacked folder on a machine with an NVIDIA GPU, driver 580 or newer, and a Python that
#                   has PyTorch for CUDA 13; it needs neither Rust nor a network
# `run` compares outputs, gradients and clipped steps with the CPU's in 64 bits (products in full float32), then times
# both presets beside PyTorch eager on the same GPU, in turns, and prints the device memory that each takes.
set -euo pipefail
cd "$(dirname "$0")/.."
program=target/cuda/target/release/recist-train

case ${1:-pack} in
pack)
    [ -x "$program" ] || { echo "run ci/cuda.sh first" >&2; exit 1; }
    tar -czf target/recist-gpu.tar.gz --transform 's,^,recist-gpu/,' \
        ci/gpu.sh "$program" tests/pytorch/*.py tests/pytorch/golden/*.toml \
        trainer/src/network/presets
    echo "target/recist-gpu.tar.gz: unpack it on the GPU's machine, then recist-gpu/ci/gpu.sh run"
    ;;
run)
    nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
    # cuBLAS and NVRTC are those that PyTorch brings along.
    LD_LIBRARY_PATH=$(python3 -c 'import nvidia.cu13 as it; print(list(it.__path__)[0] + "/lib")')
    export LD_LIBRARY_PATH
    status=0
    for network in edge-like paper-like; do
        "$program" compare "tests/pytorch/golden/$network.toml" --size 32 --batch 3 --tolerance 1e-3 || status=1
    done
    # At full depth 32 bits themselves are some 2e-2 away from 64 in the worst gradient, on the CPU too (printed beside).
    for network in edge paper; do "$program" compare "$network" --batch 2 || status=1; done
    python3 tests/pytorch/speed.py "$program" --cuda
    exit $status
    ;;
*)
    echo "usage: ci/gpu.sh [run]" >&2
    exit 2
    ;;
esac

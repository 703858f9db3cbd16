#!/usr/bin/env bash
# Builds the trainer for CUDA on a machine without GPU, driver or toolkit, and runs it there on a stand-in for the
# driver (tests/cuda) that executes the kernels on the CPU. It shows that every kernel is found and stays within its
# buffers, that forward pass, gradients and clipped steps of both methods are those of the CPU, what a step of `paper`
# needs of device memory, that what fits in a memory fits in a larger one, and what is said when there is too little of
# it or no device. It does not show that any of it runs on a GPU.
# Needs Rust, a C++ compiler, Python 3 and a package index.
set -euo pipefail
cd "$(dirname "$0")/.."
start=$SECONDS
work=$PWD/target/cuda
toolkit=$work/toolkit
mkdir -p "$work"

step() { printf '\n== %s\n' "$*"; }

step "CUDA 13.0 from wheels (newer ones write PTX that driver 580 does not take)"
[ -x "$toolkit/bin/nvcc" ] || {
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet nvidia-cuda-nvcc==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-crt==13.0.88 \
        nvidia-cuda-runtime==13.0.96 nvidia-cuda-cccl==13.0.85 nvidia-cublas==13.0.2.14 nvidia-cuda-nvrtc==13.0.88
    ln -sfn "$("$work/venv/bin/python" -c 'import nvidia.cu13 as it; print(list(it.__path__)[0])')" "$toolkit"
    for library in cublas cublasLt nvrtc; do ln -sf "lib$library.so.13" "$toolkit/lib/lib$library.so"; done
}
"$toolkit/bin/nvcc" --version | tail -2

step "stand-in for the driver"
# With the address sanitizer: a kernel or a matrix product that leaves its buffer is stopped.
optimisers=$(cargo metadata --format-version=1 | python3 -c 'import json, os, sys
print(*[os.path.dirname(package["manifest_path"]) for package in json.load(sys.stdin)["packages"]
        if package["name"] == "dfdx"])')/src/tensor_ops
g++ -std=c++20 -O2 -g -Wall -Wextra -fsanitize=address -shared -fPIC -Wl,-soname,libcuda.so.1 \
    -I "$optimisers" -I tests/cuda/dfdx -o "$work/libcuda.so.1" tests/cuda/driver.cpp tests/cuda/kernels.cpp
g++ -std=c++20 -O3 -g -Wall -Wextra -fsanitize=address -shared -fPIC -Wl,-soname,libcublas.so.13 \
    -Wl,--version-script=tests/cuda/cublas.map -o "$work/libcublas.so.13" tests/cuda/blas.cpp
mkdir -p "$toolkit/lib64/stubs"
ln -sf "$work/libcuda.so.1" "$toolkit/lib64/stubs/libcuda.so"

step "the trainer with feature cuda"
# PTX for compute capability 8.0, which the driver compiles on for every GPU since.
export CUDA_PATH=$toolkit CUDA_COMPUTE_CAP=80 CARGO_TARGET_DIR=$work/target
cargo build --release -p recist-trainer --features cuda
program=$CARGO_TARGET_DIR/release/recist-train
for kernels in "$CARGO_TARGET_DIR"/release/build/recist-trainer-*/out/*.ptx; do
    "$toolkit/bin/ptxas" --gpu-name=sm_90 --output-file=/dev/null "$kernels"
done
ldd "$program" | grep 'libcublas.so.13' >/dev/null || { echo "the program does not use cuBLAS" >&2; exit 1; }

# The program on the stand-in; libnvrtc, which dfdx links and we never call, is the toolkit's.
on_standin() {
    env LD_LIBRARY_PATH="$work:$toolkit/lib" LD_PRELOAD="$(gcc -print-file-name=libasan.so)" \
        ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0 "$@"
}
# That a command fails without a panic, saying this.
refuses() {
    local words=$1
    shift
    if on_standin "$@" >"$work/refusal.txt" 2>&1 || ! grep -q "$words" "$work/refusal.txt" ||
        grep -q panicked "$work/refusal.txt"; then
        cat "$work/refusal.txt"
        echo "expected a refusal with the words: $words" >&2
        exit 1
    fi
    grep "$words" "$work/refusal.txt"
}

step "outputs, statistics, gradients and clipped steps beside the CPU's"
for network in paper-like edge-like; do
    on_standin "$program" compare "tests/pytorch/golden/$network.toml" --size 32 --batch 3 --tolerance 1e-3 2>&1 |
        tee "$work/report.txt"
    grep -q '(0 of them counted, not run).* 0 failures' "$work/report.txt"
done
# The control: no two ways of summing agree to the last bit.
refuses "differs by" "$program" compare tests/pytorch/golden/edge-like.toml --size 32 --batch 3 --tolerance 1e-9

step "steps of every stage of paper, counted"
run=$work/run
rm -f "$work/phantoms.pack"
on_standin "$program" prepare --phantoms 64 --seed 1 --out "$work/phantoms.pack" 2>/dev/null
configure() {
    printf '%s\n' "network = \"$1\"" "batch = $2" 'gradient_limit = 5.0' 'epoch = 1000' 'validation = 1' \
        'checkpoint = 1000' '[method.sgd]' 'momentum = 0.9' 'weight_decay = 1e-4' >"$work/run.toml"
    local stage loss steps=1 average=0 localization='mask = 1.0, pose = [1.0, 1.0, 1.0]' hourglass='heatmaps = 1.0, cosine = 1.0'
    for stage in stn shn follow joint; do
        case $stage in stn) loss=$localization ;; shn | follow) loss=$hourglass ;; *) loss="$localization, $hourglass" ;; esac
        # The last one ends with a mean of weights, too.
        [ "$stage" != joint ] || { steps=20 average=20; }
        printf '[[stages]]\nstage = "%s"\naverage = %s\nloss = { %s }\n' "$stage" "$average" "$loss"
        printf 'schedule = { cosine = { rate = 1e-3, steps = %s, warm_up = 0 } }\n' "$steps"
    done >>"$work/run.toml"
    rm -rf "$run"
}
train=("$program" train --data "$work/phantoms.pack" --config "$work/run.toml" --out "$run" --device cuda)
for batch in 8 32 64; do
    configure paper "$batch"
    printf 'batch %s\n' "$batch"
    on_standin CUDA_STANDIN_COUNT=1 "${train[@]}" 2>"$work/report.txt" >/dev/null || { cat "$work/report.txt"; exit 1; }
    grep 'cuda stand-in' "$work/report.txt"
    grep -q ' 0 failures' "$work/report.txt"
done

# Whether a training of so many KiB of device memory comes to its end and its weights; a panic is none of the answers.
fits() {
    rm -rf "$run"
    if on_standin CUDA_STANDIN_COUNT=1 CUDA_STANDIN_MEMORY=$(($1 << 10)) "${train[@]}" >"$work/report.txt" 2>&1; then
        [ -s "$run/weights.safetensors" ] && return
    elif grep -q 'out of device memory' "$work/report.txt" && ! grep -q panicked "$work/report.txt"; then
        return 1
    fi
    cat "$work/report.txt"
    echo "$1 KiB: neither trained to the end nor out of device memory" >&2
    exit 1
}

step "a batch that fits in a memory fits in larger ones"
configure edge 8
least=100000 enough=250000
if fits $least || ! fits $enough; then echo "edge needs another memory than it did" >&2; exit 1; fi
while [ $((enough - least)) -gt 100 ]; do
    middle=$(((least + enough) / 2))
    if fits $middle; then enough=$middle; else least=$middle; fi
done
printf 'edge trains at a batch of 8 from %s KiB on\n' "$enough"
for more in 1 30 100 300 1000 2000 3000 5000 7000 10000 14000 20000 30000; do
    fits $((enough + more)) || { echo "but not with $more KiB more" >&2; exit 1; }
    ! fits $((enough - 100 - more)) || { echo "and with $more KiB less" >&2; exit 1; }
done

step "what is said without enough memory, and without a device"
configure paper 64
refuses 'out of device memory with a batch of 64; a batch of [0-9]* fits' \
    CUDA_STANDIN_COUNT=1 CUDA_STANDIN_MEMORY=$((4 << 30)) "${train[@]}"
# Not even the networks fit, or not their optimisers, or no sample beside them.
configure paper 8
for mebibytes in 0 20 60 150 230; do
    rm -rf "$run"
    refuses 'out of device memory' CUDA_STANDIN_COUNT=1 CUDA_STANDIN_MEMORY=$((mebibytes << 20)) "${train[@]}"
done
rm -rf "$run"
refuses 'no CUDA device' CUDA_STANDIN_DEVICES=0 "${train[@]}"

printf '\nall this took %s s\n' $((SECONDS - start))

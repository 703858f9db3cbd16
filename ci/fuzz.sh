#!/usr/bin/env bash
# Fuzzes each target of runtime/fuzz under AddressSanitizer: ci/fuzz.sh [SECONDS a target, 60 if not said].
# Needs Rust (stable will do), a C++ compiler and crates.io; installs cargo-fuzz.
set -euo pipefail
cd "$(dirname "$0")/../runtime"
seconds=${1:-60}
command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz
# Sanitizers are not stable yet.
export RUSTC_BOOTSTRAP=1
cargo run --quiet --release --manifest-path fuzz/Cargo.toml --example seeds -- fuzz/corpus
targets=$(cargo fuzz list)
[ -n "$targets" ]
for target in $targets; do
    printf '\n== %s, %s s\n' "$target" "$seconds"
    cargo fuzz run "$target" -- -max_total_time="$seconds" -max_len=262144 -timeout=60 -print_final_stats=1
done

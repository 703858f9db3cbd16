#!/usr/bin/env bash
# Checks everything: format, lints, tests, documentation, the device build.
# Needs Rust and a C compiler. Real CT data are used where RECIST_DATA (or ../shared/data) has them.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; }

minimum=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
step "Rust $(rustc --version | cut -d' ' -f2), at least $minimum"
printf '%s\n%s\n' "$minimum" "$(rustc --version | cut -d' ' -f2)" | sort -C -V || {
    echo "this Rust is older than $minimum" >&2
    exit 1
}

step format
cargo fmt --all --check

step lints
cargo clippy --workspace --all-targets -- -D warnings

step "device build (no default features)"
cargo clippy -p recist-runtime --no-default-features --lib --tests -- -D warnings

step tests
cargo test --workspace

step documentation
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet

step done

#!/usr/bin/env bash
# Checks everything: format, lints, tests, documentation, the device build.
# Needs Rust and a C compiler. Real CT data are used where RECIST_DATA (or ../shared/data) has them, further compilers
# and tools where they are installed; what is not there is said first, and skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; }

minimum=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
step "Rust $(rustc --version | cut -d' ' -f2), at least $minimum"
printf '%s\n%s\n' "$minimum" "$(rustc --version | cut -d' ' -f2)" | sort -C -V || {
    echo "this Rust is older than $minimum" >&2
    exit 1
}

step "skipped here"
skipped() { printf 'skipped: %s\n' "$*"; }
if [ -n "${RECIST_DATA+set}" ] && [ ! -d "$RECIST_DATA" ]; then
    echo "RECIST_DATA is \"$RECIST_DATA\", which is no folder" >&2
    exit 1
fi
[ -d "${RECIST_DATA-../shared/data}" ] || skipped "tests on real CT slices: RECIST_DATA names no folder of them"
for tool in gcc clang g++ clang++ valgrind cmake pkg-config; do
    command -v "$tool" >/dev/null || skipped "tests with $tool, which is not installed"
done
[ "$(id -u)" != 0 ] || skipped "a file that cannot be read: this user can read every file"

step format
cargo fmt --all --check

step lints
cargo clippy --workspace --all-targets -- -D warnings

step "device build (no default features)"
cargo clippy -p recist-runtime --no-default-features --lib --tests -- -D warnings

step tests
cargo test --workspace

# Beside the other crates the runtime is built with its feature onnx; users build it without. The engine, which no
# feature changes, runs a twentieth of its random cases.
step "tests of the program as users build it"
RECIST_TEST_SHARE=20 cargo test -p recist-runtime

step "tests of the device build"
RECIST_TEST_SHARE=20 cargo test -p recist-runtime --no-default-features

step documentation
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet

step done

#!/usr/bin/env bash
# The engine's validator and scalar kernel under Miri: no undefined behaviour on valid and on damaged plans.
# Needs rustup; installs Miri. Interpreted code is slow: a few of the random cases take minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
rustup component list --toolchain nightly --installed 2>/dev/null | grep '^miri' >/dev/null ||
    rustup toolchain install nightly --profile minimal --component miri,rust-src
export RECIST_TEST_SHARE=${RECIST_TEST_SHARE:-1000}
# Interpreted programs see no environment but what is forwarded.
export MIRIFLAGS="-Zmiri-env-forward=RECIST_TEST_SHARE ${MIRIFLAGS:-}"
cargo +nightly miri test -p recist-runtime --no-default-features --test engine -- \
    random_operators mutated_plans bad_plan wrong_size

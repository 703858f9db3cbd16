#!/usr/bin/env bash
# Checks licences, banned crates and sources of all dependencies with cargo-deny.
# Security advisories need a database from the network and are checked with: cargo deny check advisories
set -euo pipefail
cd "$(dirname "$0")/.."
command -v cargo-deny >/dev/null || {
    echo "cargo-deny is missing: cargo install --locked cargo-deny" >&2
    exit 1
}
cargo deny --config ci/deny.toml check licenses bans sources

#!/usr/bin/env bash
# Writes the CycloneDX bill of materials of the device build: ci/sbom.sh [FILE], target/recist.cdx.json if not given.
# Installs cargo-cyclonedx into target/tools. Checks the result against cargo's own tree of the build.
set -euo pipefail
given=${1:+$(realpath -m "$1")} # before the folder is another
cd "$(dirname "$0")/.."
file=$(realpath -m "${given:-target/recist.cdx.json}")
target=${CARGO_BUILD_TARGET:-$(rustc -vV | sed -n 's/^host: //p')}
cargo install --quiet --locked --root target/tools cargo-cyclonedx@0.5.9

# In a workspace the tool lists what all members together depend on: it is given the runtime alone.
alone=target/sbom
rm -rf "$alone"
mkdir -p "$alone"
cp -r Cargo.lock runtime "$alone"
sed 's/^members = .*/members = ["runtime"]/; /^default-members/d' Cargo.toml >"$alone/Cargo.toml"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) target/tools/bin/cargo-cyclonedx cyclonedx --quiet --manifest-path \
    "$alone/runtime/Cargo.toml" --no-default-features --no-build-deps --target "$target" --format json \
    --spec-version 1.5 --override-filename recist.cdx
# Where it was made is no part of it.
sed "s|path+file://$PWD/$alone/|path+file:///|g" "$alone/runtime/recist.cdx.json" >"$file"

listed() { sed -n 's|^ *"purl": "pkg:cargo/\([^?"]*\)",\?$|\1|p' "$file" | sort -u; }
built() { cargo tree -p recist-runtime --no-default-features --edges normal,no-proc-macro --target "$target" --prefix none |
    sed -n 's|^\([^ ]*\) v\([^ ]*\).*|\1@\2|p' | grep -v '^recist-runtime@' | sort -u; }
listed >"$alone/listed"
built >"$alone/built"
missing=$(comm -13 "$alone/listed" "$alone/built")
[ -z "$missing" ] || {
    echo "not listed in $file: $missing" >&2
    exit 1
}
echo "$file: $(wc -l <"$alone/listed") components, $(wc -l <"$alone/built") of them linked"

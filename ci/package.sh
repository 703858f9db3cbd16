#!/usr/bin/env bash
# Builds the C library and lays it out for a vendor, with a model and the licences of what is linked: include/, lib/,
# lib/pkgconfig/, share/recist/.
#   ci/package.sh [FOLDER]     FOLDER is target/package if not given; it is new, empty or an earlier package
# For another processor: CARGO_BUILD_TARGET names Rust's target, CROSS_COMPILE the prefix of its binutils.
# Needs Rust and binutils.
set -euo pipefail
given=${1:+$(realpath -m "$1")} # before the folder is another
cd "$(dirname "$0")/.."
package=$(realpath -m "${given:-target/package}")
cross=${CROSS_COMPILE:-}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
abi=$(sed -n 's/^#define RECIST_ABI_VERSION //p' runtime/include/recist.h)

if [ -n "$(ls -A "$package" 2>/dev/null)" ] && [ ! -f "$package/lib/pkgconfig/recist.pc" ]; then
    echo "$package is not empty and is no earlier package: it has no lib/pkgconfig/recist.pc" >&2
    exit 1
fi

# Where it is built is not to be read in it. Cargo splits RUSTFLAGS at spaces, which a path may have.
separator=$'\x1f'
read -ra given <<<"${RUSTFLAGS:-}"
flags=("--remap-path-prefix=$PWD=." "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo" "${given[@]}")
encoded=$(IFS=$separator && printf '%s' "${flags[*]}")
export CARGO_ENCODED_RUSTFLAGS="$encoded${CARGO_ENCODED_RUSTFLAGS:+$separator$CARGO_ENCODED_RUSTFLAGS}"
cargo rustc --quiet -p recist-runtime --no-default-features --profile device --lib --target-dir target \
    --crate-type staticlib,cdylib -- -C "link-arg=-Wl,-soname,librecist.so.$abi"
built=target/${CARGO_BUILD_TARGET:-}/device

# What else lies in the folder stays, also beside these files and another ABI's library.
share=$package/share/recist
rm -rf "$package"/include/recist.{h,hpp} "$package"/lib/librecist.{a,so,"so.$abi"} "$share"/{SOUP.md,LICENSE-MIT,LICENSE-APACHE,licences} \
    "$share"/examples/{measure.c,measure.cpp,CMakeLists.txt} "$share"/models/{edge.recist,README.md}
mkdir -p "$package"/{include,lib/pkgconfig} "$share"/{examples,models}
# First of all: by it the next call knows a package, even one that was not finished.
cat >"$package/lib/pkgconfig/recist.pc" <<PC
prefix=\${pcfiledir}/../..
Name: recist
Description: Measures a lesion on a CT slice from a rough box round it
Version: $version
Cflags: -I\${prefix}/include
Libs: -L\${prefix}/lib -lrecist
Libs.private: -lpthread -ldl -lm
PC

cp runtime/include/recist.h runtime/include/recist.hpp "$package/include/"
cp runtime/SOUP.md LICENSE-MIT LICENSE-APACHE "$share/"
cp tests/c/measure.c tests/c/measure.cpp tests/c/CMakeLists.txt "$share/examples/"
cp models/edge.recist models/README.md "$share/models/"

crates=$(cargo tree -p recist-runtime --no-default-features --edges normal,no-proc-macro --prefix none \
    --target "${CARGO_BUILD_TARGET:-$(rustc -vV | sed -n 's/^host: //p')}" |
    sed -n 's/^\([^ ]*\) v\([^ ]*\).*/\1-\2/p' | grep -v '^recist-runtime-' | sort -u)
manifests=$(cargo metadata --format-version 1 | grep -o '"manifest_path":"[^"]*"' | cut -d '"' -f 4)
for crate in $crates; do
    manifest=$(grep "/$crate/Cargo.toml\$" <<<"$manifests")
    mkdir -p "$share/licences/$crate"
    find "$(dirname "$manifest")" -maxdepth 1 -type f \( -iname 'LICEN[CS]E*' -o -iname 'COPYING*' -o -iname 'NOTICE*' \) \
        -exec cp {} "$share/licences/$crate/" \;
done
standard=$(rustc --print sysroot)/share/doc/rust/COPYRIGHT-library.html
if [ -f "$standard" ]; then
    cp "$standard" "$share/licences/rust-standard-library.html"
else
    echo "$standard is not there: the licences of Rust's standard library are for you to add" >&2
fi

cp "$built/librecist.so" "$package/lib/librecist.so.$abi"
ln -s "librecist.so.$abi" "$package/lib/librecist.so"

# One object whose only global symbols are the interface: another Rust library in the same program has its own
# standard library. A group of sections that linkers may merge with another library's of that name must not be left in
# it: its symbols are this library's own.
object=$built/librecist.o
roots=$(grep -o 'recist_[a-z_]*(' runtime/include/recist.h | sort -u | sed 's/(//; s/^/-u /')
# shellcheck disable=SC2086
"${cross}ld" -r --force-group-allocation --gc-sections $roots -o "$object" "$built/librecist.a"
"${cross}objcopy" --wildcard --keep-global-symbol='recist_*' --strip-unneeded \
    --remove-section=.llvmbc --remove-section=.llvmcmd "$object"
"${cross}ar" rcs "$package/lib/librecist.a" "$object"

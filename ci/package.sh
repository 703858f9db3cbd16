#!/usr/bin/env bash
# Builds the C library and lays it out for a vendor, with a model: include/, lib/, lib/pkgconfig/, share/recist/.
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

# What else lies in the folder stays.
rm -rf "$package"/include/recist.{h,hpp} "$package"/lib/librecist.* "$package/share/recist"
mkdir -p "$package"/{include,lib/pkgconfig,share/recist/{examples,models}}
# First of all: by it the next call knows a package, even one that was not finished.
cat >"$package/lib/pkgconfig/recist.pc" <<PC
prefix=\${pcfiledir}/../..
Name: recist
Description: Measures a lesion on a CT slice from a rough box round it
Version: $version
Cflags: -I\${prefix}/include
Libs: -L\${prefix}/lib -lrecist
Libs.private: -lgcc_s -lpthread -ldl -lm
PC

cp runtime/include/recist.h runtime/include/recist.hpp "$package/include/"
cp runtime/SOUP.md LICENSE-MIT LICENSE-APACHE "$package/share/recist/"
cp tests/c/measure.c tests/c/measure.cpp tests/c/CMakeLists.txt "$package/share/recist/examples/"
cp models/edge.recist models/README.md "$package/share/recist/models/"

cp "$built/librecist.so" "$package/lib/librecist.so.$abi"
ln -s "librecist.so.$abi" "$package/lib/librecist.so"

# One object whose only global symbols are the interface: another Rust library in the same program has its own
# standard library.
object=$built/librecist.o
roots=$(grep -o 'recist_[a-z_]*(' runtime/include/recist.h | sort -u | sed 's/(//; s/^/-u /')
# shellcheck disable=SC2086
"${cross}ld" -r --gc-sections $roots -o "$object" "$built/librecist.a"
"${cross}objcopy" --wildcard --keep-global-symbol='recist_*' --strip-unneeded \
    --remove-section=.llvmbc --remove-section=.llvmcmd "$object"
"${cross}ar" rcs "$package/lib/librecist.a" "$object"

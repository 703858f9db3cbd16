#!/usr/bin/env bash
# Measures a lesion 100,000 times through the C library: the same bits each time, no more memory, and the
# distribution of the times. ci/soak.sh [COUNT]. Needs Rust, binutils and a C compiler; some minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
package=target/package
ci/package.sh "$package"
build() { "${CC:-cc}" -std=c99 -O2 -Wall -Wextra -pedantic -Werror -I "$package/include" "tests/c/$1.c" \
    "$package/lib/librecist.a" -lpthread -ldl -lm -o "target/$1"; }
build make_slice
build soak
target/make_slice >target/slice.raw
target/soak models/edge.recist target/slice.raw 256 256 0.75 0.75 95 82 167 154 "${1:-100000}"

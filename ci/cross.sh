#!/usr/bin/env bash
# The engine's tests on other processors, under emulation: aarch64 (both NEON kernels) and 32-bit Arm (scalar); and
# the C library there, which measures the same bits as here.
# Installs what it needs: Rust targets, and on Debian the cross linkers and qemu-user.
set -euo pipefail
cd "$(dirname "$0")/.."
start=$SECONDS

declare -A linker=(
    [aarch64-unknown-linux-gnu]=aarch64-linux-gnu-gcc
    [armv7-unknown-linux-gnueabihf]=arm-linux-gnueabihf-gcc
)
declare -A package=(
    [aarch64-unknown-linux-gnu]="gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
    [armv7-unknown-linux-gnueabihf]="gcc-arm-linux-gnueabihf libc6-dev-armhf-cross"
)
# The RECIST_KERNEL_ numbers that the emulated processors run; 0 is the fastest of them.
declare -A kernels=(
    [aarch64-unknown-linux-gnu]="0 1 5 6"
    [armv7-unknown-linux-gnueabihf]="0 1"
)
declare -A emulator=(
    [aarch64-unknown-linux-gnu]="qemu-aarch64 -cpu max -L /usr/aarch64-linux-gnu"
    [armv7-unknown-linux-gnueabihf]="qemu-arm -cpu max -L /usr/arm-linux-gnueabihf"
)

for target in "${!linker[@]}"; do
    command -v "${linker[$target]}" >/dev/null && command -v qemu-aarch64 >/dev/null || {
        sudo=$([ "$(id -u)" = 0 ] || echo sudo)
        $sudo apt-get -qq update
        # shellcheck disable=SC2086
        $sudo apt-get -qq install -y --no-install-recommends qemu-user ${package[$target]} >/dev/null
    }
    rustup target add "$target"
done

for target in aarch64-unknown-linux-gnu armv7-unknown-linux-gnueabihf; do
    printf '\n== %s\n' "$target"
    name=$(tr 'a-z-' 'A-Z_' <<<"$target")
    export "CARGO_TARGET_${name}_LINKER=${linker[$target]}"
    export "CARGO_TARGET_${name}_RUNNER=${emulator[$target]}"
    # Emulation is slow: a twentieth of the random cases; the whole networks are run in full. Sizes that wrap in 32 bits
    # are looked for where usize has 32.
    RECIST_TEST_SHARE=20 cargo test -p recist-runtime --no-default-features --target "$target" \
        --lib --test engine -- engine:: same_bits memory hostile --nocapture
done

printf '\n== C library\n'
# c_programs COMPILER PACKAGE KERNELS RUN...: what the C programs say of the model edge, linked with a package both
# ways; the stack is measured of calls with each of the kernels, which must not fail.
c_programs() {
    local cc=$1 package=$2 kernels=$3 slice="target/slice.raw 256 256" box="95 82 167 154" name most
    local flags="-std=c99 -O1 -Wall -Wextra -pedantic -Werror -I $package/include"
    shift 3
    for name in measure stack rounding; do
        # shellcheck disable=SC2086
        "$cc" $flags "tests/c/$name.c" "$package/lib/librecist.a" -lpthread -ldl -lm -o "$package/$name"
    done
    # shellcheck disable=SC2086
    {
        "$cc" $flags tests/c/measure.c -L"$package/lib" -lrecist -Wl,-rpath,"$PWD/$package/lib" -o "$package/shared"
        "$@" "$package/measure" models/edge.recist $slice 0.75 0.75 $box
        "$@" "$package/shared" models/edge.recist $slice 0.75 0.75 $box
        "$@" "$package/stack" models/edge.recist $slice $box >"$package/stack.txt"
        # Tiny numbers can be flushed to zero here alone.
        "$@" "$package/rounding" models/edge.recist ${slice% *} $box | grep -v flushed
    }
    most=$(sed -n 's/^#define RECIST_STACK_BYTES //p' runtime/include/recist.h)
    awk -v most="$most" -v kernels="$kernels" '
        $1 == "control" { next }
        $4 == 0 { ran[$1, $2] = 1; if ($3 > deepest) deepest = $3; next }
        $4 != 18 { print "failed: " $0 > "/dev/stderr"; bad = 1 } # RECIST_KERNEL: not of this processor
        END {
            count = split(kernels, kernel, " ")
            for (i = 1; i <= count; i++)
                if (!(("measure", kernel[i]) in ran) || !(("self_test", kernel[i]) in ran)) {
                    print "nothing ran on kernel " kernel[i] > "/dev/stderr"
                    bad = 1
                }
            print "most stack: " deepest " bytes" > "/dev/stderr"
            exit bad || !count || !(("open", 0) in ran) || deepest > most
        }' "$package/stack.txt"
}
cc -O1 tests/c/make_slice.c -o target/make_slice
target/make_slice >target/slice.raw
ci/package.sh target/package
c_programs cc target/package "0 1" env >target/c-here.txt
for target in aarch64-unknown-linux-gnu armv7-unknown-linux-gnueabihf; do
    CARGO_BUILD_TARGET=$target CROSS_COMPILE=${linker[$target]%gcc} ci/package.sh "target/package-$target"
    # shellcheck disable=SC2086
    c_programs "${linker[$target]}" "target/package-$target" "${kernels[$target]}" ${emulator[$target]} \
        >"target/c-$target.txt"
    diff target/c-here.txt "target/c-$target.txt"
    printf '%s: the same bits\n' "$target"
done
printf '\ncross tests took %s s\n' $((SECONDS - start))

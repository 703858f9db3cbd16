#!/usr/bin/env bash
# The engine's tests on other processors, under emulation: aarch64 (both NEON kernels) and 32-bit Arm (scalar).
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
    # Emulation is slow: a twentieth of the random cases; the whole networks are run in full.
    RECIST_TEST_SHARE=20 cargo test -p recist-runtime --no-default-features --target "$target" \
        --test engine -- same_bits memory --nocapture
done
printf '\ncross tests took %s s\n' $((SECONDS - start))

#!/usr/bin/env bash
# Lists what is left of panicking paths in the device build: the library's functions that can call a panic, and how
# often. They are checks of indices, lengths and invariants behind the validation; the C boundary turns one that
# fails into RECIST_INTERNAL. Fails if a function of the boundary itself has one. Needs Rust and binutils.
set -euo pipefail
cd "$(dirname "$0")/.."
ci/package.sh target/package
objects=target/panics
rm -rf "$objects"
mkdir -p "$objects"
(cd "$objects" && ar x ../device/librecist.a)
object=$(ls -S "$objects"/recist*.o | head -n 1)
objdump --disassemble --reloc --demangle --no-show-raw-insn "$object" 2>/dev/null | awk '
    /^[0-9a-f]+ <.*>:$/ { name = $0; sub(/^[0-9a-f]+ </, "", name); sub(/>:$/, "", name) }
    /R_X86_64|R_AARCH64|R_ARM/ && /panicking|_fail|len_mismatch/ && !/cannot_unwind|in_cleanup|catch_unwind/ && name ~ /recist/ { count[name]++ }
    END { for (name in count) print count[name], name }' | sort -k2 >"$objects/list.txt"
# Checks of indices and lengths are always among them: without one, this script no longer sees them.
[ -s "$objects/list.txt" ] || {
    echo "no path to a panic was found in $object, which cannot be" >&2
    exit 1
}
cat "$objects/list.txt"
awk '{ sum += $1 } END { print sum " paths in " NR " functions" }' "$objects/list.txt"
! grep -E ' recist_[a-z_]+$' "$objects/list.txt"

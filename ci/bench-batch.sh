#!/usr/bin/env bash
# Measures 1,000 slices with generated lesions by `recist batch`, with one and with two jobs: cases per second, and the
# peak memory of the process beside that of 100 cases. Needs Rust and Python 3; run it on a machine that does nothing
# else.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release -p recist-runtime --bin recist
cargo run --release -p recist-trainer --example phantom_cases -- target/batch 1000
head -n 101 target/batch/cases.csv > target/batch/hundred.csv
python3 - <<'PYTHON'
import os, subprocess, time

def measure(cases, jobs):
    command = ["target/release/recist", "batch", f"target/batch/{cases}", "--out", "target/batch/out.csv"]
    start = time.monotonic()
    child = subprocess.Popen([*command, "--jobs", str(jobs)], stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.monotonic() - start
    rows = open("target/batch/out.csv").read().splitlines()[1:]
    measured = sum(row.endswith(",ok") for row in rows)
    if os.waitstatus_to_exitcode(status) > 1 or not measured:
        raise SystemExit(f"{' '.join(command)} failed")
    return len(rows), measured, len(rows) / seconds, usage.ru_maxrss / 1024

for jobs in [1, 2]:
    _, _, _, few = measure("hundred.csv", jobs)
    cases, measured, rate, many = measure("cases.csv", jobs)
    print(f"{jobs} jobs: {cases} cases, {measured} measured, {rate:.1f} cases/s; "
          f"peak memory {few:.1f} MiB after 100 cases, {many:.1f} MiB after {cases}")
PYTHON

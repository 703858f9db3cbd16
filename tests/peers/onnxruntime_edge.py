"""The two networks of `edge` on onnxruntime beside a whole measurement by `recist bench`, in turns on one core: int8 by
onnxruntime's own quantiser, which it fuses best; the int8 files beside the bundle, which it computes in floats,
because it does not fuse seven bits; and float32.

Prints medians in milliseconds of processor time, the most memory that each process had, and the ratio of the whole
measurement to onnxruntime's int8.

pip install onnx onnxruntime numpy; python3 onnxruntime_edge.py target/release/recist models
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime

from onnxruntime_int8 import onnxruntime_session, quantised

FORMS = {
    "int8": lambda name, models, folder: quantised(models / f"{name}.onnx", folder),
    "int8 file of the model": lambda name, models, folder: models / f"{name}.int8.onnx",
    "float32": lambda name, models, folder: models / f"{name}.onnx",
}


def bench(program):
    return json.loads(subprocess.run([program, "bench", "--json"], capture_output=True, check=True).stdout)


def main():
    program, models = sys.argv[1], Path(sys.argv[2])
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    patch = np.random.default_rng(0).random((1, 1, 128, 128)).astype("f4")
    with tempfile.TemporaryDirectory() as folder:
        sessions = {
            form: [onnxruntime_session(path(name, models, folder)) for name in ["localization", "hourglass"]]
            for form, path in FORMS.items()
        }
    times, own = {form: [] for form in FORMS}, []
    for _ in range(5):
        for form, pair in sessions.items():
            for _ in range(60):
                start = time.process_time()
                for run in pair:
                    run(patch)
                times[form].append(1e3 * (time.process_time() - start))
        own.append(bench(program))
    medians = {form: float(np.median(of)) for form, of in times.items()}
    for form, median in medians.items():
        print(f"onnxruntime {onnxruntime.__version__}, both networks, {form}: {median:.3f} ms")
    whole = float(np.median([sum(run["microseconds"].values()) for run in own])) / 1e3
    print(f"recist, slice to axes ({own[0]['engine']}): {whole:.3f} ms")
    print(", ".join(f"{part} {microseconds}" for part, microseconds in own[0]["microseconds"].items()), "us")
    own_peak = max(run["peak_memory_bytes"] for run in own) / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"peak memory: recist {own_peak:.1f} MB, onnxruntime with Python {peak:.0f} MB")
    print(f"ratio edge onnxruntime-int8 {whole / medians['int8']:.2f}")


main()

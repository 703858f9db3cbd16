"""The integer engine beside onnxruntime, OpenVINO and tract on the networks that `export_random_networks` wrote:
one thread, one processor, all in turns in one run.

The peers' int8 is what onnxruntime's own quantiser makes of the float32 network, with all 8 bits and in the form
that both fuse best; the engine runs NAME.int8.onnx, the same layers in its 7 bits. What the engine answers is
compared with onnxruntime on that same file, every rounding where the file has it.

Prints a table of medians in milliseconds, the engine's products a second against what the processor's registers
could do, and a line `ratio NETWORK KERNEL PEER VALUE` a pair: the engine's median over the peer's.

pip install onnx onnxruntime openvino tract numpy; python3 peers.py target/release/examples/engine_peer FOLDER
"""

import contextlib
import importlib.metadata
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
import openvino
import tract

from onnxruntime_int8 import onnxruntime_session, quantised

ROUNDS = 15
# A turn of one engine: as many runs as fit, at least two.
TURN_SECONDS = 0.12
PEERS = ["onnxruntime-float32", "onnxruntime-int8", "openvino-float32", "openvino-int8", "tract-float32"]


def openvino_model(path):
    options = {
        "INFERENCE_NUM_THREADS": 1,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        # Otherwise float32 becomes bfloat16 where the processor has it.
        "INFERENCE_PRECISION_HINT": "f32",
    }
    request = openvino.Core().compile_model(str(path), "CPU", options).create_infer_request()
    return lambda patch: request.infer([patch], share_inputs=True, share_outputs=True)


def tract_model(path):
    model = tract.onnx().load(str(path)).into_model().into_runnable()
    return lambda patch: model.run([patch])


class Engine:
    """The program `engine_peer`, asked line by line."""

    def __init__(self, program, path):
        self.process = subprocess.Popen(
            [program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        _, self.products, self.workspace = self.process.stdout.readline().split()
        self.peaks = {}
        while line := self.process.stdout.readline().split():
            self.peaks[line[1]] = float(line[2])

    def ask(self, *words):
        print(*words, file=self.process.stdin)
        return [float(number) for number in self.process.stdout.readline().split()]

    def answer(self, kernel, patch):
        """Outputs one after the other, and their scales."""
        with tempfile.TemporaryDirectory() as folder:
            asked, answered = f"{folder}/in.f32", f"{folder}/out.f32"
            patch.tofile(asked)
            scales = self.ask("answer", kernel, asked, answered)
            return np.fromfile(answered, "f4"), scales


def turn(run, patch):
    """Milliseconds of each run."""
    times = []
    until = time.perf_counter() + TURN_SECONDS
    while len(times) < 2 or time.perf_counter() < until:
        start = time.perf_counter()
        run(patch)
        times.append(1e3 * (time.perf_counter() - start))
    return times


def distances(engine, kernel, path, patch):
    """How many outputs are 0, 1, 2 and more numbers away from onnxruntime's on the same file."""
    exact = onnxruntime_session(path, onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL)(patch)
    values, scales = engine.answer(kernel, patch)
    step = np.concatenate([np.full(output.size, scale) for output, scale in zip(exact, scales)])
    apart = np.rint(np.abs(values - np.concatenate([output.ravel() for output in exact])) / step)
    return [int((apart == n).sum()) for n in range(3)] + [int((apart > 2).sum())]


def compare(program, folder, name):
    floats, integers = (folder / f"{name}{form}.onnx" for form in ("", ".int8"))
    eight_bits = quantised(floats, folder)
    peers = [
        onnxruntime_session(floats),
        onnxruntime_session(eight_bits),
        openvino_model(floats),
        openvino_model(eight_bits),
        tract_model(floats),
    ]
    engine = Engine(program, integers)
    patch = np.random.default_rng(0).random((1, 1, 128, 128), "f4")
    times = {column: [] for column in PEERS + list(engine.peaks)}
    for round in range(ROUNDS):
        for peer, run in zip(PEERS, peers):
            times[peer] += turn(run, patch)
        for kernel in engine.peaks:
            # The reference is there to be read: two runs of it tell enough.
            if kernel == "scalar" and round > 1:
                continue
            runs = 1 if kernel == "scalar" or not times[kernel] else TURN_SECONDS * 1e3 // times[kernel][-1] + 1
            times[kernel] += engine.ask("time", kernel, int(runs))
    medians = {column: float(np.median(column_times)) for column, column_times in times.items()}

    products = int(engine.products)
    print(f"\n{name}: {products / 1e6:.0f} MMAC, a workspace of {engine.workspace} bytes")
    for column, median in medians.items():
        rate = products / median / 1e6
        peak = engine.peaks.get(column)
        share = f"   {rate:6.1f} of {peak:.1f} GMAC/s ({rate / peak:.0%})" if peak else f"   {rate:6.1f} GMAC/s"
        print(f"  {column:20} {median:9.3f} ms{share}")
    kernel = list(engine.peaks)[-1]
    same, one, two, more = distances(engine, kernel, integers, patch)
    print(f"  beside onnxruntime, every rounding in its place: {same} outputs equal, {one} one apart, {two} two, {more} more")
    return [f"ratio {name} {kernel} {peer} {medians[kernel] / medians[peer]:.3f}" for kernel in engine.peaks for peer in PEERS]


def main():
    program, folder = sys.argv[1], Path(sys.argv[2])
    with contextlib.suppress(AttributeError):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    packages = ["onnxruntime", "openvino", "tract"]
    print(", ".join(f"{package} {importlib.metadata.version(package)}" for package in packages))
    ratios = [line for name in ["hourglass", "resnet50-pyramid"] for line in compare(program, folder, name)]
    print("", *ratios, sep="\n")


main()

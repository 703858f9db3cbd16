"""Images per second of a training pass, forward and backward, of the whole cascade: PyTorch beside `recist-train
bench`, on the same shapes and in turns. Ends with lines `ratio PRESET THREADS VALUE`: ours over PyTorch's.

pip install torch numpy; python tests/pytorch/speed.py target/release/recist-train [--cuda] [PRESET...]

On CPU a batch of 8 with two threads and with one. With `--cuda` PyTorch runs eagerly on the first GPU, batches 8 and
32, both in full float32 and with TF32, and the second number of a ratio line is the batch. PyTorch keeps its values
channels first or channels last, whichever is faster here.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import torch

from golden import run
from networks import Hourglass, Localization, read

ROUNDS, SECONDS, PATCH = 3, 4, 128
PRESETS = Path(__file__).parents[2] / "trainer/src/network/presets"
program, cuda = sys.argv[1], "--cuda" in sys.argv[2:]
presets = [word for word in sys.argv[2:] if not word.startswith("--")] or ["edge", "paper"]
device = "cuda" if cuda else "cpu"


def passes(preset, batch, order):
    """A function that makes one pass in PyTorch, with values in this order in memory."""
    torch.manual_seed(0)
    network = read(PRESETS / f"{preset}.toml")
    modules = [
        kind(network, PATCH).to(device, memory_format=order).train() for kind in (Localization, Hourglass)
    ]
    parameters = [parameter for module in modules for parameter in module.parameters()]
    patches = torch.rand(batch, 1, PATCH, PATCH, device=device).contiguous(memory_format=order)
    projections = []

    def one():
        outputs = run(*modules, patches)
        outputs = [output for name, output in outputs.items() if name != "canonical_patch"]
        if not projections:
            projections.extend(torch.randn_like(output) for output in outputs)
        for parameter in parameters:
            parameter.grad = None
        torch.autograd.backward(outputs, projections)
        if cuda:
            torch.cuda.synchronize()

    return one


def theirs(one, batch):
    """Images per second in PyTorch."""
    one()
    start, count = time.perf_counter(), 0
    while count == 0 or time.perf_counter() - start < SECONDS:
        one()
        count += 1
    return count * batch / (time.perf_counter() - start)


def ours(preset, batch, *options):
    """Images per second of `recist-train bench`, and what it says of memory."""
    command = [program, "bench", preset, "--batch", str(batch), "--seconds", str(SECONDS), *options]
    text = subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
    return float(re.search(r"([\d.]+) images/s", text)[1]), text.partition("images/s")[2].strip(", ")


def median(values):
    return sorted(values)[len(values) // 2]


ORDERS = {torch.contiguous_format: "channels first", torch.channels_last: "channels last"}


def release():
    """Gives the memory that PyTorch keeps for later back to the device."""
    if cuda:
        torch.cuda.empty_cache()


def faster(preset, batch):
    """The order of values in which PyTorch is faster."""
    rates = {}
    for order in ORDERS:
        rates[order] = theirs(passes(preset, batch, order), batch)
        release()
    return max(rates, key=rates.get)


def compare(preset, batch, label, *options):
    """Both in turns; gives the ratio of the medians."""
    order = faster(preset, batch)
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    one, own, peer = passes(preset, batch, order), [], []
    for _ in range(ROUNDS):
        peer.append(theirs(one, batch))
        release()
        rate, memory = ours(preset, batch, *options)
        own.append(rate)
    pytorch = f"PyTorch ({ORDERS[order]}) {median(peer):.2f}"
    print(f"{preset} {label}: recist {median(own):.2f} images/s, {pytorch}; {memory}", flush=True)
    print(f"  recist {[round(rate, 1) for rate in own]}, PyTorch {[round(rate, 1) for rate in peer]}", flush=True)
    return median(own) / median(peer)


print(f"torch {torch.__version__} on {torch.cuda.get_device_name() if cuda else f'{os.cpu_count()} cores'}")
ratios = []
for preset in presets:
    if cuda:
        for batch in [8, 32]:
            for precision, option in [("highest", []), ("high", ["--tf32"])]:
                torch.set_float32_matmul_precision(precision)
                torch.backends.cudnn.allow_tf32 = precision == "high"
                ratio = compare(preset, batch, f"batch {batch} {precision}", "--device", "cuda", *option)
                peak = torch.cuda.max_memory_reserved() / 2**20
                print(f"  PyTorch took {peak:.0f} MiB of device memory at most", flush=True)
                ratios.append(f"ratio {preset} {batch} {ratio:.2f}" + (" tf32" if option else ""))
    else:
        for threads in [2, 1]:
            torch.set_num_threads(threads)
            ratio = compare(preset, 8, f"{threads} threads", "--threads", str(threads))
            ratios.append(f"ratio {preset} {threads} {ratio:.2f}")
print(*ratios, sep="\n")

"""The two networks of `edge` on onnxruntime (int8, one thread) beside a whole measurement by `recist bench`,
in turns on one core; prints milliseconds of processor time and their ratio.

pip install onnxruntime numpy; python3 onnxruntime_edge.py target/release/recist models
"""

import json
import subprocess
import sys
import time

import numpy as np
import onnxruntime

program, models = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
sessions = [
    onnxruntime.InferenceSession(f"{models}/{name}.int8.onnx", options) for name in ["localization", "hourglass"]
]
patch = np.random.default_rng(0).random((1, 1, 128, 128)).astype("f4")
peer, own = [], []
for _ in range(5):
    for _ in range(60):
        start = time.process_time()
        for session in sessions:
            session.run(None, {session.get_inputs()[0].name: patch})
        peer.append(1e3 * (time.process_time() - start))
    own.append(json.loads(subprocess.run([program, "bench", "--json"], capture_output=True, check=True).stdout))
peer = float(np.median(peer))
whole = float(np.median([sum(run["microseconds"].values()) for run in own])) / 1e3
print(f"onnxruntime {onnxruntime.__version__}, both networks: {peer:.3f} ms")
print(f"recist, slice to axes ({own[0]['engine']}): {whole:.3f} ms")
print(f"ratio edge onnxruntime {whole / peer:.2f}")

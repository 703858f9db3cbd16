"""What onnxruntime answers on the golden networks, which `cargo test -p recist-trainer --test lowering --
--ignored` writes: one file of float32 numbers a network, all outputs of all patches one after the other.

pip install onnx onnxruntime numpy
"""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime

GOLDEN = Path(__file__).parent / "golden"
patches = np.fromfile(GOLDEN / "patches.f32", dtype="<f4").reshape(-1, 1, 1, 128, 128)
options = onnxruntime.SessionOptions()
# Every rounding where the file has it: no operators merged.
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
for name in ["localization", "hourglass"]:
    path = GOLDEN / f"{name}.int8.onnx"
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = onnxruntime.InferenceSession(str(path), options)
    outputs = [
        output.ravel()
        for patch in patches
        for output in session.run(None, {session.get_inputs()[0].name: patch})
    ]
    np.concatenate(outputs).astype("<f4").tofile(GOLDEN / f"{name}.f32")
    print(name, "onnxruntime", onnxruntime.__version__)

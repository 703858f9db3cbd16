"""Checks an ONNX file and answers patches: `python onnxruntime.py MODEL.onnx`.

Standard input holds patches of 128 x 128 float32 numbers. Standard output gets one line of text, the versions,
then all outputs of all patches one after the other as float32 numbers.
"""

import sys

import numpy as np
import onnx
import onnxruntime

[model] = sys.argv[1:]
onnx.checker.check_model(onnx.load(model), full_check=True)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
# Every rounding where the file has it: no operators merged.
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
[patch] = session.get_inputs()
patches = np.frombuffer(sys.stdin.buffer.read(), dtype="<f4").reshape(-1, 1, 1, 128, 128)
sys.stdout.buffer.write(f"onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}\n".encode())
for image in patches:
    for output in session.run(None, {patch.name: image}):
        sys.stdout.buffer.write(output.astype("<f4").tobytes())

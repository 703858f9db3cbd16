"""onnxruntime on one thread, and what its own quantiser makes of a float32 network: all 8 bits, in the form that it
fuses best.

pip install onnx onnxruntime numpy
"""

from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process


class Patches(CalibrationDataReader):
    def __init__(self, name, count):
        random = np.random.default_rng(1)
        self.patches = iter([{name: random.random((1, 1, 128, 128), "f4")} for _ in range(count)])

    def get_next(self):
        return next(self.patches, None)


def quantised(floats, folder):
    """Writes the quantised network into the folder; the path of its file."""
    prepared, eight_bits = (Path(folder) / f"{floats.stem}.{form}.onnx" for form in ("prepared", "uint8"))
    quant_pre_process(floats, prepared, skip_symbolic_shape=True)
    quantize_static(
        prepared,
        eight_bits,
        Patches(onnxruntime.InferenceSession(floats).get_inputs()[0].name, 8),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    return eight_bits


def onnxruntime_session(path, level=onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = level
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda patch: session.run(None, {name: patch})

"""Writes trainer/src/network/torchvision_resnet50.txt: torchvision's ResNet-50, name and shape of every tensor.

pip install torch torchvision; python tests/pytorch/resnet50_names.py
"""

from pathlib import Path

import torchvision

TARGET = Path(__file__).parents[2] / "trainer/src/network/torchvision_resnet50.txt"

tensors = torchvision.models.resnet50().state_dict()
trunk = {n: t for n, t in tensors.items() if not n.startswith("fc.") and not n.endswith("num_batches_tracked")}
lines = [f"# torchvision {torchvision.__version__} resnet50() without fc and num_batches_tracked"]
lines += [" ".join([name, *map(str, tensor.shape)]) for name, tensor in trunk.items()]
TARGET.write_text("\n".join(lines) + "\n")

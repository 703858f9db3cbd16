"""Writes the golden files of the whole cascade: tests/pytorch/golden/*.safetensors, one for each *.toml there.

pip install torch numpy; python tests/pytorch/golden.py

Each file holds weights, an input batch and a projection of every output, and what PyTorch makes of them in
float64: outputs in training and in inference, the gradients of the projections' sum, and the running statistics
after the training step. Results are rounded to float32, the inputs are float32 numbers.
"""

import json
import struct
from pathlib import Path

import torch
import torch.nn.functional as F

from networks import Hourglass, Localization, read

PATCH = 32
BATCH = 3


def save(path, tensors):
    """A safetensors file of float32 tensors."""
    header, data = {"__metadata__": {"made_by": f"tests/pytorch/golden.py, torch {torch.__version__}"}}, b""
    for name, tensor in sorted(tensors.items()):
        numbers = tensor.detach().float().contiguous().numpy().tobytes()
        offsets = [len(data), len(data) + len(numbers)]
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": offsets}
        data += numbers
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def randomise(module):
    """Numbers that a float32 holds exactly, everywhere: also where initialisation would put zeros and ones."""
    for name, tensor in module.state_dict().items():
        if tensor.dim() > 1:
            fan_in = tensor[0].numel()
            numbers = torch.randn(tensor.shape) * (2 / fan_in) ** 0.5
        elif name.endswith("running_var") or (name.endswith("weight") and tensor.dim() == 1):
            numbers = torch.rand(tensor.shape) + 0.5
        elif name.endswith("num_batches_tracked"):
            continue
        else:
            numbers = torch.randn(tensor.shape) * 0.1
        tensor.copy_(numbers)


def matrix(theta):
    """Equation 2, from tx, ty, cos 2a, sin 2a, ln s."""
    angle, scale = torch.atan2(theta[:, 3], theta[:, 2]) / 2, torch.exp(theta[:, 4])
    cos, sin = scale * torch.cos(angle), scale * torch.sin(angle)
    return torch.stack([cos, -sin, theta[:, 0], sin, cos, theta[:, 1]], 1).reshape(-1, 2, 3)


def run(localization, hourglass, patches):
    mask, theta = localization(patches)
    grid = F.affine_grid(matrix(theta), patches.shape, align_corners=False)
    canonical = F.grid_sample(patches, grid, padding_mode="border", align_corners=False)
    outputs = {"mask": mask, "theta": theta, "canonical_patch": canonical}
    return outputs | {f"stack{i}.heatmaps": maps for i, maps in enumerate(hourglass(canonical))}


def golden(path):
    torch.manual_seed(0)
    network = read(path)
    localization, hourglass = Localization(network, PATCH).double(), Hourglass(network, PATCH).double()
    modules = {"localization": localization, "hourglass": hourglass}
    with torch.no_grad():
        for module in modules.values():
            randomise(module)
        # Within the patch, turned by some 25 degrees, a little smaller than the patch.
        localization.theta.weight.copy_((localization.theta.weight * 0.1).float())
        localization.theta.bias.copy_(torch.tensor([0.1, -0.05, 0.6, 0.75, -0.3]).double())
    tensors = {}
    for name, module in modules.items():
        for key, tensor in module.state_dict().items():
            if not key.endswith("num_batches_tracked"):
                tensors[f"weights.{name}.{key}"] = tensor.clone()
    patches = F.interpolate(torch.rand(BATCH, 1, 8, 8), size=(PATCH, PATCH), mode="bicubic").float()
    tensors["input"] = patches.clone()

    with torch.no_grad():
        for module in modules.values():
            module.eval()
        for key, output in run(localization, hourglass, patches.double()).items():
            tensors[f"inference.{key}"] = output
            tensors[f"projection.{key}"] = torch.randn(output.shape).float()

    for module in modules.values():
        module.train()
    loss = 0
    for key, output in run(localization, hourglass, patches.double()).items():
        tensors[f"training.{key}"] = output
        loss = loss + (output * tensors[f"projection.{key}"].double()).sum()
    loss.backward()
    for name, module in modules.items():
        for key, parameter in module.named_parameters():
            tensors[f"gradient.{name}.{key}"] = parameter.grad
        for key, buffer in module.named_buffers():
            if not key.endswith("num_batches_tracked"):
                tensors[f"statistics.{name}.{key}"] = buffer
    save(path.with_suffix(".safetensors"), tensors)


if __name__ == "__main__":
    for path in sorted((Path(__file__).parent / "golden").glob("*.toml")):
        golden(path)

"""Prints the numbers in the tests of trainer/src/autodiff/optimiser.rs and clip.rs.

pip install torch; python tests/pytorch/optimisers.py
"""

import torch

WEIGHT, BIAS = [1.0, -2.0, 0.5], [0.25, 0.0, -1.0]
GRADIENTS = [([0.5, -1.0, 2.0], [1.0, 0.0, -0.5]), ([-0.25, 3.0, 0.0], [0.5, 0.5, 0.5]), ([1.0, 1.0, 1.0], [0.0, -2.0, 1.0])]


def run(name, make):
    weight, bias = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (WEIGHT, BIAS))
    optimiser = make(weight, bias)
    for of_weight, of_bias in GRADIENTS:
        weight.grad, bias.grad = (torch.tensor(v, dtype=torch.float64) for v in (of_weight, of_bias))
        optimiser.step()
    print(name, [f"{v:.12f}" for v in weight.tolist() + bias.tolist()])


run("sgd", lambda w, b: torch.optim.SGD([{"params": [w], "weight_decay": 0.1}, {"params": [b]}], lr=0.1, momentum=0.9))
run("adamw", lambda w, b: torch.optim.AdamW([{"params": [w]}, {"params": [b], "weight_decay": 0.0}], lr=0.1, weight_decay=0.1))

weight, bias = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (WEIGHT, BIAS))
weight.grad, bias.grad = (torch.tensor(v, dtype=torch.float64) for v in GRADIENTS[0])
print("norm", torch.nn.utils.clip_grad_norm_([weight, bias], 0.5).item())
print("clipped", [f"{v:.12f}" for v in weight.grad.tolist() + bias.grad.tolist()])

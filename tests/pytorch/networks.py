"""The networks of trainer/src/network in PyTorch, from the same TOML files and with the same parameter names.

Written from the description, not translated from the Rust code: the reference that tests compare with.
"""

import tomllib

import torch.nn as nn
import torch.nn.functional as F


class Bottleneck(nn.Module):
    def __init__(self, inputs, middle, channels, stride=1):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, middle, 1, bias=False), nn.BatchNorm2d(middle)
        self.conv2, self.bn2 = nn.Conv2d(middle, middle, 3, stride, 1, bias=False), nn.BatchNorm2d(middle)
        self.conv3, self.bn3 = nn.Conv2d(middle, channels, 1, bias=False), nn.BatchNorm2d(channels)
        if inputs != channels or stride != 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.bn3(self.conv3(y)) + (self.downsample(x) if hasattr(self, "downsample") else x))


class Normalised(nn.Module):
    """Convolution, batch norm, rectifier."""

    def __init__(self, inputs, outputs, kernel, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


class Trunk(nn.Module):
    def __init__(self, stem, stages):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, stem, 7, 2, 3, bias=False), nn.BatchNorm2d(stem)
        self.layers, channels = [], stem
        for s, stage in enumerate(stages):
            blocks = []
            for block in range(stage["blocks"]):
                stride = 2 if s > 0 and block == 0 else 1
                blocks.append(Bottleneck(channels, stage["middle"], stage["channels"], stride))
                channels = stage["channels"]
            self.layers.append(nn.Sequential(*blocks))
            self.add_module(f"layer{s + 1}", self.layers[-1])

    def forward(self, x):
        x, levels = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1), []
        for layer in self.layers:
            x = layer(x)
            levels.append(x)
        return levels


class Level(nn.Module):
    def __init__(self, inputs, channels, smooth):
        super().__init__()
        self.lateral = nn.Conv2d(inputs, channels, 1)
        if smooth:
            self.smooth = Normalised(channels, channels, 3)

    def forward(self, fine, coarse=None):
        y = self.lateral(fine)
        y = F.relu(y if coarse is None else y + F.interpolate(coarse, scale_factor=2))
        return self.smooth(y) if hasattr(self, "smooth") else y


class Pyramid(nn.Module):
    def __init__(self, stages, channels, smoothing):
        super().__init__()
        self.levels = []
        for s, stage in enumerate(stages):
            coarsest = s + 1 == len(stages)
            self.levels.append(Level(stage["channels"], channels, smoothing == "every-level" and not coarsest))
            self.add_module(f"level{s + 1}", self.levels[-1])
        if smoothing == "finest":
            self.smooth = Normalised(channels, channels, 3)

    def forward(self, maps):
        y = None
        for level, fine in reversed(list(zip(self.levels, maps))):
            y = level(fine, y)
        return self.smooth(y) if hasattr(self, "smooth") else y


class Pose(nn.Module):
    def __init__(self, channels, size, pose):
        super().__init__()
        if pose == "map":
            self.map = nn.Conv2d(channels, 4, 3, padding=1)
            self.features = 4 * size * size
        else:
            self.halves = []
            for i, halved in enumerate(pose["reduced"]["channels"]):
                self.halves.append(Normalised(channels, halved, 3, 2))
                self.add_module(f"half{i}", self.halves[-1])
                channels, size = halved, (size + 1) // 2
            self.features = pose["reduced"]["hidden"]
            self.hidden = nn.Linear(channels * size * size, self.features)

    def forward(self, x):
        if hasattr(self, "map"):
            return self.map(x).flatten(1)
        for half in self.halves:
            x = half(x)
        return F.relu(self.hidden(x.flatten(1)))


class Localization(nn.Module):
    def __init__(self, network, patch_size=128):
        super().__init__()
        c = network["localization"]
        self.trunk = Trunk(c["stem"], c["stages"])
        self.pyramid = Pyramid(c["stages"], c["pyramid"], c["smoothing"])
        self.mask = nn.Conv2d(c["pyramid"], 1, 3, padding=1)
        self.pose = Pose(c["pyramid"], patch_size // 4, c["pose"])
        self.theta = nn.Linear(self.pose.features, 5)

    def forward(self, x):
        y = self.pyramid(self.trunk(x))
        return self.mask(y), self.theta(self.pose(y))


class HourglassLevel(nn.Module):
    def __init__(self, body, depth):
        super().__init__()
        if depth == 0:
            self.bottom = body()
        else:
            self.skip, self.down, self.up = body(), body(), body()
            self.inner = HourglassLevel(body, depth - 1)

    def forward(self, x):
        if hasattr(self, "bottom"):
            return self.bottom(x)
        y = self.up(self.inner(self.down(F.max_pool2d(x, 2))))
        return self.skip(x) + F.interpolate(y, scale_factor=2)


class Feedback(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.features, self.heatmaps = nn.Conv2d(channels, channels, 1), nn.Conv2d(4, channels, 1)

    def forward(self, x, features, heatmaps):
        return F.relu(F.relu(x + self.features(features)) + self.heatmaps(heatmaps))


class Stack(HourglassLevel):
    def __init__(self, body, channels, depth, last):
        super().__init__(body, depth)
        self.features = body()
        self.heatmaps = nn.Conv2d(channels, 4, 1)
        if not last:
            self.feedback = Feedback(channels)

    def forward(self, x):
        features = self.features(super().forward(x))
        heatmaps = self.heatmaps(features)
        return heatmaps, self.feedback(x, features, heatmaps) if hasattr(self, "feedback") else None


class Stem(Normalised):
    def __init__(self, stem, ramp, quarter):
        super().__init__(1, stem, 7, 2)
        self.quarter, self.residuals, channels = quarter, [], stem
        for i, module in enumerate(ramp):
            self.residuals.append(Bottleneck(channels, module["middle"], module["channels"]))
            self.add_module(f"residual{i}", self.residuals[-1])
            channels = module["channels"]

    def forward(self, x):
        x = super().forward(x)
        for i, residual in enumerate(self.residuals):
            x = residual(x)
            if self.quarter and i == 0:
                x = F.max_pool2d(x, 2)
        return x


class Hourglass(nn.Module):
    def __init__(self, network, patch_size=128):
        super().__init__()
        c = network["hourglass"]
        middle, channels = c["ramp"][-1]["middle"], c["ramp"][-1]["channels"]
        self.stem = Stem(c["stem"], c["ramp"], c["heatmap"] * 4 == patch_size)
        self.stacks = []
        for s in range(c["stacks"]):
            last = s + 1 == c["stacks"]
            self.stacks.append(Stack(lambda: Bottleneck(channels, middle, channels), channels, c["depth"], last))
            self.add_module(f"stack{s}", self.stacks[-1])

    def forward(self, x):
        x, heatmaps = self.stem(x), []
        for stack in self.stacks:
            maps, x = stack(x)
            heatmaps.append(maps)
        return heatmaps


def read(path):
    """The network of a TOML file."""
    with open(path, "rb") as file:
        return tomllib.load(file)

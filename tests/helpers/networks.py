"""Small networks, images for them, and an independent forward pass."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from crosscheck.core.params import ModelParams, Params
from crosscheck.data.dataset import DataSet, Subset
from crosscheck.network import model
from crosscheck.network.checkpoint import Checkpoint

ORIGINAL = DataSet(["circles", "crosses"], 116, 116, 1, "stretch", 255)
COLOUR = DataSet(["a", "b", "c"], 17, 21, 3, "pad", 0)


def vary(params: Params, **changes: Any) -> ModelParams:
    """The shipped `model` section with some keys changed, checked."""
    return ModelParams.model_validate({**params.model.model_dump(), **changes})


def images_of(data_set: DataSet, count: int = 2, seed: int = 0) -> Tensor:
    shape = (count, data_set.channels, data_set.height, data_set.width)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def plain_logits(net: nn.Sequential, params: ModelParams, images: Tensor) -> Tensor:
    """The same network written out with functions, ReLU before the pooling as the original has it."""
    weights = net.state_dict()
    x = images.float() / 255
    if params.invert:
        x = 1 - x
    for number in range(1, len(params.further_channels) + 2):
        convolution = f"block{number}.convolution"
        stride = 2 if params.pool == "stride" else 1
        x = functional.conv2d(x, weights[f"{convolution}.weight"], weights.get(f"{convolution}.bias"), stride=stride)
        if params.norm == "batch":
            # As in training: by the mean and the spread of this very batch.
            spread, mean = torch.var_mean(x, (0, 2, 3), correction=0, keepdim=True)
            x = (x - mean) / (spread + 1e-5).sqrt()
            scale, shift = (weights[f"block{number}.norm.{name}"].view(-1, 1, 1) for name in ("weight", "bias"))
            x = x * scale + shift
        x = x.relu()
        if params.pool == "max":
            x = functional.max_pool2d(x, 2, 2)
        if params.pool == "avg":
            x = functional.avg_pool2d(x, 2, 2)
    x = {
        "dense": lambda maps: maps.reshape(len(maps), -1),
        "average": lambda maps: functional.adaptive_avg_pool2d(maps, 1).flatten(1),
        "convolution": lambda maps: maps.permute(0, 2, 3, 1),
    }[params.head](x)
    weights = {name: value.flatten(1) if value.ndim == 4 else value for name, value in weights.items()}
    number = 1
    while f"hidden{number}.linear.weight" in weights:
        x = (x @ weights[f"hidden{number}.linear.weight"].T + weights[f"hidden{number}.linear.bias"]).relu()
        number += 1
    logits: Tensor = x @ weights["classify.weight"].T + weights["classify.bias"]
    return logits.mean((1, 2)) if params.head == "convolution" else logits


def trained(params: Params, data_set: DataSet, **changes: Any) -> Checkpoint:
    small = {**params.model.model_dump(), "channels": 2, "further_channels": [3], "hidden": [4], **changes}
    wanted = ModelParams.model_validate(small)
    torch.manual_seed(0)
    return Checkpoint(model.build(wanted, data_set).eval(), wanted, data_set)


def toy(data_set: DataSet, count: int = 8) -> Subset:
    shape = (count, data_set.height, data_set.width, data_set.channels)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return Subset(images, np.arange(count, dtype=np.int64) % len(data_set.classes))

"""The network that the `model` parameters describe, and the checkpoint that holds it.

Images go in as uint8 (n, channels, height, width), as they are stored; scaling, polarity and centring belong to the
network, so that every user of a checkpoint prepares images as training did.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from crosscheck.core.params import ModelParams
from crosscheck.data.dataset import DataSet
from crosscheck.network import backbones, timm_networks
from crosscheck.network.shapes import KERNEL, all_channels, find_head, hidden_widths, map_size

# How the names of the layers begin that give maps to look at, from the first to the last.
MAPS = ("block", "backbone")


class Scale(nn.Module):
    """Grey levels 0 to 255 to about [0, 1]: x * scale + shift, channel by channel.

    For a backbone, to what it was made for: always three channels, which are alike where the image has one.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, params: ModelParams, channels: int) -> None:
        super().__init__()
        if backbones.is_used(params):
            means, deviations = timm_networks.normalisation(params.backbone)
            factors = [1 / (255 * deviation) for deviation in deviations]
            offsets = [-mean / deviation for mean, deviation in zip(means, deviations, strict=True)]
        else:
            sign, offset = (-1.0, 1.0) if params.invert else (1.0, 0.0)
            factors, offsets = [sign / 255] * channels, [offset] * channels
        self.register_buffer("scale", torch.tensor(factors).reshape(1, -1, 1, 1))
        self.register_buffer("shift", torch.tensor(offsets).reshape(1, -1, 1, 1))

    def centre_on(self, mean: Tensor) -> None:
        """Let `mean`, float (channels,) in grey levels, become 0."""
        self.shift.copy_(-mean.reshape(self.shift.shape) * self.scale)

    def forward(self, images: Tensor) -> Tensor:
        return images.to(self.scale.dtype) * self.scale + self.shift


class Average(nn.Module):
    """Global average pooling: (n, channels, height, width) to (n, channels). As a mean, deterministic on a GPU too."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps.mean((2, 3))


def build(params: ModelParams, data_set: DataSet) -> nn.Sequential:
    """An untrained network on the default device: `scale`, `block1`, ..., or `backbone`, then the head.

    A dense head is `flatten`, `hidden1`, ..., `classify`; one that averages has `average` for `flatten`; of
    convolutions, `hidden1`, ..., `classify`, `average`.
    Takes uint8 or float (n, channels, height, width) in grey levels; gives logits, float (n, classes).
    Raises InputError where the image is too small for the convolutions, and where there is no such backbone.
    """
    height, width = map_size(params, data_set.height, data_set.width)
    layers: OrderedDict[str, nn.Module] = OrderedDict(scale=Scale(params, data_set.channels))
    head = find_head(params)
    inputs: int = data_set.channels
    if backbones.is_used(params):
        layers["backbone"] = timm_networks.build(params.backbone)
        inputs = timm_networks.measure(params.backbone, data_set.height, data_set.width).channels
    else:
        for number, outputs in enumerate(all_channels(params), start=1):
            layers[f"block{number}"] = _block(inputs, outputs, params)
            inputs = outputs
    if head == "dense":
        layers["flatten"] = nn.Flatten()
        inputs = inputs * height * width
    if head == "average":
        layers["average"] = Average()
    for number, outputs in enumerate(hidden_widths(params), start=1):
        layers[f"hidden{number}"] = nn.Sequential(
            OrderedDict(linear=_linear(inputs, outputs, head), activation=nn.ReLU(inplace=True))
        )
        inputs = outputs
    layers["classify"] = _linear(inputs, len(data_set.classes), head)
    if head == "convolution":
        layers["average"] = Average()
    return nn.Sequential(layers)


def _linear(inputs: int, outputs: int, head: str) -> nn.Module:
    return nn.Conv2d(inputs, outputs, 1) if head == "convolution" else nn.Linear(inputs, outputs)


def _block(inputs: int, outputs: int, params: ModelParams) -> nn.Sequential:
    pool, norm = params.pool, params.norm == "batch"
    convolution = nn.Conv2d(inputs, outputs, KERNEL, stride=2 if pool == "stride" else 1, bias=not norm)
    layers: OrderedDict[str, nn.Module] = OrderedDict(convolution=convolution)
    if norm:
        layers["norm"] = nn.BatchNorm2d(outputs)
    if pool == "max":
        # relu(max_pool(x)) equals max_pool(relu(x)), and works on a quarter of the values.
        layers["pool"] = nn.MaxPool2d(2)
    layers["activation"] = nn.ReLU(inplace=pool == "max")
    if pool == "avg":
        layers["pool"] = nn.AvgPool2d(2)
    return nn.Sequential(layers)


def parameter_count(net: nn.Module) -> int:
    """How many numbers training adjusts, or would adjust in a backbone that is frozen."""
    return sum(parameter.numel() for parameter in net.parameters())

"""The network as it is run many times over on a CPU: the same weights and the same mathematics, in less time."""

from collections.abc import Callable
from typing import cast

import torch
from torch import nn

from crosscheck.training.fused_conv_pool import PooledConvolution
from crosscheck.training.fused_linear import Dense


def faster(net: nn.Sequential, device: torch.device, rate: Callable[[], float] | None) -> nn.Sequential:
    """`net` with its dense layers and its first convolution replaced by faster ones that share its weights.

    `rate` gives the learning rate of plain SGD: the backward pass then moves the weights of dense layers (not their
    biases) itself and leaves them without a gradient. None: every gradient is left to an optimizer of any kind.
    Where this would gain nothing, on a GPU or without oneDNN, and where this torch lacks an operator that the faster
    layers need, it is `net` itself.
    """
    has_onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if device.type != "cpu" or not has_onednn or not has_operators():
        return net
    twin = nn.Sequential()
    for name, layer in net.named_children():
        if name == "backbone":
            twin.add_module(name, layer)
        else:
            twin.add_module(name, _first_block(layer) if name == "block1" else _dense(layer, rate))
    return twin


def has_operators() -> bool:
    """Whether this torch has the operators of the faster layers, which belong to no promise of its makers."""
    return hasattr(torch.ops.mkldnn, "_linear_pointwise") and hasattr(torch.ops.aten.threshold_backward, "grad_input")


def _first_block(block: nn.Module) -> nn.Module:
    """Only the first: its images want no gradient. Pooling has to follow at once, and of colours oneDNN is as fast."""
    layers = dict(block.named_children())
    convolution = cast(nn.Conv2d, layers["convolution"])
    pooled_at_once = list(layers) == ["convolution", "pool", "activation"]
    return PooledConvolution(convolution) if pooled_at_once and convolution.in_channels == 1 else block


def _dense(layer: nn.Module, rate: Callable[[], float] | None) -> nn.Module:
    if isinstance(layer, nn.Linear):
        return Dense(layer, rate)
    if isinstance(layer, nn.Sequential):
        return nn.Sequential(*(_dense(inner, rate) for inner in layer))
    return layer

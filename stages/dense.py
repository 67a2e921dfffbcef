"""Dense layers in training on a CPU: oneDNN's matrix products, and plain SGD inside the backward pass.

MKL, which torch asks otherwise, keeps its fastest kernels to Intel's own processors. And a gradient as large as the
weights is written to memory only to be read once: a block of its rows that is subtracted at once stays in the cache,
and the whole gradient never takes any memory. Both leave the mathematics as they are.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

# Rows of a gradient that are made and subtracted together.
BLOCK_BYTES = 16 * 2**20


def faster_layers(device: torch.device, rate: Callable[[], float] | None) -> AbstractContextManager[Any]:
    """A context for the forward pass of training, within which dense layers go the way described above.

    `rate` gives the learning rate of plain SGD: the backward pass then moves the weights (not the biases) itself and
    leaves them without a gradient. None: it returns every gradient, for an optimizer of any kind.
    """
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return nullcontext()
    return _FasterLayers(rate)


class _FasterLayers(TorchFunctionMode):
    def __init__(self, rate: Callable[[], float] | None) -> None:
        super().__init__()
        self.rate = rate

    def __torch_function__(
        self, func: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is functional.linear:
            return _Dense.apply(*args, self.rate)
        return func(*args, **(kwargs or {}))


class _Dense(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor, rate: Callable[[], float] | None) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        ctx.rate = rate
        return _product(inputs, weight, bias)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weight = ctx.saved_tensors
        towards_inputs = _product(slope, weight.t())
        if ctx.rate is None:
            return towards_inputs, _product(slope.t(), inputs.t()), slope.sum(0), None
        rows = max(1, BLOCK_BYTES // (weight.nbytes // len(weight)))
        for block, block_slope in zip(torch.split(weight, rows), torch.split(slope, rows, dim=1), strict=True):
            block.sub_(_product(block_slope.t(), inputs.t()), alpha=ctx.rate())
        return towards_inputs, None, slope.sum(0), None


def _product(left: Tensor, right: Tensor, bias: Tensor | None = None) -> Tensor:
    """left @ right.T + bias, by oneDNN."""
    product: Tensor = torch.ops.mkldnn._linear_pointwise(left, right, bias, "none", [], "")
    return product

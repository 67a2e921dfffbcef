"""Dense layers in training on a CPU: oneDNN's matrix products, and plain SGD inside the backward pass.

MKL, which torch asks otherwise, keeps its fastest kernels to Intel's own processors. And a gradient as large as the
weights is written to memory only to be read once: a block of its rows that is subtracted at once stays in the cache,
and the whole gradient never takes any memory. Both leave the mathematics as they are.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn

# Rows of a gradient that are made and subtracted together: fewer are slower where rows are long.
BLOCK_ROWS = 256


class Dense(nn.Module):
    """The dense layer `linear`, whose weights it shares, in training on a CPU: float32 (n, inputs) to (n, outputs).

    `rate` gives the learning rate of plain SGD: the backward pass then moves the weights (not the biases) itself and
    leaves them without a gradient. None: it returns every gradient, for an optimizer of any kind.
    """

    def __init__(self, linear: nn.Linear, rate: Callable[[], float] | None) -> None:
        super().__init__()
        self.linear = linear
        self.rate = rate

    def forward(self, inputs: Tensor) -> Tensor:
        return cast(Tensor, _Dense.apply(inputs, self.linear.weight, self.linear.bias, self.rate))


class _Dense(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor, rate: Callable[[], float] | None) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        ctx.rate = rate
        return product(inputs, weight, bias)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weight = ctx.saved_tensors
        towards_inputs = product(slope, weight.t())
        if ctx.rate is None:
            return towards_inputs, product(slope.t(), inputs.t()), slope.sum(0), None
        blocks = zip(torch.split(weight, BLOCK_ROWS), torch.split(slope, BLOCK_ROWS, dim=1), strict=True)
        for block, block_slope in blocks:
            block.sub_(product(block_slope.t(), inputs.t()), alpha=ctx.rate())
        return towards_inputs, None, slope.sum(0), None


def product(left: Tensor, right: Tensor, bias: Tensor | None = None) -> Tensor:
    """left @ right.T + bias, by oneDNN, for float32 matrices (n, inputs), (outputs, inputs) and a bias (outputs,)."""
    result: Tensor = torch.ops.mkldnn._linear_pointwise(left, right, bias, "none", [], "")
    return result

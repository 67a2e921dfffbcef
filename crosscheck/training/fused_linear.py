"""Dense layers in training on a CPU: the faster library's matrix products, and plain SGD inside the backward pass.

A gradient as large as the weights is written to memory only to be read once. Subtracted from the weights where it is
made, in blocks of rows that stay in the cache, it never takes any memory. Of the libraries for matrix products oneDNN
is the faster for small layers. For weights far larger than the cache MKL is, which has them on its left; where portable
mode holds it back, and where it keeps its fastest kernels to Intel's own processors, scipy's OpenBLAS subtracts such a
gradient as fast. All of this leaves the mathematics as they are.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from crosscheck.core import devices

# Rows of a gradient that are made and subtracted together by oneDNN, unless they are too long to stay in the cache.
BLOCK_ROWS = 256
BLOCK_BYTES = 16 * 2**20
# Weights from here on are MKL's. It adds to a matrix at half of the speed where not every row begins at a whole vector.
LARGE_BYTES = 64 * 2**20
VECTOR_BYTES = 32


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
        return _by_weights(inputs, weight, bias)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weight = ctx.saved_tensors
        towards_inputs = _by_weights(slope, weight.t())
        if ctx.rate is None:
            return towards_inputs, product(slope.t(), inputs.t()), slope.sum(0), None
        _descend(weight, slope, inputs, ctx.rate())
        return towards_inputs, None, slope.sum(0), None


def product(left: Tensor, right: Tensor, bias: Tensor | None = None) -> Tensor:
    """left @ right.T + bias, by oneDNN, for float32 matrices (n, inputs), (outputs, inputs) and a bias (outputs,)."""
    result: Tensor = torch.ops.mkldnn._linear_pointwise(left, right, bias, "none", [], "")
    return result


def _by_weights(few: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """few @ weight.T + bias, of a few rows and of many weights."""
    if not _is_for_mkl(weight):
        return product(few, weight, bias)
    turned = weight @ few.t() if bias is None else torch.addmm(bias[:, None], weight, few.t())
    return turned.t().contiguous()


def _is_for_mkl(weight: Tensor) -> bool:
    return weight.nbytes >= LARGE_BYTES and devices.mkl_is_quick()


def _descend(weight: Tensor, slope: Tensor, inputs: Tensor, rate: float) -> None:
    """Subtract `rate` times the gradient, slope.T @ inputs, from the weights in place."""
    row_bytes = weight.stride(0) * weight.element_size()
    if _is_for_mkl(weight) and row_bytes % VECTOR_BYTES == 0:
        weight.addmm_(slope.t(), inputs, alpha=-rate)
        return
    if weight.nbytes >= LARGE_BYTES and weight.is_contiguous():
        _descend_by_openblas(weight, slope, inputs, rate)
        return
    rows = min(BLOCK_ROWS, max(1, BLOCK_BYTES // row_bytes))
    blocks = zip(torch.split(weight, rows), torch.split(slope, rows, dim=1), strict=True)
    for block, block_slope in blocks:
        block.sub_(product(block_slope.t(), inputs.t()), alpha=rate)


def _descend_by_openblas(weight: Tensor, slope: Tensor, inputs: Tensor, rate: float) -> None:
    """The same by OpenBLAS, whose matrices have columns where torch's have rows: inputs.T @ slope from weight.T."""
    # Large layers on a CPU alone need it, and a machine for its GPU may not have it.
    from scipy.linalg import blas

    turned = weight.detach().numpy().T
    left, right = inputs.contiguous().numpy().T, slope.contiguous().numpy().T
    with _openblas().limit(limits=torch.get_num_threads()):
        moved = blas.sgemm(-rate, left, right, beta=1.0, c=turned, trans_b=1, overwrite_c=1)
    if not np.shares_memory(moved, turned):
        turned[:] = moved


@cache
def _openblas() -> Any:
    """What sets the number of OpenBLAS's threads, which is otherwise one."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(internal_api="openblas")

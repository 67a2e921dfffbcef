"""A first convolution, its 2 x 2 max pooling and its ReLU on a CPU, as matrix products that stay in the cache.

A 3 x 3 kernel and 2 x 2 pooling look at 4 x 4 pixels together. The kernel at each of its four places among them is one
matrix, all 4 x 4 windows another; of their product the largest of each four values is kept, with a note of which one
it was (the first of equals, as in torch's pooling). A few images at a time, so that the maps before pooling stay in the
cache. oneDNN's convolution takes twice as long there, most of all for its backward pass.
"""

from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from crosscheck.network.shapes import KERNEL
from crosscheck.training.fused_linear import product

# Of the product, for as many images as are worked on together.
PIECE_BYTES = 2 * 2**20
POOL = 2
WINDOW = KERNEL + POOL - 1


class PooledConvolution(nn.Module):
    """The 3 x 3 `convolution`, whose weights it shares, `nn.MaxPool2d(2)` and `nn.ReLU`, for images without a gradient.

    Takes float32 (n, channels, height, width) and gives (n, out_channels, (height - 2) // 2, (width - 2) // 2),
    channels last in memory.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, images: Tensor) -> Tensor:
        weight, bias = self.convolution.weight, self.convolution.bias
        return cast(Tensor, _PooledConvolution.apply(images, weight, bias, torch.is_grad_enabled()))


class _PooledConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, bias: Tensor, in_training: bool) -> Tensor:
        number, outputs = len(images), len(weight)
        height, width = ((length - KERNEL + 1) // POOL for length in images.shape[2:])
        maps = torch.empty(number, outputs, height, width, dtype=images.dtype, memory_format=torch.channels_last)
        kernels, leads = _at_four_places(weight), []
        for piece in _pieces(number, 4 * outputs * height * width * images.element_size()):
            left, right = product(kernels, _windows(images[piece]).t()).chunk(2)
            if in_training:
                leads.append(right - left)
            upper, lower = torch.maximum(left, right, out=left).chunk(2)
            if in_training:
                leads.append(lower - upper)
            largest = torch.maximum(upper, lower, out=upper).add_(bias[:, None]).relu_()
            maps[piece] = largest.view(outputs, -1, height, width).transpose(0, 1)
        ctx.save_for_backward(images, maps, *leads)
        ctx.strides = weight.stride()
        return maps

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        images, maps, *leads = ctx.saved_tensors
        (number, outputs, height, width), channels = slope.shape, images.shape[1]
        towards_kernels = slope.new_zeros(4 * outputs, channels * WINDOW**2)
        towards_bias = slope.new_zeros(outputs)
        pieces = _pieces(number, 4 * outputs * height * width * images.element_size())
        for piece, lead_of_right, lead_of_lower in zip(pieces, leads[::2], leads[1::2], strict=True):
            before = torch.ops.aten.threshold_backward(slope[piece], maps[piece], 0)
            whole = before.transpose(0, 1).reshape(outputs, -1).contiguous()
            rows = _in_two(whole, lead_of_lower)
            towards_kernels += product(_in_two(rows, lead_of_right), _windows(images[piece]))
            towards_bias += whole.sum(1)
        towards_weight = _from_four_places(towards_kernels, channels)
        # Where gradients meet between processes, they have to lie in memory as the weights do.
        laid_out = towards_weight.new_empty_strided(towards_weight.shape, ctx.strides).copy_(towards_weight)
        return None, laid_out, towards_bias, None


def _pieces(number: int, image_bytes: int) -> Iterator[slice]:
    together = max(1, PIECE_BYTES // image_bytes)
    return (slice(start, start + together) for start in range(0, number, together))


def _windows(images: Tensor) -> Tensor:
    """The windows of 4 x 4 pixels, two pixels apart, as the columns of a matrix (channels * 16, n * height * width)."""
    windows = images.unfold(2, WINDOW, POOL).unfold(3, WINDOW, POOL)
    return windows.permute(1, 4, 5, 0, 2, 3).reshape(images.shape[1] * WINDOW**2, -1)


def _at_four_places(weight: Tensor) -> Tensor:
    """The kernels at upper left, lower left, upper right and lower right of a window, (4 * outputs, channels * 16)."""
    places = [functional.pad(weight, (x, 1 - x, y, 1 - y)) for x in range(POOL) for y in range(POOL)]
    return torch.cat(places).flatten(1)


def _from_four_places(towards_kernels: Tensor, channels: int) -> Tensor:
    """The slope towards the weights, (outputs, channels, 3, 3), from that towards the kernels at their four places."""
    places = towards_kernels.view(POOL, POOL, -1, channels, WINDOW, WINDOW)
    parts = [places[x, y, :, :, y : y + KERNEL, x : x + KERNEL] for x in range(POOL) for y in range(POOL)]
    return torch.stack(parts).sum(0)


def _in_two(whole: Tensor, lead: Tensor) -> Tensor:
    """`whole`, (m, n), where the second does not lead, above `whole` where it does: (2 * m, n)."""
    parts = whole.new_empty(2, *whole.shape)
    torch.ops.aten.threshold_backward.grad_input(whole, lead, 0, grad_input=parts[1])
    torch.sub(whole, parts[1], out=parts[0])
    return parts.flatten(0, 1)

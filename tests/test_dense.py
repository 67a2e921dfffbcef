"""Dense layers in training: the gradients and the descent are those that numpy works out in double precision."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from stages import dense


def layer_and_batch() -> tuple[nn.Linear, torch.Tensor, torch.Tensor]:
    """A layer of 40 inputs and 30 outputs, 16 inputs to it, and what the loss changes by with each output."""
    torch.manual_seed(0)
    return nn.Linear(40, 30), torch.randn(16, 40), torch.randn(16, 30)


def exact(tensor: torch.Tensor) -> NDArray[np.float64]:
    return tensor.detach().double().numpy()


def close(mine: torch.Tensor | None, wanted: NDArray[np.float64]) -> None:
    assert mine is not None
    np.testing.assert_allclose(mine.detach().numpy(), wanted, rtol=1e-5, atol=1e-5)


def test_output_and_gradients_are_those_of_a_dense_layer() -> None:
    layer, inputs, slope = layer_and_batch()
    inputs.requires_grad_()
    outputs = dense.Dense(layer, None)(inputs)
    outputs.backward(slope)
    close(outputs, exact(inputs) @ exact(layer.weight).T + exact(layer.bias))
    close(inputs.grad, exact(slope) @ exact(layer.weight))
    close(layer.weight.grad, exact(slope).T @ exact(inputs))
    close(layer.bias.grad, exact(slope).sum(axis=0))


@pytest.mark.parametrize("rows", [1, 7, 30, 1000])
def test_the_backward_pass_descends_in_blocks_of_any_size(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr(dense, "BLOCK_ROWS", rows)
    layer, inputs, slope = layer_and_batch()
    inputs.requires_grad_()
    before = exact(layer.weight).copy()
    rate = 0.5
    outputs = dense.Dense(layer, lambda: rate)(inputs)
    rate = 0.25
    outputs.backward(slope)
    close(layer.weight, before - 0.25 * exact(slope).T @ exact(inputs))
    close(inputs.grad, exact(slope) @ before)
    close(layer.bias.grad, exact(slope).sum(axis=0))
    assert layer.weight.grad is None

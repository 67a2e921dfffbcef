"""Dense layers in training: the gradients and the descent are those that numpy works out in double precision."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.linalg import blas
from torch import nn

from crosscheck.core import devices
from crosscheck.training import fused_linear


def layer_and_batch(inputs: int = 40) -> tuple[nn.Linear, torch.Tensor, torch.Tensor]:
    """A layer of so many inputs and 30 outputs, a batch of 16, and what the loss changes by with each output."""
    torch.manual_seed(0)
    return nn.Linear(inputs, 30), torch.randn(16, inputs), torch.randn(16, 30)


def exact(tensor: torch.Tensor) -> NDArray[np.float64]:
    return tensor.detach().double().numpy()


def close(mine: torch.Tensor | None, wanted: NDArray[np.float64]) -> None:
    assert mine is not None
    np.testing.assert_allclose(mine.detach().numpy(), wanted, rtol=1e-5, atol=1e-5)


def test_output_and_gradients_are_those_of_a_dense_layer() -> None:
    layer, inputs, slope = layer_and_batch()
    inputs.requires_grad_()
    outputs = fused_linear.Dense(layer, None)(inputs)
    outputs.backward(slope)
    close(outputs, exact(inputs) @ exact(layer.weight).T + exact(layer.bias))
    close(inputs.grad, exact(slope) @ exact(layer.weight))
    close(layer.weight.grad, exact(slope).T @ exact(inputs))
    close(layer.bias.grad, exact(slope).sum(axis=0))


@pytest.mark.parametrize("rows", [1, 7, 30, 1000])
def test_the_backward_pass_descends_in_blocks_of_any_size(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr(fused_linear, "BLOCK_ROWS", rows)
    assert_descends(*layer_and_batch())


@pytest.mark.parametrize("block_bytes", [1, 4 * 40 * 7])
def test_blocks_of_long_rows_are_of_fewer(monkeypatch: pytest.MonkeyPatch, block_bytes: int) -> None:
    monkeypatch.setattr(fused_linear, "BLOCK_BYTES", block_bytes)
    products = spied_on(monkeypatch, "product")
    assert_descends(*layer_and_batch())
    # One forwards, one towards the inputs, and one for each block of the 30 rows.
    assert len(products) == 2 + (30 if block_bytes == 1 else 5)


def test_a_block_is_small_enough_to_be_kept_when_it_is_freed() -> None:
    assert fused_linear.BLOCK_BYTES <= devices.KEPT_BYTES


@pytest.mark.parametrize("inputs", [40, 41])
def test_large_layers_descend_and_have_the_same_gradients_by_mkl(monkeypatch: pytest.MonkeyPatch, inputs: int) -> None:
    monkeypatch.setattr(fused_linear, "LARGE_BYTES", 0)
    monkeypatch.setattr("crosscheck.core.devices.mkl_is_quick", lambda: True)
    products, descents = spied_on(monkeypatch, "product"), spied_on(monkeypatch, "_descend_by_openblas")
    assert_descends(*layer_and_batch(inputs))
    # Rows of 41 floats do not all begin at a whole vector, where MKL is slow to subtract.
    assert (len(products), len(descents)) == (0, 0 if inputs == 40 else 1)


@pytest.mark.parametrize("order", ["rows", "columns"])
def test_where_mkl_is_not_quick_large_layers_descend_by_openblas(monkeypatch: pytest.MonkeyPatch, order: str) -> None:
    monkeypatch.setattr(fused_linear, "LARGE_BYTES", 0)
    monkeypatch.setattr("crosscheck.core.devices.mkl_is_quick", lambda: False)
    products, descents = spied_on(monkeypatch, "product"), spied_on(monkeypatch, "_descend_by_openblas")
    layer, inputs, slope = layer_and_batch()
    if order == "columns":
        layer.weight.data = layer.weight.data.t().contiguous().t()
        slope = slope.t().contiguous().t()
    assert_descends(layer, inputs, slope)
    # Weights that lie in memory by columns stay with oneDNN.
    assert (len(products), len(descents)) == ((2, 1) if order == "rows" else (3, 0))


def test_openblas_uses_torchs_number_of_threads_and_gives_them_back(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[int]] = []
    real = blas.sgemm

    def sgemm(*values: object, **options: object) -> NDArray[np.float32]:
        seen.append({library["num_threads"] for library in fused_linear._openblas().info()})
        moved: NDArray[np.float32] = real(*values, **options)
        return moved

    before = torch.get_num_threads(), fused_linear._openblas().info()
    monkeypatch.setattr(blas, "sgemm", sgemm)
    monkeypatch.setattr(fused_linear, "LARGE_BYTES", 0)
    monkeypatch.setattr("crosscheck.core.devices.mkl_is_quick", lambda: False)
    try:
        torch.set_num_threads(2)
        assert_descends(*layer_and_batch())
    finally:
        torch.set_num_threads(before[0])
    assert seen == [{2}]
    assert fused_linear._openblas().info() == before[1]


def spied_on(monkeypatch: pytest.MonkeyPatch, name: str) -> list[str]:
    """The calls of the function of this name of `crosscheck.training.fused_linear`, which does what it did."""
    calls: list[str] = []
    real = getattr(fused_linear, name)

    def spy(*values: torch.Tensor) -> torch.Tensor:
        calls.append(name)
        result: torch.Tensor = real(*values)
        return result

    monkeypatch.setattr(fused_linear, name, spy)
    return calls


def assert_descends(layer: nn.Linear, inputs: torch.Tensor, slope: torch.Tensor) -> None:
    inputs.requires_grad_()
    before = exact(layer.weight).copy()
    rate = 0.5
    outputs = fused_linear.Dense(layer, lambda: rate)(inputs)
    close(outputs, exact(inputs) @ before.T + exact(layer.bias))
    rate = 0.25
    outputs.backward(slope)
    close(layer.weight, before - 0.25 * exact(slope).T @ exact(inputs))
    close(inputs.grad, exact(slope) @ before)
    close(layer.bias.grad, exact(slope).sum(axis=0))
    assert layer.weight.grad is None

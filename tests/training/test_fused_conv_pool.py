"""The first convolution with its pooling and ReLU: values and gradients are those of torch's own layers."""

import pytest
import torch
from torch import Tensor, nn

from crosscheck.training import fused_conv_pool


def both_ways(images: Tensor, outputs: int, in_double: bool = True) -> list[tuple[Tensor, list[Tensor]]]:
    """The maps and the gradients by torch's layers, in double precision or as they are, and by ours."""
    torch.manual_seed(0)
    layer = nn.Conv2d(images.shape[1], outputs, 3).to(memory_format=torch.channels_last)
    exact = nn.Conv2d(images.shape[1], outputs, 3)
    exact.load_state_dict(layer.state_dict())
    plain = images.double() if in_double else images
    maps = nn.MaxPool2d(2)((exact.double() if in_double else exact)(plain)).relu()
    slope = torch.randn(maps.shape, dtype=maps.dtype)
    maps.backward(slope)
    mine = fused_conv_pool.PooledConvolution(layer)(images)
    mine.backward(slope.float())
    gradients = [[weights.grad for weights in each.parameters()] for each in (exact, layer)]
    return [(maps.detach(), gradients[0]), (mine.detach(), gradients[1])]  # type: ignore[list-item]


def assert_same(images: Tensor, outputs: int) -> None:
    (maps, gradients), (my_maps, my_gradients) = both_ways(images, outputs)
    torch.testing.assert_close(my_maps, maps.float(), rtol=1e-5, atol=1e-6)
    for mine, exact in zip(my_gradients, gradients, strict=True):
        scale = exact.abs().max().item()
        torch.testing.assert_close(mine, exact.float(), rtol=1e-4, atol=1e-5 * scale)


@pytest.mark.parametrize(
    ("shape", "outputs"),
    [
        ((8, 1, 116, 116), 9),
        ((1, 1, 4, 4), 1),  # one value is left
        ((3, 1, 5, 6), 4),  # pooling leaves a row out
        ((2, 1, 6, 5), 4),  # and a column
        ((5, 3, 21, 34), 18),  # colours
        ((7, 2, 9, 8), 36),
    ],
)
def test_values_and_gradients_are_those_of_convolution_pooling_and_relu(shape: tuple[int, ...], outputs: int) -> None:
    torch.manual_seed(1)
    assert_same(torch.rand(shape), outputs)


@pytest.mark.parametrize("piece_bytes", [1, 20_000, 10**9])
def test_the_images_that_are_worked_on_together_change_nothing(
    monkeypatch: pytest.MonkeyPatch, piece_bytes: int
) -> None:
    monkeypatch.setattr(fused_conv_pool, "PIECE_BYTES", piece_bytes)
    torch.manual_seed(2)
    assert_same(torch.rand(7, 1, 20, 20), 5)


def test_of_equal_values_the_first_is_meant_as_in_torchs_pooling() -> None:
    """Drawings have areas of one colour, where all four places give the same value but for their gradient's way."""
    torch.manual_seed(3)
    images = (torch.rand(4, 1, 30, 30) > 0.9).float()
    (maps, gradients), (my_maps, my_gradients) = both_ways(images, 6, in_double=False)
    torch.testing.assert_close(my_maps, maps, rtol=1e-5, atol=1e-6)
    for mine, theirs in zip(my_gradients, gradients, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)


def test_the_maps_are_channels_last() -> None:
    maps = fused_conv_pool.PooledConvolution(nn.Conv2d(1, 3, 3))(torch.rand(2, 1, 12, 12))
    assert maps.is_contiguous(memory_format=torch.channels_last)


def test_without_gradients_it_keeps_nothing_for_a_backward_pass() -> None:
    layer = fused_conv_pool.PooledConvolution(nn.Conv2d(1, 3, 3))
    images = torch.rand(2, 1, 12, 12)
    wanted = layer(images)
    with torch.inference_mode():
        maps = layer(images)
    assert maps.grad_fn is None
    assert torch.equal(maps, wanted)


def test_what_is_no_number_stays_none() -> None:
    """Training has to see that its weights broke."""
    layer = nn.Conv2d(1, 2, 3)
    with torch.no_grad():
        layer.weight[0] = torch.nan
    maps = fused_conv_pool.PooledConvolution(layer)(torch.rand(1, 1, 8, 8))
    assert maps[:, 0].isnan().all()
    assert maps[:, 1].isfinite().all()

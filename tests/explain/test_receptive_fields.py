"""Layers and their receptive fields, held against the gradient; what excites a channel, against the crop alone."""

from typing import Any

import numpy as np
import pytest
import torch
from helpers.networks import toy, trained

from crosscheck.core.params import Params
from crosscheck.data.dataset import DataSet, Subset
from crosscheck.explain import activations, receptive_fields
from crosscheck.network import inference

DATA = DataSet(["x", "y"], 26, 30, 1, "stretch", 255)
KINDS: list[dict[str, Any]] = [
    {},
    {"pool": "avg", "further_channels": []},
    {"pool": "stride", "further_channels": [3, 2]},
    {"pool": "none", "head": "average"},
    {"head": "convolution", "norm": "batch"},
]


@pytest.mark.parametrize("changes", KINDS, ids=str)
def test_a_value_depends_on_its_receptive_field_and_nothing_else(params: Params, changes: dict[str, Any]) -> None:
    checkpoint = trained(params, DATA, **changes)
    for weights in checkpoint.net.parameters():
        # Nothing is cut off by ReLU, and no gradient is 0 by chance.
        weights.data = weights.data.abs() + 0.01
    for layer in receptive_fields.list_layers(checkpoint):
        if not layer.step:
            assert (layer.height, layer.width) == (26, 30)
            continue
        pixels = torch.rand(1, 1, 26, 30) * 255
        pixels.requires_grad_()
        values = pixels
        for name, child in checkpoint.net.named_children():
            values = child(values)
            if name == layer.name:
                break
        row, column = values.shape[2] - 1, values.shape[3] // 2
        # Max pooling lets one of four pass, so the field is where any of many images has an influence.
        (gradient,) = torch.autograd.grad(values[0, :, row, column].sum(), pixels)
        reached = np.argwhere(gradient[0, 0].numpy() != 0)
        corner = np.array([row, column]) * layer.step
        assert (reached >= corner).all()
        assert (reached < corner + np.array([layer.height, layer.width])).all()
        if checkpoint.params.pool != "max":
            assert len(reached) == layer.height * layer.width


def test_the_receptive_fields_of_the_original_are_those_of_its_description(params: Params) -> None:
    data_set = DataSet(["x", "y"], 116, 116, 1, "stretch", 255)
    fields = [
        layer.height
        for layer in receptive_fields.list_layers(trained(params, data_set, further_channels=[2, 2]))
        if layer.step
    ]
    assert fields == [4, 10, 22]
    deep = trained(params, data_set, further_channels=[2, 2, 2, 2], head="convolution")
    assert [layer.height for layer in receptive_fields.list_layers(deep) if layer.name == "classify"] == [94]


@pytest.mark.parametrize("changes", KINDS, ids=str)
def test_layers_give_what_the_network_gives(params: Params, changes: dict[str, Any]) -> None:
    checkpoint = trained(params, DATA, **changes)
    pixels = torch.from_numpy(toy(DATA).images.transpose(0, 3, 1, 2).copy())
    *_, (_, last) = inference.outputs(checkpoint.net, pixels)
    assert torch.equal(last, checkpoint.net(pixels))


def test_the_untrained_network_is_that_of_the_seed_with_the_same_scaling(params: Params) -> None:
    checkpoint = trained(params, DATA, centre=True)
    checkpoint.net.get_submodule("scale").shift += 1
    again = receptive_fields.untrained(checkpoint, 0)
    assert all(
        torch.equal(mine, yours) for mine, yours in zip(again.parameters(), checkpoint.net.parameters(), strict=True)
    )
    assert torch.equal(again.get_submodule("scale").shift, checkpoint.net.get_submodule("scale").shift)
    other = receptive_fields.untrained(checkpoint, 1)
    assert not torch.equal(other.get_submodule("classify").weight, again.get_submodule("classify").weight)


@pytest.mark.parametrize("pool", ["max", "avg", "stride", "none"])
def test_a_patch_alone_excites_its_channel_exactly_as_much(params: Params, pool: str) -> None:
    checkpoint, images = trained(params, DATA, pool=pool), toy(DATA, 9)
    for response in activations.find_responses(checkpoint.net, receptive_fields.list_layers(checkpoint), images, 4)[:2]:
        number = int(response.layer.name.removeprefix("block"))
        for channel in range(response.channels):
            found = list(activations.patches(response, images, channel, 3))
            assert [peak for _, peak in found] == sorted(response.peak[:, channel].tolist(), reverse=True)[:3]
            for patch, peak in found:
                assert patch.shape == (response.layer.height, response.layer.width, 1)
                alone = checkpoint.net[: number + 1](torch.from_numpy(patch.transpose(2, 0, 1)[None].copy()))
                assert alone[0, channel].shape == (1, 1)
                assert alone[0, channel].item() == pytest.approx(peak, abs=1e-5)


def test_dead_channels_zeros_and_favourites_are_told(params: Params) -> None:
    checkpoint = trained(params, DATA, channels=3)
    convolution = checkpoint.net.get_submodule("block1.convolution")
    with torch.no_grad():
        convolution.weight.zero_()
        # Channel 0 is dead, 1 sees darkness, 2 is always on.
        convolution.bias.copy_(torch.tensor([-1.0, 0.9, 0.5]))
        convolution.weight[1] = -0.1
    labels = np.array([0, 1] * 4)
    images = np.full((8, 26, 30, 1), 255, np.uint8)
    images[labels == 1] = 0
    response = activations.find_responses(
        checkpoint.net, receptive_fields.list_layers(checkpoint), Subset(images, labels), 3
    )[0]
    assert response.dead.tolist() == [True, False, False]
    assert response.favourites(labels).tolist() == [-1, 1, -1]
    assert response.zeros == pytest.approx((1 + 0.5) / 3, abs=1e-6)


def test_a_sample_has_equal_shares_and_never_too_many() -> None:
    labels = np.repeat(np.arange(5), 20)
    subset = Subset(np.zeros((100, 2, 2, 1), np.uint8), labels)
    assert np.bincount(activations.sample(subset, 25, 5).labels).tolist() == [5] * 5
    assert len(activations.sample(subset, 3, 5)) == 3
    assert activations.sample(subset, 100, 5) is subset

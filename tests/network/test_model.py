"""The networks of the original's table, and what each part of a network computes."""

from typing import Any

import pytest
import torch
from helpers.networks import COLOUR, ORIGINAL, images_of, plain_logits, vary
from torch import nn
from torch.nn import functional

from crosscheck.core.params import Params
from crosscheck.network import model


@pytest.mark.parametrize(
    ("changes", "count", "flattened"),
    [
        ({}, 4_452_694, 27 * 27 * 5),
        ({"further_channels": [5, 5]}, 501_372, 12 * 12 * 5),
        ({"pool": "none"}, 260_491_702, 112 * 112 * 5),
        ({"channels": 18}, 4_453_189, 27 * 27 * 5),
    ],
    ids=["base", "three_conv", "no_pool", "channels_18"],
)
def test_single_overrides_give_the_networks_of_the_table(
    params: Params, changes: dict[str, Any], count: int, flattened: int
) -> None:
    with torch.device("meta"):
        net = model.build(vary(params, **changes), ORIGINAL)
    assert model.parameter_count(net) == count
    assert net.get_submodule("hidden1.linear").in_features == flattened


@pytest.mark.parametrize("pool", ["max", "avg", "stride", "none"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"invert": True},
        {"further_channels": []},
        {"hidden": []},
        {"further_channels": [4], "hidden": [6, 5, 4]},
        {"norm": "batch"},
        {"head": "average"},
        {"head": "average", "hidden": []},
        {"head": "convolution"},
        {"head": "convolution", "hidden": []},
    ],
    ids=str,
)
def test_logits_equal_those_of_a_network_written_out(params: Params, pool: str, changes: dict[str, Any]) -> None:
    wanted = vary(params, **{"channels": 4, "further_channels": [3], "hidden": [8], "pool": pool} | changes)
    torch.manual_seed(1)
    net, images = model.build(wanted, COLOUR), images_of(COLOUR, 5)
    for weights in net.parameters():
        # The scale and the shift of a new normalisation are 1 and 0, which would hide that they are used.
        nn.init.uniform_(weights, -0.5, 0.5)
    torch.testing.assert_close(net(images), plain_logits(net, wanted, images), rtol=1e-4, atol=1e-5)
    assert net(images).shape == (5, 3)


def test_a_network_of_convolutions_alone_takes_images_of_any_size(params: Params) -> None:
    wanted = vary(params, channels=4, further_channels=[3], head="convolution", pool="none")
    net = model.build(wanted, COLOUR).eval()
    wide = torch.cat([images_of(COLOUR, 2), images_of(COLOUR, 2, seed=1)], dim=3)
    assert net(wide).shape == (2, 3)
    positions = net[:-1]
    assert positions(wide).shape == (2, 3, 13, 38)
    torch.testing.assert_close(positions(wide)[..., :17], positions(wide[..., :21]))


def test_the_first_blocks_of_the_original_have_its_shapes(params: Params) -> None:
    net = model.build(params.model, ORIGINAL)
    shapes, x = [], images_of(ORIGINAL, 1)
    for layer in net:
        x = layer(x)
        shapes.append(tuple(x.shape[1:]))
    assert shapes == [(1, 116, 116), (9, 57, 57), (5, 27, 27), (3645,), (1200,), (64,), (2,)]


def test_pooling_before_relu_changes_no_bit(params: Params) -> None:
    torch.manual_seed(0)
    net = model.build(params.model, ORIGINAL)
    block, scaled = net.get_submodule("block1"), net.get_submodule("scale")(images_of(ORIGINAL))
    assert list(dict(block.named_children())) == ["convolution", "pool", "activation"]
    with torch.inference_mode():
        convolved = block.get_submodule("convolution")(scaled)
        assert torch.equal(block(scaled), functional.max_pool2d(convolved.relu(), 2))


def test_average_pooling_comes_after_relu_as_it_does_not_commute(params: Params) -> None:
    block = model.build(vary(params, pool="avg"), ORIGINAL).get_submodule("block1")
    assert list(dict(block.named_children())) == ["convolution", "activation", "pool"]
    scaled = images_of(ORIGINAL).float() / 255
    with torch.inference_mode():
        convolved = block.get_submodule("convolution")(scaled)
        assert torch.equal(block(scaled), functional.avg_pool2d(convolved.relu(), 2))
        assert not torch.allclose(block(scaled), functional.avg_pool2d(convolved, 2).relu())


@pytest.mark.parametrize("invert", [False, True])
def test_scale_maps_paper_and_ink_and_centres_each_channel(params: Params, invert: bool) -> None:
    scale = model.Scale(vary(params, invert=invert), 3)
    images = images_of(COLOUR, 6)
    plain = images.double() / 255
    expected = 1 - plain if invert else plain
    torch.testing.assert_close(scale(images).double(), expected, rtol=0, atol=1e-6)
    mean = images.double().mean((0, 2, 3))
    scale.centre_on(mean.float())
    torch.testing.assert_close(scale(images).double(), expected - expected.mean((0, 2, 3), True), rtol=0, atol=1e-6)
    assert scale(images).mean((0, 2, 3)).abs().max() < 1e-6
    assert list(scale.parameters()) == []


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(params: Params) -> None:
    nets = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        nets.append(model.build(vary(params, hidden=[8]), COLOUR).state_dict())
    assert all(torch.equal(nets[0][name], nets[1][name]) for name in nets[0])
    assert not torch.equal(nets[0]["classify.weight"], nets[2]["classify.weight"])

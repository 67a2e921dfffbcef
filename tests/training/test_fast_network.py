"""The faster twin of a network: the same weights, the same loss and gradients, and only where it gains something."""

import types
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from crosscheck.core.params import ModelParams, Params
from crosscheck.data.dataset import DataSet
from crosscheck.network import model
from crosscheck.training.fast_network import faster

CPU = torch.device("cpu")
NETWORKS: list[dict[str, Any]] = [
    {},
    {"further_channels": [5, 5], "invert": True},
    {"pool": "none", "hidden": [20]},
    {"pool": "avg"},
    {"pool": "stride"},
    {"norm": "batch"},
    {"head": "average"},
    {"head": "convolution", "hidden": [8]},
]


def built(params: Params, changes: dict[str, Any], channels: int = 1) -> nn.Sequential:
    torch.manual_seed(0)
    wanted = ModelParams.model_validate(params.model.model_dump() | changes)
    return model.build(wanted, DataSet(["a", "b"], 32, 30, channels, "stretch", 255))


@pytest.mark.parametrize(
    "operators",
    [
        types.SimpleNamespace(mkldnn=types.SimpleNamespace(), aten=torch.ops.aten),
        types.SimpleNamespace(mkldnn=torch.ops.mkldnn, aten=types.SimpleNamespace(threshold_backward=None)),
    ],
    ids=["no product", "no gradient"],
)
def test_where_torch_lacks_an_operator_the_network_itself_is_trained(
    params: Params, operators: types.SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = built(params, {})
    assert faster(net, CPU, None) is not net
    monkeypatch.setattr(torch, "ops", operators)
    assert faster(net, CPU, None) is net


def loss_of(net: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    return functional.cross_entropy(net(images), labels)


@pytest.mark.parametrize("changes", NETWORKS, ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_loss_and_gradients_are_those_of_the_network(params: Params, changes: dict[str, Any], channels: int) -> None:
    net = built(params, changes, channels)
    images = torch.randint(0, 256, (6, channels, 32, 30), dtype=torch.uint8)
    labels = torch.tensor([0, 1, 1, 0, 1, 0])
    twin = faster(net, CPU, None)
    losses, gradients = [], []
    for each in (net, twin):
        net.zero_grad()
        loss = loss_of(each, images, labels)
        torch.autograd.backward(loss)
        losses.append(loss.detach())
        gradients.append([weights.grad.clone() for weights in net.parameters() if weights.grad is not None])
    torch.testing.assert_close(losses[1], losses[0])
    assert len(gradients[0]) == len(gradients[1]) == len(list(net.parameters()))
    for mine, plain in zip(gradients[1], gradients[0], strict=True):
        torch.testing.assert_close(mine, plain, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("changes", [*NETWORKS, {"channels": 1}], ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_gradients_lie_in_memory_as_the_weights_do_so_that_processes_can_share_them(
    params: Params, changes: dict[str, Any], channels: int
) -> None:
    net = built(params, changes, channels).to(memory_format=torch.channels_last)
    twin = faster(net, CPU, None)
    images = torch.randint(0, 256, (6, channels, 32, 30), dtype=torch.uint8).to(memory_format=torch.channels_last)
    weights = list(twin.parameters())
    slopes = torch.autograd.grad(loss_of(twin, images, torch.tensor([0, 1, 1, 0, 1, 0])), weights)
    assert [slope.stride() for slope in slopes] == [each.stride() for each in weights]


@pytest.mark.parametrize("changes", NETWORKS, ids=str)
def test_the_weights_are_the_networks_own(params: Params, changes: dict[str, Any]) -> None:
    net = built(params, changes)
    twin = faster(net, CPU, None)
    assert [id(weights) for weights in twin.parameters()] == [id(weights) for weights in net.parameters()]
    assert [id(values) for values in twin.buffers()] == [id(values) for values in net.buffers()]


def test_with_a_rate_the_backward_pass_descends(params: Params) -> None:
    net = built(params, {"hidden": [8]})
    plain = built(params, {"hidden": [8]})
    images, labels = torch.randint(0, 256, (4, 1, 32, 30), dtype=torch.uint8), torch.tensor([0, 1, 1, 0])
    torch.autograd.backward(loss_of(faster(net, CPU, lambda: 0.25), images, labels))
    torch.autograd.backward(loss_of(plain, images, labels))
    for (name, mine), theirs in zip(net.named_parameters(), plain.parameters(), strict=True):
        assert theirs.grad is not None
        if name.endswith("weight") and mine.ndim == 2:
            assert mine.grad is None
            torch.testing.assert_close(mine, theirs - 0.25 * theirs.grad, rtol=1e-4, atol=1e-6)
        else:
            assert mine.grad is not None
            torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-3, atol=1e-5)


def test_elsewhere_than_on_a_cpu_it_is_the_network_itself(params: Params) -> None:
    net = built(params, {})
    assert faster(net, torch.device("cuda"), None) is net

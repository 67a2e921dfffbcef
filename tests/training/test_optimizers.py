"""The optimizers are PyTorch's own, without the compiler that PyTorch's would load."""

import subprocess
import sys
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import nn

from crosscheck.core.params import Params, TrainParams
from crosscheck.training import optimizers

WITHOUT_COMPILER = """
import sys
import torch
from crosscheck.training import optimizers
from crosscheck.core.params import TrainParams

net = torch.nn.Linear(3, 2)
optimizer = optimizers.build_optimizer(net, TrainParams.model_validate_json(sys.argv[1]))
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=3)
optimizer.zero_grad()
net(torch.ones(1, 3)).sum().backward()
optimizer.step()
scheduler.step()
optimizer.load_state_dict(optimizer.state_dict())
sys.exit("torch._dynamo" in sys.modules)
"""
KINDS: list[tuple[dict[str, Any], type[torch.optim.Optimizer], dict[str, Any]]] = [
    ({"optimizer": "sgd", "lr": 0.1}, torch.optim.SGD, {"lr": 0.1}),
    (
        {"optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 0.01},
        torch.optim.SGD,
        {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01},
    ),
    (
        {"optimizer": "adamw", "lr": 0.01, "weight_decay": 0.1},
        torch.optim.AdamW,
        {"lr": 0.01, "weight_decay": 0.1},
    ),
]


def recipe(params: Params, changes: dict[str, Any]) -> TrainParams:
    return TrainParams.model_validate(params.train.model_dump() | changes)


def layer() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(5, 4)


def descend(net: nn.Linear, optimizer: torch.optim.Optimizer, steps: int) -> None:
    for step in range(steps):
        optimizer.zero_grad()
        net(torch.full((2, 5), 1.0 + step)).square().sum().backward()
        optimizer.step()


@pytest.mark.parametrize(("changes", "kind", "options"), KINDS, ids=str)
def test_steps_are_those_of_pytorch_to_the_bit(
    params: Params, changes: dict[str, Any], kind: Any, options: dict[str, Any]
) -> None:
    mine, plain = layer(), layer()
    descend(mine, optimizers.build_optimizer(mine, recipe(params, changes)), 3)
    descend(plain, kind(plain.parameters(), fused=True, **options), 3)
    assert torch.equal(mine.weight, plain.weight)
    assert torch.equal(mine.bias, plain.bias)
    assert not torch.equal(mine.weight, layer().weight)
    assert torch.is_grad_enabled()


@pytest.mark.parametrize(("changes", "kind", "options"), KINDS, ids=str)
def test_the_state_is_one_that_pytorchs_own_goes_on_with(
    params: Params, changes: dict[str, Any], kind: Any, options: dict[str, Any]
) -> None:
    net = layer()
    mine = optimizers.build_optimizer(net, recipe(params, changes))
    descend(net, mine, 2)
    copy = layer()
    copy.load_state_dict(net.state_dict())
    plain = kind(copy.parameters(), fused=True, **options)
    plain.load_state_dict(deepcopy(mine.state_dict()))
    descend(net, mine, 2)
    descend(copy, plain, 2)
    assert torch.equal(net.weight, copy.weight)


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_the_compiler_is_not_loaded(params: Params, name: str) -> None:
    asked = recipe(params, {"optimizer": name}).model_dump_json()
    subprocess.run([sys.executable, "-c", WITHOUT_COMPILER, asked], check=True)

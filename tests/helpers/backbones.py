"""Small networks of timm, with weights made here, images that they learn, and the line in which one is refused."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import timm
import torch

from crosscheck.core.errors import InputError
from crosscheck.core.params import ModelParams, Params
from crosscheck.data.dataset import DataSet, Subset
from crosscheck.network import model, timm_networks
from crosscheck.network.checkpoint import Checkpoint
from helpers.networks import vary

# Fast, and with batch normalisation.
SMALL = "test_efficientnet"
PACKAGED = "tf_efficientnet_lite0"
SIZE = 40
COLOURED = DataSet(["across", "down"], SIZE, SIZE, 3, "stretch", 255)


def bars(count: int, seed: int = 0, channels: int = 3) -> Subset:
    """Noisy dark bars on white, across and down by turns."""
    random = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % 2
    images = random.integers(150, 256, (count, SIZE, SIZE, channels), dtype=np.uint8)
    for row, image in enumerate(images):
        start = int(random.integers(4, SIZE - 12))
        (image if labels[row] == 0 else image.swapaxes(0, 1))[start : start + 8] //= 4
    return Subset(images, labels)


def write_weights(file: Path, name: str = SMALL, seed: int = 1) -> str:
    """Weights of the whole network `name`, its classifier among them, as timm saves them; returns the file's name."""
    torch.manual_seed(seed)
    net = timm.create_model(name, pretrained=False)
    file.parent.mkdir(exist_ok=True)
    safetensors.torch.save_file(net.state_dict(), file)
    return str(file)


def wanted(params: Params, **changes: Any) -> ModelParams:
    """The shipped `model` section with a small backbone."""
    return vary(params, **{"backbone": SMALL, **changes})


def untrained(params: Params, data_set: DataSet = COLOURED, **changes: Any) -> Checkpoint:
    described = wanted(params, **changes)
    torch.manual_seed(0)
    return Checkpoint(model.build(described, data_set).eval(), described, data_set)


def refusal(run: Callable[[], Any]) -> str:
    """The one line in which `run` is refused."""
    with pytest.raises(InputError) as caught:
        run()
    line = str(caught.value)
    assert len(line.splitlines()) == 1
    return line


def hide(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    """Let `module` be one that is not installed."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == module else find(name, *more))
    timm_networks._blueprint.cache_clear()
    timm_networks.measure.cache_clear()

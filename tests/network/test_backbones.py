"""A network of timm in the place of the convolutions: what it computes, and its checkpoint."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
from helpers.backbones import COLOURED, SIZE, SMALL, hide, refusal, untrained
from helpers.networks import images_of
from helpers.repository import ROOT

from crosscheck.core.params import Params
from crosscheck.network import checkpoint, model, shapes

# What it computes.


def test_only_the_name_is_needed_and_the_head_averages(params: Params) -> None:
    made = untrained(params)
    assert [name for name, _ in made.net.named_children()] == ["scale", "backbone", "average", "classify"]
    assert made.net.classify.in_features == timm.create_model(SMALL).num_features
    assert made.net(images_of(COLOURED)).shape == (2, 2)
    assert shapes.map_size(made.params, SIZE, SIZE) == (2, 2)


def test_hidden_layers_may_stand_between_average_and_classes(params: Params) -> None:
    net = untrained(params, hidden=[7]).net
    assert [name for name, _ in net.named_children()][2:] == ["average", "hidden1", "classify"]
    assert net.classify.in_features == 7


@pytest.mark.parametrize("channels", [1, 3])
def test_images_come_as_the_backbone_was_made_for(params: Params, channels: int) -> None:
    name = "lcnet_035"
    data_set = replace(COLOURED, channels=channels)
    net, images = untrained(params, data_set, backbone=name).net, images_of(data_set)
    config = timm.create_model(name).pretrained_cfg
    mean, std = (torch.tensor(config[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    assert len(set(config["mean"])) == 3
    expected = (images.expand(-1, 3, -1, -1) / 255 - mean) / std
    torch.testing.assert_close(net.get_submodule("scale")(images), expected, rtol=0, atol=1e-5)


def test_the_maps_are_those_of_timm(params: Params) -> None:
    made, images = untrained(params), images_of(COLOURED)
    alone = timm.create_model(SMALL).eval()
    alone.load_state_dict(made.net.get_submodule("backbone").state_dict(), strict=False)
    scaled = made.net.get_submodule("scale")(images)
    with torch.inference_mode():
        assert torch.equal(made.net.get_submodule("backbone")(scaled), alone.forward_features(scaled))


def test_without_a_backbone_timm_is_never_loaded() -> None:
    script = (
        "import sys\nfrom crosscheck.core.params import load\nfrom stages import check, train\n"
        "from crosscheck.data.dataset import DataSet\nfrom crosscheck.network import model\n"
        "model.build(load().model, DataSet(['a', 'b'], 116, 116, 1, 'stretch', 255))\nprint('timm' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_nothing_asks_a_hub_and_nothing_is_told_to_it() -> None:
    script = (
        "import os\nos.environ.pop('HF_HUB_OFFLINE', None)\nimport crosscheck\n"
        "from huggingface_hub import constants\nprint(constants.HF_HUB_OFFLINE, constants.HF_HUB_DISABLE_TELEMETRY)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "True True\n"


# The checkpoint.


def test_a_checkpoint_comes_back_bit_for_bit(params: Params, tmp_path: Path) -> None:
    made, images = untrained(params), images_of(COLOURED, 3)
    checkpoint.save_checkpoint(made, tmp_path / "model.pt")
    loaded = checkpoint.load_checkpoint(tmp_path / "model.pt")
    assert loaded.params == made.params
    with torch.inference_mode():
        assert torch.equal(loaded.net(images), made.net(images))


def test_a_checkpoint_without_a_backbone_is_what_it_was_before_there_were_backbones(
    params: Params, tmp_path: Path
) -> None:
    made = checkpoint.Checkpoint(model.build(params.model, replace(COLOURED)), params.model, COLOURED)
    checkpoint.save_checkpoint(made, tmp_path / "model.pt")
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    assert not {"backbone", "pretrained", "freeze"} & content["model"].keys()
    assert checkpoint.load_checkpoint(tmp_path / "model.pt").params == params.model


def test_a_checkpoint_without_timm_says_what_to_install(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint.save_checkpoint(untrained(params), tmp_path / "model.pt")
    hide(monkeypatch, "timm")
    line = refusal(lambda: checkpoint.load_checkpoint(tmp_path / "model.pt"))
    assert line.startswith(f"{tmp_path / 'model.pt'}: ")
    assert line.endswith("run `make backbones`")


def test_a_checkpoint_of_an_unknown_backbone_is_refused(params: Params, tmp_path: Path) -> None:
    checkpoint.save_checkpoint(untrained(params), tmp_path / "model.pt")
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    content["model"]["backbone"] = "hf-hub:somebody/something"
    torch.save(content, tmp_path / "model.pt")
    assert "which timm does not have" in refusal(lambda: checkpoint.load_checkpoint(tmp_path / "model.pt"))

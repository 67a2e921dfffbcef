"""What does not go together with a network of timm, and what is not installed, is refused in one line."""

import re
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from helpers.backbones import PACKAGED, SIZE, hide, refusal, wanted, write_weights

from crosscheck.core.params import Params
from crosscheck.network import backbones, pretrained


def check(params: Params, height: int = SIZE, **changes: Any) -> None:
    backbones.check(wanted(params, **changes), params.train, params.augment, height, SIZE)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"backbone": "resnett18"}, "did you mean resnet18"),
        ({"backbone": "hf-hub:timm/resnet18"}, "which timm does not have"),
        ({"backbone": "local-dir:/tmp"}, "which timm does not have"),
        ({"backbone": "test_mambaout"}, "makes no maps"),
        ({"backbone": "swin_tiny_patch4_window7_224"}, "cannot take images of 40 x 40 px"),
        ({"backbone": "none", "pretrained": True}, "model.pretrained is true, but there is no backbone"),
        ({"backbone": "none", "pretrained": "a.safetensors"}, "model.pretrained is 'a.safetensors', but there is no"),
        ({"backbone": "none", "freeze": True}, "model.freeze is true, but there is no backbone"),
        ({"freeze": True}, "random weights that stay random"),
        ({"pretrained": True}, f"set model.backbone to {PACKAGED}, or model.pretrained to a safetensors file"),
        ({"pretrained": "weights.pth"}, "only safetensors files are read"),
        ({"pretrained": "none.safetensors"}, "weights/none.safetensors cannot be read (No such file or directory)"),
        ({"pretrained": "/mine/a.safetensors"}, "copy it to weights/ and give its name there: a.safetensors"),
        ({"pretrained": "../a.safetensors"}, "'../a.safetensors', where DVC would not see the file change"),
        ({"backbone": PACKAGED, "pretrained": True, "invert": True}, "model.invert is true"),
        ({"backbone": PACKAGED, "pretrained": True, "centre": True}, "model.centre is true"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused(params: Params, changes: dict[str, Any], words: str) -> None:
    assert words in refusal(lambda: check(params, **changes))


def test_what_goes_together_is_not_refused(params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_weights(tmp_path / "weights" / "own.safetensors")
    check(params)
    check(params, pretrained="own.safetensors", freeze=True)
    check(params, backbone=PACKAGED, pretrained=True, freeze=True)
    check(params, backbone=f"{PACKAGED}.in1k", pretrained=True)
    check(params, backbone="none")


def test_a_frozen_backbone_and_changed_images_do_not_go_together(params: Params) -> None:
    described = wanted(params, backbone=PACKAGED, pretrained=True, freeze=True)
    augment = params.augment.model_copy(update={"flipud": 0.5})
    line = refusal(lambda: backbones.check(described, params.train, augment, SIZE, SIZE))
    assert "augment.flipud is 0.5" in line
    backbones.check(wanted(params), params.train, augment, SIZE, SIZE)


def test_several_processes_and_batch_norm_that_learns_do_not_go_together(params: Params) -> None:
    several = params.train.model_copy(update={"processes": 2})
    line = refusal(lambda: backbones.check(wanted(params), several, params.augment, SIZE, SIZE))
    assert "has batch normalisation" in line
    backbones.check(wanted(params, backbone="test_convnext"), several, params.augment, SIZE, SIZE)
    frozen = wanted(params, backbone=PACKAGED, pretrained=True, freeze=True)
    backbones.check(frozen, several, params.augment, SIZE, SIZE)


def test_an_image_that_is_too_small_is_refused_with_the_least_size(params: Params) -> None:
    assert "takes images from 32 x 32 px on" in refusal(lambda: check(params, height=31))
    check(params, height=32)


def test_without_timm_the_line_says_what_to_install(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "timm")
    assert backbones.EXTRA in refusal(lambda: check(params))


def test_without_the_package_of_weights_the_line_says_what_to_install(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(monkeypatch, pretrained.PACKAGES[PACKAGED].module)
    assert backbones.EXTRA in refusal(lambda: check(params, backbone=PACKAGED, pretrained=True))


@pytest.mark.parametrize("damage", ["cut", "no header", "pickle", "missing", "shape", "more", "no number"])
def test_a_file_of_other_weights_is_refused(
    params: Params, tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "weights" / "own.safetensors"
    write_weights(file)
    stored = safetensors.torch.load(file.read_bytes())
    name = "conv_stem.weight"
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:1000])
    elif damage == "no header":
        file.write_bytes(b"\0" * 100)
    elif damage == "pickle":
        torch.save(stored, file)
    else:
        if damage == "missing":
            del stored[name]
        if damage == "shape":
            stored[name] = stored[name][:-1].clone()
        if damage == "more":
            stored["more.weight"] = torch.zeros(3)
        if damage == "no number":
            stored[name][0] = torch.nan
        safetensors.torch.save_file(stored, file)
    line = refusal(lambda: check(params, pretrained=file.name))
    assert re.search("cannot be read as a safetensors file|whose tensor '(conv_stem|more).weight'", line), line

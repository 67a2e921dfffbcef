"""What reads a checkpoint reads one with a backbone too."""

import json
import pickle
import warnings
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.backbones import COLOURED, SIZE, SMALL, bars, untrained, write_weights
from helpers.models import write_model
from PIL import Image

from crosscheck.app import encoding, networks, server
from crosscheck.commands import export
from crosscheck.core.params import DataParams, ExplainParams, Params, TrainParams
from crosscheck.data.dataset import Subset
from crosscheck.data.guessing import Guess
from crosscheck.evaluation import classify, complexity, ood, predictions
from crosscheck.explain import attributions, chapters, receptive_fields
from crosscheck.explain.subject import Subject
from crosscheck.network import inference, model_card, pretrained
from crosscheck.network.checkpoint import Checkpoint
from crosscheck.network.model import MAPS
from crosscheck.reporting import document, style
from crosscheck.training import snapshots
from crosscheck.training.curves import Epoch
from stages import visualize

TINY = ExplainParams(dpi=30, images=8, probe_images=8, channels=3, classes=2, patches=2, attributions=1)
HISTORY = [Epoch(1, 0.69, 0.5, None, None), Epoch(2, 0.5, 0.9, None, None)]
CPU = torch.device("cpu")


def pixels_of(subset: Subset) -> torch.Tensor:
    return torch.from_numpy(subset.images.copy()).permute(0, 3, 1, 2)


def answers(made: Checkpoint, subset: Subset) -> predictions.Predictions:
    odds = torch.softmax(inference.compute_logits(made.net, subset, 64).double(), 1).numpy()
    return predictions.make_predictions([str(row) for row in range(len(subset))], subset.labels, odds)


@pytest.mark.parametrize("name", [SMALL, "test_convnext", "lcnet_035"])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_export_answers_as_pytorch_does(params: Params, tmp_path: Path, name: str, channels: int) -> None:
    data_set = COLOURED.__class__(["a", "b"], SIZE, SIZE, channels, "stretch", 255)
    made, test = untrained(params, data_set, backbone=name, head="convolution"), bars(5, 2, channels)
    export.convert(made, "0" * 64, tmp_path / "model.onnx")
    expected = inference.compute_logits(made.net, test, 64)
    assert export.difference(export.onnx_logits(tmp_path / "model.onnx", test), expected) < 1e-4


def test_an_image_unlike_the_training_images_is_found(params: Params) -> None:
    made, train = untrained(params), bars(40)
    learnt = ood.fit_detector(made.net, train, bars(20, 1), "")
    assert learnt.known.shape == (40, 256)
    black = torch.zeros(1, 3, SIZE, SIZE, dtype=torch.uint8)
    (verdict,) = classify.classify(inference.responses(made.net, black), learnt)
    assert not verdict.in_distribution
    likes = classify.classify(inference.responses(made.net, pixels_of(bars(10, 3))), learnt)
    assert sum(each.in_distribution for each in likes) > 5


def test_the_demo_shows_the_last_maps(params: Params) -> None:
    made, image = untrained(params), pixels_of(bars(1))
    responses = inference.responses(made.net, image)
    (verdict,) = classify.classify(responses, None)
    header = json.loads(encoding.encode(image, verdict, responses).partition(b"\n")[0])
    shown = {layer["name"]: (layer["height"], layer["width"], layer["total"]) for layer in header["layers"]}
    assert shown == {"image": (SIZE, SIZE, 3), "backbone": (2, 2, 256)}
    preparation = DataParams(images="x", height=SIZE, width=SIZE, channels=3, fit="stretch", background=255)
    about = server.described(networks.LoadedNetwork("one", made, preparation, None))["about"]
    assert str(about).startswith(f"backbone {SMALL}; ")
    captions = (server.PAGE / "layers.js").read_text(encoding="utf-8")
    assert all(f"{kind}: " in captions for kind in (*MAPS, "hidden", "classify"))


def test_the_pictures_are_those_of_the_first_kernels_and_the_last_maps(params: Params, tmp_path: Path) -> None:
    made, test = untrained(params), bars(6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = chain(visualize.draw_kernels(made), visualize.draw_feature_maps(made, test, [0, 1]))
        style.save_all(drawn, tmp_path / "plots", 40)
    assert {file.stem for file in (tmp_path / "plots").iterdir()} == {
        "kernels_backbone",
        "maps_backbone_class0",
        "maps_backbone_class1",
    }


@pytest.mark.slow
@pytest.mark.parametrize("freeze", [True, False])
def test_the_report_tells_of_a_backbone(
    params: Params, tmp_path: Path, freeze: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_weights(tmp_path / "weights" / "own.safetensors")
    made = untrained(params, pretrained="own.safetensors", freeze=freeze)
    about = Subject(made, 0, Guess((9, 9)), bars(18), bars(8, 1), bars(8, 2), TINY, 1, tmp_path / "report")
    recipe = TrainParams.model_validate({**params.train.model_dump(), "epochs": 2, "snapshots": 2})
    album = snapshots.Album(tmp_path / "kept", recipe, made.params, made.data_set, made.net)
    for epoch in range(3):
        album.take(epoch, made.net)
    album.deliver(tmp_path / "snapshots")
    about.folder.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        told = [
            *chapters.write_layers(about),
            chapters.write_probes(about),
            chapters.write_attributions(about, answers(made, about.test)),
            chapters.write_animation(about, tmp_path / "snapshots", HISTORY),
        ]
        document.write_html(document.Document("T", told), about.folder / "report.html")
    page = (about.folder / "report.html").read_text(encoding="utf-8")
    assert f"The backbone is the network {SMALL} of timm." in page
    assert "are not shown one by one" in page
    assert ("so its kernels and maps do not move" in page) == freeze
    assert (about.folder / "training.gif").exists() != freeze
    shown = ("responses_backbone", "patches_backbone", "responses_average", "probes", "views")
    for name in ("kernels/kernels_backbone", *(f"pictures/{each}" for each in shown)):
        with Image.open(about.folder / f"{name}.png") as picture:
            picture.load()


def test_the_weights_before_training_are_those_that_it_began_with(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_weights(tmp_path / "weights" / "own.safetensors")
    given = pretrained.read_weights(untrained(params, pretrained="own.safetensors").params)
    for freeze in (True, False):
        made = untrained(params, pretrained="own.safetensors", freeze=freeze)
        pretrained.load_weights(made.net, made.params)
        before = receptive_fields.untrained(made, 3).get_submodule("backbone").state_dict()
        assert all(torch.equal(before[name], given[name]) for name in given)


def test_reasons_are_found_at_the_last_maps(params: Params) -> None:
    made, test = untrained(params), bars(2)
    for answer in (0, 1):
        found = attributions.reasons(made.net, made, np.asarray(test.images[0]), answer)
        assert found.occlusion.shape == found.grad_cam.shape == (SIZE, SIZE)
        assert np.isfinite(found.occlusion).all() and (found.grad_cam >= 0).all()
        assert found.occlusion.any()


def test_the_layers_of_the_report(params: Params) -> None:
    layers = receptive_fields.list_layers(untrained(params, hidden=[5]))
    assert [(layer.name, layer.step, layer.has_maps) for layer in layers] == [
        ("backbone", 0, True),
        ("average", 0, False),
        ("hidden1", 0, False),
        ("classify", 0, False),
    ]


def test_the_cost_counts_the_backbone(params: Params) -> None:
    made = untrained(params, backbone="test_resnet")
    cost = complexity.count_complexity(made.params, made.data_set, 10, 2)
    assert cost.parameters == sum(parameter.numel() for parameter in made.net.parameters())
    counted = 0

    def count(layer: torch.nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal counted
        if isinstance(layer, torch.nn.Conv2d):
            counted += output.numel() * layer.weight[0].numel()
        if isinstance(layer, torch.nn.Linear):
            counted += output.numel() * layer.in_features

    for layer in made.net.modules():
        layer.register_forward_hook(count)
    made.net(torch.zeros(1, 3, SIZE, SIZE, dtype=torch.uint8))
    assert cost.multiply_adds == counted
    assert cost.training_cost == cost.activations * 20


def test_a_card_with_a_backbone_is_read_and_one_of_before_too(params: Params, tmp_path: Path) -> None:
    write_model(tmp_path, untrained(params), params)
    content = json.loads((tmp_path / "model.json").read_text())
    assert content["backbone"] is None
    source = {"timm": "1.0", "weights": "own.safetensors", "sha256": "0" * 64}
    (tmp_path / "model.json").write_text(json.dumps(content | {"backbone": source}))
    card = model_card.read_card(tmp_path / "model.json")
    assert card.backbone == pretrained.BackboneSource(**source)
    del content["backbone"]
    (tmp_path / "model.json").write_text(json.dumps(content))
    assert model_card.read_card(tmp_path / "model.json").backbone is None


def test_a_network_with_a_backbone_can_be_pickled_as_mlflow_does(params: Params) -> None:
    made = untrained(params)
    copy = pickle.loads(pickle.dumps(made.net))  # noqa: S301 - of this very process
    images = pixels_of(bars(2))
    with torch.inference_mode():
        assert torch.equal(copy(images), made.net(images))

"""A frozen backbone: it sees each image once, nothing in it moves, and the trained network is the whole one."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.backbones import COLOURED, SIZE, bars, wanted, write_weights
from helpers.environments import HOSTILE
from helpers.repository import ROOT

from crosscheck.core import bits
from crosscheck.core.errors import InputError
from crosscheck.core.params import Params, TrainParams
from crosscheck.data.dataset import Subset
from crosscheck.network.inference import compute_logits
from crosscheck.training import frozen
from crosscheck.training.distributed import ALONE, Group
from crosscheck.training.trainer import Trainer, build_trainer, new_network
from crosscheck.training.validation import score

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Features are kept below the working directory."""
    monkeypatch.chdir(tmp_path)
    write_weights(tmp_path / "weights" / "own.safetensors")
    return tmp_path


def training(
    params: Params,
    train: Subset | None = None,
    model: dict[str, Any] | None = None,
    group: Group = ALONE,
    **recipe: Any,
) -> Trainer:
    recipe = {"batch_size": 8, "epochs": 4, "optimizer": "adamw", "lr": 0.03, **recipe}
    described = wanted(params, **{"pretrained": "own.safetensors", "freeze": True, **(model or {})})
    taught = TrainParams.model_validate({**params.train.model_dump(), **recipe})
    return build_trainer(described, taught, params.augment, COLOURED, train or bars(24), bars(10, 1), CPU, group)


def digest(net: torch.nn.Module) -> str:
    content = b"".join(each.contiguous().numpy().tobytes() for each in net.state_dict().values())
    return hashlib.sha256(content).hexdigest()


def kept(folder: Path) -> list[Path]:
    return sorted((folder / ".checkpoints" / "features").glob("*.npy"))


def test_only_the_head_moves_and_it_learns(params: Params) -> None:
    trainer = training(params, epochs=12)
    before = {name: each.clone() for name, each in trainer.net.state_dict().items()}
    trainer.run()
    moved = {name for name, each in trainer.net.state_dict().items() if not torch.equal(each, before[name])}
    assert moved == {"classify.weight", "classify.bias"}
    assert trainer.history[-1].train_loss < trainer.history[0].train_loss
    assert trainer.history[-1].train_accuracy > 0.8
    parts = [parameter for group in trainer.optimizer.param_groups for parameter in group["params"]]
    assert sum(part.numel() for part in parts) == 2 * 256 + 2
    assert not any(parameter.requires_grad for parameter in trainer.net.get_submodule("backbone").parameters())


def test_its_weights_are_those_of_the_file(params: Params) -> None:
    described = wanted(params, pretrained="own.safetensors", freeze=True)
    fresh = new_network(described, COLOURED, bars(4), 0)
    trainer = training(params)
    trainer.run()
    assert digest(trainer.net.get_submodule("backbone")) == digest(fresh.get_submodule("backbone"))
    assert digest(trainer.net.get_submodule("classify")) != digest(fresh.get_submodule("classify"))


def test_what_is_validated_is_what_the_whole_network_answers(params: Params) -> None:
    trainer = training(params)
    trainer.run()
    loss, accuracy = score(trainer.net, bars(10, 1), 64)
    assert (trainer.history[-1].val_loss, trainer.history[-1].val_accuracy) == (pytest.approx(loss, abs=2e-6), accuracy)
    torch.testing.assert_close(
        compute_logits(trainer.fast_net, bars(10, 1), 64), compute_logits(trainer.net, bars(10, 1), 64)
    )


def test_features_are_those_of_the_backbone(params: Params) -> None:
    trainer = training(params)
    images = torch.from_numpy(bars(24).images).permute(0, 3, 1, 2)
    net = trainer.net.eval()
    with torch.inference_mode():
        expected = net.get_submodule("average")(net.get_submodule("backbone")(net.get_submodule("scale")(images)))
    found = trainer.taught.train.images
    assert (found.dtype, found.shape) == (np.float32, (24, 1, 1, 256))
    torch.testing.assert_close(torch.from_numpy(found[:, 0, 0]), expected)


def test_the_second_training_does_not_look_at_images_again(
    params: Params, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = training(params)
    first.run()
    assert len(kept(own_folder)) == 2

    def fail(*_: Any) -> None:
        raise AssertionError("it looked at the images again")

    monkeypatch.setattr(frozen, "compute_features", fail)
    second = training(params)
    second.run()
    assert digest(second.net) == digest(first.net)
    assert second.history == first.history


@pytest.mark.parametrize("change", ["pixels", "weights", "backbone", "threads"])
def test_other_pixels_weights_or_threads_are_other_features(
    params: Params, own_folder: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = wanted(params, pretrained="own.safetensors", freeze=True)
    subset = bars(6)
    before = frozen.features_key(described, subset, CPU)
    assert frozen.features_key(described, bars(6), CPU) == before
    if change == "pixels":
        subset.images[0, 0, 0, 0] ^= 1
    if change == "weights":
        write_weights(own_folder / "weights" / "own.safetensors", seed=2)
    if change == "backbone":
        described = described.model_copy(update={"backbone": "lcnet_035"})
    threads = torch.get_num_threads()
    try:
        if change == "threads":
            torch.set_num_threads(threads + 1)
        assert frozen.features_key(described, subset, CPU) != before
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("damage", ["cut", "bit", "empty", "other", "folder"])
def test_damaged_features_are_computed_again(
    params: Params, own_folder: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = training(params).taught.train.images
    for file in kept(own_folder):
        content = bytearray(file.read_bytes())
        if damage == "bit":
            content[200] ^= 1
        file.unlink()
        if damage == "folder":
            file.mkdir()
        else:
            file.write_bytes({"cut": content[:-40], "bit": content, "empty": b"", "other": b"PK\x03\x04"}[damage])
    assert np.array_equal(training(params).taught.train.images, expected)
    assert ("cannot be written" in capsys.readouterr().err) == (damage == "folder")
    if damage != "folder":
        assert sorted(len(np.load(file)) for file in kept(own_folder)) == [10, 24]


def test_training_goes_on_to_the_same_bits_after_an_interruption(params: Params) -> None:
    whole = training(params)
    whole.run()
    first = training(params)
    first.run_epoch()
    state = first.state()
    assert set(state["weights"]) == {"classify.weight", "classify.bias"}
    second = training(params)
    second.restore(state)
    second.run()
    assert digest(second.net) == digest(whole.net)


def test_a_last_batch_of_one_is_no_matter_to_a_frozen_backbone(params: Params) -> None:
    trainer = training(params, bars(17), batch_size=8)
    assert trainer.steps == 3
    trainer.run()


def test_it_may_be_shared_by_several_processes(params: Params) -> None:
    assert training(params, model={"freeze": False}, batch_size=24).steps == 1
    with pytest.raises(InputError, match="the backbone has batch normalisation, which would normalise by each"):
        training(params, model={"freeze": False}, group=Group(0, 2))


def test_one_that_is_not_frozen_moves_as_a_whole_from_the_weights_it_was_given(
    params: Params, own_folder: Path
) -> None:
    trainer = training(params, model={"freeze": False}, lr=0.01)
    before = {name: each.clone() for name, each in trainer.net.state_dict().items()}
    assert digest(trainer.net.get_submodule("backbone")) == digest(training(params).net.get_submodule("backbone"))
    trainer.run()
    after = trainer.net.state_dict()
    still = {name for name, each in before.items() if torch.equal(each, after[name])}
    assert still == {"scale.scale", "scale.shift"}


def test_without_validation_images_nothing_is_scored(params: Params) -> None:
    described = wanted(params, pretrained="own.safetensors", freeze=True)
    nothing = Subset(np.zeros((0, SIZE, SIZE, 3), np.uint8), np.zeros(0, np.int64))
    recipe = params.train.model_copy(update={"epochs": 1})
    trainer = build_trainer(described, recipe, params.augment, COLOURED, bars(6), nothing, CPU)
    trainer.run()
    assert trainer.history[0].val_loss is None


TRAIN = """
import hashlib, sys
from pathlib import Path
from crosscheck.core import devices
from crosscheck.core.params import load
import torch
sys.path.insert(0, "tests")
from helpers.backbones import COLOURED, bars, wanted
from crosscheck.training.trainer import build_trainer
params = load(Path("params.yaml"))
device = devices.prepare(params.compute)
freeze = sys.argv[2] == "frozen"
described = wanted(params, pretrained=sys.argv[1], freeze=freeze)
recipe = params.train.model_copy(update={"epochs": 2, "batch_size": 8})
trainer = build_trainer(described, recipe, params.augment, COLOURED, bars(16), bars(6, 1), device)
trainer.run()
content = b"".join(each.contiguous().numpy().tobytes() for each in trainer.net.state_dict().values())
print(hashlib.sha256(content).hexdigest(), trainer.history[-1].val_loss)
"""


@pytest.mark.slow
@pytest.mark.skipif(bits.missing_here() is not None, reason=str(bits.missing_here()))
@pytest.mark.parametrize("way", ["frozen", "whole"])
def test_the_bits_are_the_same_under_a_hostile_environment(own_folder: Path, way: str) -> None:
    clean = {name: value for name, value in os.environ.items() if not bits.DECISIVE.match(name) and name != bits.SAID}
    words = [sys.executable, "-c", TRAIN, str(own_folder / "weights" / "own.safetensors"), way]
    told = set()
    for number, env in enumerate(({}, HOSTILE)):
        # A root of its own each time, so that nothing is taken from the other one.
        (own_folder / str(number)).mkdir()
        env = clean | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(own_folder / str(number))} | env
        done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
        assert "compute.portable" not in done.stderr
        told.add(done.stdout)
        assert len(kept(own_folder / str(number))) == (2 if way == "frozen" else 0)
    assert len(told) == 1

"""Changed training images wherever there is training: keys, card, study, search, pictures and pipeline."""

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.models import write_model
from helpers.networks import COLOUR, toy, trained
from helpers.project import TINY, Project, change_params, runs_of, stages_run
from helpers.repository import ROOT
from helpers.search import SHIPPED, change_space
from numpy.typing import NDArray
from ruamel.yaml import YAML
from torch import multiprocessing

from crosscheck.core import params as parameters
from crosscheck.core.errors import InputError
from crosscheck.core.params import AugmentParams, ModelParams, Params, TrainParams, load
from crosscheck.data.dataset import Subset
from crosscheck.network import model_card
from crosscheck.search import objective, runner
from crosscheck.study import plans, result_cache
from crosscheck.study.findings import changed_settings
from crosscheck.training import resume
from crosscheck.training.augmentation import build_augmentation
from crosscheck.training.distributed import ALONE, Group
from crosscheck.training.trainer import Trainer, build_trainer
from crosscheck.training.validation import score
from stages import visualize

CPU = torch.device("cpu")
ON = {
    "fliplr": 0.5,
    "degrees": 15.0,
    "translate": 0.1,
    "scale": 0.2,
    "brightness": 0.3,
    "contrast": 0.2,
    "erasing": 0.3,
}
EPOCHS = 3
pytestmark = pytest.mark.usefixtures("one_thread")


def training(params: Params, augment: dict[str, float], group: Group = ALONE, **recipe: Any) -> Trainer:
    small = {"channels": 3, "further_channels": [2], "hidden": [8]}
    model = ModelParams.model_validate({**params.model.model_dump(), **small})
    changes = {"batch_size": 7, "epochs": EPOCHS, "momentum": 0.9, "lr": 0.05, **recipe}
    wanted = TrainParams.model_validate({**params.train.model_dump(), **changes})
    train, val = toy(COLOUR, 24), toy(COLOUR, 6)
    return build_trainer(model, wanted, AugmentParams(**augment), COLOUR, train, val, CPU, group)


def same(one: Trainer, other: Trainer) -> bool:
    mine, yours = one.net.state_dict(), other.net.state_dict()
    return one.history == other.history and all(torch.equal(mine[name], yours[name]) for name in mine)


@pytest.mark.parametrize("recipe", [{}, {"precision": "bfloat16", "schedule": "one_cycle"}])
def test_an_interrupted_training_goes_on_with_the_same_changes(params: Params, recipe: dict[str, Any]) -> None:
    whole, begun, resumed = (training(params, ON, **recipe) for _ in range(3))
    whole.run()
    begun.run_epoch()
    file = io.BytesIO()
    torch.save(begun.state(), file)
    file.seek(0)
    np.random.default_rng(0).random(3)
    torch.rand(3)
    resumed.restore(torch.load(file, weights_only=True))
    resumed.run()
    assert same(whole, resumed)
    plain = training(params, {}, **recipe)
    plain.run()
    assert not same(whole, plain)


def test_every_epoch_and_seed_has_other_changes(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []

    def look(self: Trainer, images: torch.Tensor, *_: Any) -> Any:
        seen.append(images.numpy().tobytes())
        return step(self, images, *_)

    step = Trainer._step
    monkeypatch.setattr(Trainer, "_step", look)
    for seed in (0, 1):
        training(params, {"brightness": 0.9}, batch_size=24, seed=seed).run()
    assert len(set(seen)) == 2 * EPOCHS


def test_validation_sees_the_images_as_they_are_and_the_arrays_stay(params: Params) -> None:
    learner = training(params, ON)
    before = learner.train.images.copy()
    learner.run()
    assert np.array_equal(learner.train.images, before)
    last = learner.history[-1]
    assert (last.val_loss, last.val_accuracy) == score(learner.fast_net, toy(COLOUR, 6), 7)


def run_in_group(rank: int, folder: str) -> None:
    """One process of two."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    learner = training(load(ROOT / "params.yaml"), ON, Group(rank, 2))
    learner.run()
    if rank == 0:
        torch.save(learner.state(), f"{folder}/result.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_change_the_images_as_one_does(params: Params, tmp_path: Path) -> None:
    multiprocessing.spawn(run_in_group, (str(tmp_path),), nprocs=2)
    together = torch.load(tmp_path / "result.pt", weights_only=True)
    alone = training(params, ON)
    alone.run()
    for name, weights in alone.net.state_dict().items():
        torch.testing.assert_close(together["weights"][name], weights, rtol=1e-4, atol=1e-6)


# Keys.


def result_key(params: Params) -> str:
    return result_cache.run_key(params, "images", "code")


def state_key(params: Params) -> str:
    described = {name: getattr(params, name).model_dump() for name in ("model", "train", "augment", "compute")}
    return resume.training_key({**described, "bits": {"mode": "portable"}}, {}, [])


@pytest.mark.parametrize("key", [result_key, state_key])
def test_only_a_change_that_is_on_is_in_a_key(
    key: Callable[[Params], str], params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {
        key(params.model_copy(update={"augment": AugmentParams(**{name: 0.5})})) for name in AugmentParams.model_fields
    }
    assert len(keys | {key(params)}) == len(AugmentParams.model_fields) + 1
    off = key(params)
    # A release that does not know the section.
    decisive = parameters.decisive_sections
    without = lambda sections: decisive({name: each for name, each in sections.items() if name != "augment"})  # noqa: E731
    monkeypatch.setattr(parameters, "decisive_sections", without)
    assert key(params) == off


def test_a_card_of_an_earlier_release_says_that_nothing_was_changed(params: Params, tmp_path: Path) -> None:
    write_model(tmp_path, trained(params, COLOUR), params)
    file = tmp_path / "model.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    assert content.pop("augment") == AugmentParams().model_dump()
    file.write_text(json.dumps(content), encoding="utf-8")
    assert model_card.read_card(file).augment == AugmentParams()


# What is built on trainings.


def test_a_variant_of_a_study_may_set_it_and_the_difference_is_told(tmp_path: Path) -> None:
    variants = {"base": {}, "flipped": {"set": {"augment.fliplr": 0.5}}}
    content = {
        "title": "A study",
        "seeds": 1,
        "params": {"augment.degrees": 5.0},
        "variants": variants,
        "questions": {},
    }
    file = tmp_path / "study.yaml"
    with file.open("w", encoding="utf-8") as stream:
        YAML().dump(content, stream)
    base, flipped = (planned.params for planned in plans.read(file, ROOT / "params.yaml").runs)
    assert (base.augment.fliplr, flipped.augment) == (0.0, AugmentParams(fliplr=0.5, degrees=5.0))
    assert [change.name for change in changed_settings(base, flipped)] == ["augment.fliplr"]


def test_a_search_trains_with_it_and_does_not_go_on_without(
    split_images: Callable[..., Path], toy_images: Path, tmp_path: Path
) -> None:
    split_images(toy_images, val=3, test=3)
    for source in (ROOT / "dvc.yaml", SHIPPED):
        shutil.copy(source, source.name)
    change_params(Path("params.yaml"), model=TINY["model"], train=TINY["train"], augment=ON)
    change_space(Path("space.yaml"), space={"convolutions": {"low": 1, "high": 2}}, initial_points=[])
    setup = runner.read_setup(Path("space.yaml"))
    trainer = objective.start(setup, setup.model, setup.train)
    assert trainer.augmentation == build_augmentation(AugmentParams(**ON), setup.train.seed, 255)
    runner.open_study(setup)
    runner.open_study(setup)
    change_params(Path("params.yaml"), augment={"fliplr": 0.0})
    with pytest.raises(InputError, match=r"was begun with other params\.yaml"):
        runner.open_study(runner.read_setup(Path("space.yaml")))


# The picture.


def sheet(params: Params, subset: Subset, folder: Path, augment: dict[str, float], **recipe: Any) -> list[Any]:
    """What the stage draws of a training on `subset`: pairs of name and figure."""
    for name in ("train", "val"):
        np.save(folder / f"{name}.npy", subset.images)
        np.save(folder / f"{name}_labels.npy", subset.labels)
    changed = params.model_copy(
        update={"augment": AugmentParams(**augment), "train": params.train.model_copy(update=recipe)}
    )
    write_model(folder, trained(params, COLOUR), changed)
    return list(visualize.draw_augmentation(model_card.read_card(folder / "model.json"), COLOUR, folder))


def test_the_picture_shows_what_the_network_was_given(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[NDArray[np.uint8]] = []
    step = Trainer._step

    def look(self: Trainer, images: torch.Tensor, labels: torch.Tensor, weight: float) -> Any:
        given.append(images.permute(0, 2, 3, 1).numpy())
        return step(self, images, labels, weight)

    monkeypatch.setattr(Trainer, "_step", look)
    learner = training(params, ON, batch_size=24, seed=5)
    learner.run()
    order = torch.Generator().manual_seed(5)
    places = [torch.randperm(24, generator=order).tolist() for _ in range(EPOCHS)]

    ((name, figure),) = sheet(params, learner.train, tmp_path, ON, seed=5, epochs=EPOCHS)
    axes = np.reshape([axis for axis in figure.axes if axis.images], (3, 1 + EPOCHS))
    assert name == "augmentation"
    assert [axis.get_title() for axis in axes[0]] == ["as it is", "epoch 1", "epoch 2", "epoch 3"]
    for row, line in enumerate(axes):
        shown = [np.asarray(axis.images[0].get_array()) for axis in line]
        assert np.array_equal(shown[0], learner.train.images[row])
        for epoch in range(EPOCHS):
            assert np.array_equal(shown[1 + epoch], given[epoch][places[epoch].index(row)])


def test_no_picture_where_nothing_is_changed(params: Params, tmp_path: Path) -> None:
    assert sheet(params, toy(COLOUR), tmp_path, {}) == []


@pytest.mark.slow
def test_the_pipeline_with_changed_images(reproduced: Project, copy_of_reproduced: Project) -> None:
    project = copy_of_reproduced
    assert not (reproduced.folder / "plots" / "augmentation.png").exists()
    plots = {file.name for file in (project.folder / "plots").iterdir()}
    checkpoint = (project.folder / "models" / "model.pt").read_bytes()
    project.set(augment=ON)
    ran = stages_run(project.run("dvc", "repro").stdout)
    assert "split" not in ran and {"train", "evaluate", "visualize", "track"} <= set(ran)
    assert {file.name for file in (project.folder / "plots").iterdir()} == plots | {"augmentation.png"}
    assert json.loads(project.read("models/model.json"))["augment"] == AugmentParams(**ON).model_dump()
    assert (project.folder / "models" / "model.pt").read_bytes() != checkpoint
    (run,) = runs_of(project)
    assert run.data.params["augment.degrees"] == "15.0"
    project.set(augment=AugmentParams().model_dump())
    project.run("dvc", "repro")
    assert (project.folder / "models" / "model.pt").read_bytes() == checkpoint
    assert {file.name for file in (project.folder / "plots").iterdir()} == plots

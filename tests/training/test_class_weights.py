"""Class weights: those of scikit-learn, the same in one process and in several, and what guessing gives by them."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.models import run_result
from helpers.repository import ROOT
from helpers.trainings import draw, training
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_class_weight
from torch import multiprocessing
from torch.nn import functional

from crosscheck.core.errors import InputError
from crosscheck.core.params import Params, load
from crosscheck.data.dataset import Subset
from crosscheck.data.guessing import Guess
from crosscheck.network.inference import compute_logits
from crosscheck.search.objective import on_plateau
from crosscheck.search.space import EarlyStopping
from crosscheck.study import plans, runs
from crosscheck.training.class_weights import UNWEIGHTED, weigh_classes
from crosscheck.training.curves import Epoch
from crosscheck.training.distributed import ALONE, Group
from crosscheck.training.trainer import Trainer
from crosscheck.training.validation import score
from stages import train as stage

# 28 images in batches of 9: the last batch holds one image, too few for two processes.
LABELS: NDArray[np.int64] = np.array([0] * 20 + [1] * 5 + [2] * 3)
VAL_LABELS: NDArray[np.int64] = np.array([0, 0, 0, 0, 1, 2, 2])
BALANCED = {"class_weights": "balanced"}
pytestmark = pytest.mark.usefixtures("one_thread")


def balanced(params: Params) -> Any:
    return params.train.model_copy(update=BALANCED)


def learner(params: Params, group: Group = ALONE, **recipe: Any) -> Trainer:
    wanted = {"batch_size": 9, "epochs": 3, "lr": 0.05, **BALANCED, **recipe}
    return training(params, draw(LABELS), draw(VAL_LABELS, 1), group, **wanted)


def test_the_weights_are_those_of_scikit_learn(params: Params) -> None:
    found = weigh_classes(balanced(params), LABELS, VAL_LABELS)
    np.testing.assert_allclose(found.values, compute_class_weight("balanced", classes=np.arange(3), y=LABELS))
    assert found.total(LABELS, slice(None)) == pytest.approx(len(LABELS))
    assert found.total(LABELS, np.array([0, 27])) == pytest.approx(28 / 60 + 28 / 9)
    gap = weigh_classes(balanced(params), np.array([0, 0, 0, 2]), np.array([0, 2]))
    assert found.values is not None and gap.values is not None
    wanted = compute_class_weight("balanced", classes=np.array([0, 2]), y=np.array([0, 0, 0, 2]))
    np.testing.assert_allclose(gap.values[[0, 2]], wanted)


def test_without_weights_each_image_counts_as_one(params: Params) -> None:
    assert weigh_classes(params.train, LABELS, VAL_LABELS) is UNWEIGHTED
    assert UNWEIGHTED.total(LABELS, np.array([3, 4])) == 2
    assert UNWEIGHTED.total(LABELS, slice(2, 9)) == 7
    assert UNWEIGHTED.tensor(torch.device("cpu")) is None


def test_a_validated_class_without_training_images_is_refused_in_one_line(params: Params) -> None:
    with pytest.raises(InputError, match=r"train\.class_weights is 'balanced', but a class .* set .* to none$"):
        weigh_classes(balanced(params), np.array([0, 0, 1]), VAL_LABELS)


def test_the_losses_are_weighted_means_as_torch_computes_them(params: Params) -> None:
    """Hardly any learning: the weighted mean over the batches is that over all images."""
    trained = learner(params, lr=1e-9, momentum=0.0)
    epoch = trained.run_epoch()
    weights = torch.tensor(compute_class_weight("balanced", classes=np.arange(3), y=LABELS), dtype=torch.float32)
    for subset, found in ((trained.train, epoch.train_loss), (trained.val, epoch.val_loss)):
        logits, labels = compute_logits(trained.net, subset, 28), torch.from_numpy(subset.labels)
        assert found == pytest.approx(functional.cross_entropy(logits, labels, weights).item(), abs=2e-6)
        assert found != pytest.approx(functional.cross_entropy(logits, labels).item(), abs=1e-3)
    assert epoch.val_accuracy == score(trained.net, trained.val, 8)[1], "an accuracy is that of the images"


def test_equal_classes_train_as_without_weights(params: Params) -> None:
    even: NDArray[np.int64] = np.arange(18) % 3
    weighted, plain = (training(params, draw(even), draw(even, 1), class_weights=name) for name in ("balanced", "none"))
    weighted.run()
    plain.run()
    for one, other in zip(weighted.net.parameters(), plain.net.parameters(), strict=True):
        torch.testing.assert_close(one, other)
    assert [epoch.val_loss for epoch in weighted.history] == pytest.approx(
        [epoch.val_loss for epoch in plain.history], abs=1e-5
    )


def test_a_rare_class_is_learnt_that_is_passed_over_without_weights(params: Params) -> None:
    """Images that say nothing: the answer is the class that counts most."""
    noise = np.random.default_rng(0).integers(0, 256, (90, 12, 12, 1), dtype=np.uint8)
    subset = Subset(noise, np.repeat(np.arange(3), [84, 3, 3]))
    odds = {}
    for name in ("none", "balanced"):
        trained = training(params, subset, subset, class_weights=name, epochs=8, lr=0.02, batch_size=30)
        trained.run()
        odds[name] = compute_logits(trained.net, subset, 90).softmax(1).mean(0)
    assert odds["none"][0] > 0.8
    assert odds["balanced"][0] < 0.6


def run_in_group(rank: int, folder: str, size: int) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=size)
    trained = learner(load(ROOT / "params.yaml"), Group(rank, size), keep="best")
    trained.run()
    torch.save(trained.state(), f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_train_as_one_does_and_keep_the_same_network(params: Params, tmp_path: Path) -> None:
    multiprocessing.spawn(run_in_group, (str(tmp_path), 2), nprocs=2)
    alone = learner(params, keep="best")
    alone.run()
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    for name, weights in alone.net.state_dict().items():
        torch.testing.assert_close(first["weights"][name], weights, rtol=1e-4, atol=1e-6)
        assert torch.equal(first["weights"][name], second["weights"][name])
    for found, wanted in zip(first["history"], alone.history, strict=True):
        assert found["train_loss"] == pytest.approx(wanted.train_loss, abs=1e-5)
        assert found["val_loss"] == pytest.approx(wanted.val_loss, abs=1e-5)
        assert found["train_accuracy"] == wanted.train_accuracy


def test_guessing_gives_equal_odds_whatever_the_shares() -> None:
    guess = Guess((295, 7), balanced=True)
    assert guess.loss == math.log(2)
    assert (guess.name, guess.shown) == ("equal odds", "ln 2 = 0.693")
    assert guess.accuracy == 295 / 302, "an accuracy is that of the images"
    assert guess.on_plateau(0.67) and not guess.on_plateau(0.6)
    assert not Guess((295, 7)).equal_odds
    assert Guess((4, 0, 9), balanced=True).loss == math.log(2)


def test_the_warning_of_the_plateau_is_that_of_equal_odds(capsys: pytest.CaptureFixture[str]) -> None:
    history = [Epoch(1, 0.69, 0.5, None, None)]
    stage.warn_of_plateau(history, Guess((295, 7), balanced=True), ["cat", "dog"])
    assert "ends at 0.690, about ln 2 = 0.693: the network has learnt nothing; try" in capsys.readouterr().err
    # Far above the plateau of the shares, and well below that of equal odds.
    stage.warn_of_plateau([Epoch(1, 0.4, 0.5, None, None)], Guess((295, 7), balanced=True), ["cat", "dog"])
    assert capsys.readouterr().err == ""


def test_a_search_measures_the_plateau_by_the_weights() -> None:
    stop = EarlyStopping(epochs=1, loss=0.95)
    train, val = Guess((295, 7), balanced=True), Guess((29, 2), balanced=True)
    assert on_plateau([Epoch(1, 0.69, 0.5, 0.70, 0.5)], stop, train, val)
    assert not on_plateau([Epoch(1, 0.40, 0.5, 0.70, 0.5)], stop, train, val)


@pytest.mark.parametrize(("loss", "failed", "on_it"), [(0.69, True, True), (0.4, True, False), (0.3, False, False)])
def test_a_study_takes_its_limit_and_its_plateau_of_equal_odds(
    tmp_path: Path, loss: float, failed: bool, on_it: bool
) -> None:
    (tmp_path / "s.yaml").write_text("title: T\nseeds: 1\nvariants: {small: {set: {train.class_weights: balanced}}}\n")
    plan = plans.read(tmp_path / "s.yaml", ROOT / "params.yaml")
    sizes = {"train_images": 302, "val_images": 0, "test_images": 4, "train_images_of_class": [295, 7]}
    answers = {"row": [0, 1], "actual": [0, 1], "predicted": [0, 1], "log_loss": 0.1}
    curve = {"epoch": [1], "train_loss": [loss], "val_loss": [None], "val_accuracy": [None]}
    found = run_result(data={"classes": ["a", "b"], **sizes}, curve=curve, test=answers)
    run = runs._run(plan.runs[0], found, plan)
    assert (run.failed, run.on_plateau) == (failed, [on_it])
    assert runs.all_equal_odds({"small": [run]})

"""One trial of a search, and one training of a finalist: what a worker process does."""

import time
import warnings
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Literal

from optuna import Study, Trial, TrialPruned
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from crosscheck.core import devices
from crosscheck.core.errors import InputError
from crosscheck.core.params import AugmentParams, ComputeParams, EvaluateParams, ModelParams, TrainParams
from crosscheck.data import dataset
from crosscheck.data.guessing import Guess
from crosscheck.evaluation import complexity
from crosscheck.evaluation.complexity import Cost
from crosscheck.search import space, storage
from crosscheck.search.results import RESULT, SURPLUS, WANTED, FinalResult, TrialResult, Wanted, result_of
from crosscheck.search.space import EarlyStopping, Search
from crosscheck.training import validation
from crosscheck.training.curves import Epoch
from crosscheck.training.trainer import DivergedError, Trainer, build_trainer

OVER = "not trained: over the limit"
# Far from the seeds of the finals, so that no model is chosen for its luck with one of these.
FIRST_SEED = 1_000_000


@dataclass(frozen=True)
class Setup:
    """All that a worker process needs to know.

    `baseline`: the cost of what params.yaml describes; `seed`: the sampler's, or None for another one in each process.
    """

    url: str
    search: Search
    split: Path
    model: ModelParams
    train: TrainParams
    augment: AugmentParams
    compute: ComputeParams
    baseline: Cost
    seed: int | None


@dataclass(frozen=True)
class Pictures:
    """The packed data set, as far as a trial may see it."""

    data_set: dataset.DataSet
    train: dataset.Subset
    val: dataset.Subset


@cache
def pictures(split: Path, train_images: int | Literal["all"]) -> Pictures:
    """Map `train_images` of each class, and the validation images. Raises InputError where there are none of these."""
    data_set = dataset.read_data_set(split)
    train, val = dataset.read_to_train(split, data_set, train_images)
    if not len(val):
        raise InputError("params.yaml: split.val is 0, but a search chooses by validation images; set it to 100, say")
    return Pictures(data_set, train, val)


def sampler(startup: int, seed: int | None) -> BaseSampler:
    """Tree-structured Parzen estimators over all parameters jointly (Bergstra et al. 2011; Ozaki et al. 2020)."""
    with warnings.catch_warnings(action="ignore", category=ExperimentalWarning):
        return TPESampler(n_startup_trials=startup, multivariate=True, group=True, constant_liar=True, seed=seed)


class SurplusError(Exception):
    """A trial that other sessions have left no room for."""


def run(setup: Setup) -> int:
    """Ask the study for a trial, train it, tell what came out; return its number.

    Where two sessions ask for the last trial at the same moment, the later one ends untrained, as failed.
    """
    numbers: list[int] = []
    search = setup.search.study
    _study(setup.url, search.name, search.startup_trials, setup.seed).optimize(
        lambda trial: _objectives(setup, trial),
        n_trials=1,
        catch=(SurplusError,),
        callbacks=[lambda _, trial: numbers.append(trial.number)],
    )
    return numbers[0]


def is_waiting(trial: FrozenTrial) -> bool:
    """Whether it is still to be started: a known point, or one to be tried again."""
    return trial.state == TrialState.WAITING


def is_under_way(trial: FrozenTrial) -> bool:
    """Whether a worker is at it, for all that the database knows.

    One killed just when its trial began left no sign of life that could fail to come; what it would train is missing.
    """
    began = trial.datetime_start
    young = began is None or (datetime.now() - began).total_seconds() < storage.GRACE_SECONDS
    return trial.state == TrialState.RUNNING and (young or WANTED in trial.user_attrs)


def was_trained(trial: FrozenTrial) -> bool:
    """Whether it came to an end and was trained, be it in part."""
    ended = trial.state in (TrialState.COMPLETE, TrialState.PRUNED)
    return ended and not (result_of(trial).stopped or "").startswith(OVER)


@cache
def _study(url: str, name: str, startup: int, seed: int | None) -> Study:
    return storage.load_study(url, name, sampler(startup, seed))


def _objectives(setup: Setup, trial: Trial) -> list[float]:
    """Train the trial's point of the space. Raises TrialPruned where it is beyond a limit or hopeless.

    Optuna's pruners know one objective only; a trial of several may still end itself as pruned. How far it is beyond
    the limits guides the sampler all the same.
    """
    search, known = setup.search, pictures(setup.split, setup.train.images_per_class)
    # Numbers are given one by one: a trial that counts all lower ones is counted by all higher ones.
    earlier = [each for each in trial.study.get_trials(deepcopy=False) if each.number < trial.number]
    if sum(is_waiting(each) or is_under_way(each) or was_trained(each) for each in earlier) >= search.study.trials:
        trial.set_user_attr(SURPLUS, True)
        raise SurplusError(f"the search has its {search.study.trials} trials")
    wanted, recipe = space.draw(trial, search.space, setup.model, setup.train)
    recipe = recipe.model_copy(update={"seed": FIRST_SEED + trial.number * search.study.repeats})
    trial.set_user_attr(WANTED, Wanted(model=wanted, train=recipe).model_dump())
    figures = complexity.count_complexity(wanted, known.data_set, len(known.train), recipe.epochs)
    over = beyond(setup, figures)
    excess = {
        "parameters": figures.parameters / search.constraints.parameters - 1,
        "cost": figures.training_cost / (search.constraints.cost * setup.baseline.training_cost) - 1,
    }
    if over:
        result = TrialResult(**asdict(figures), stopped=over)
    else:
        result = repeated(setup, wanted, recipe, figures)
        excess["accuracy"] = search.constraints.accuracy - (result.accuracy or 0.0)
    for name, value in excess.items():
        trial.set_constraint(name, value)
    trial.set_user_attr(RESULT, result.model_dump())
    if result.stopped:
        raise TrialPruned(result.stopped)
    return [float(getattr(result, name)) for name in search.objectives]


def repeated(setup: Setup, wanted: ModelParams, recipe: TrainParams, figures: Cost) -> TrialResult:
    """Train with one seed after the other; the curve and the seconds of the first, and the lowest accuracy of all.

    On a few hundred validation images, the highest of many single trainings is luck. No seed follows one that was
    stopped, or that ended below the accuracy that is of use.
    """
    search, classes = setup.search, len(pictures(setup.split, setup.train.images_per_class).data_set.classes)
    curve: list[Epoch] = []
    lowest, seconds, stopped = 1.0, 0.0, None
    for repeat in range(search.study.repeats):
        began = time.perf_counter()
        trainer = start(setup, wanted, recipe.model_copy(update={"seed": recipe.seed + repeat}))
        stopped = fit(trainer, search.early_stopping, classes)
        lowest = min(lowest, (trainer.kept.val_accuracy or 0.0) if trainer.history else 0.0)
        if repeat == 0:
            seconds, curve = time.perf_counter() - began, trainer.history
        elif stopped:
            stopped = f"{stopped} of training {repeat + 1}"
        if stopped or lowest < search.constraints.accuracy:
            break
    return TrialResult(**asdict(figures), accuracy=lowest, curve=curve, seconds=seconds, stopped=stopped)


def beyond(setup: Setup, figures: Cost) -> str | None:
    """Which limit the network is beyond before it is trained, or None."""
    limits = setup.search.constraints
    if figures.parameters > limits.parameters:
        return f"{OVER} of {limits.parameters:,} parameters"
    if figures.training_cost > limits.cost * setup.baseline.training_cost:
        return f"{OVER} of {limits.cost:.1%} of the cost"
    return None


def start(setup: Setup, wanted: ModelParams, recipe: TrainParams) -> Trainer:
    """A training about to begin, with one thread."""
    device = devices.prepare(setup.compute.model_copy(update={"threads": 1}))
    known = pictures(setup.split, setup.train.images_per_class)
    return build_trainer(wanted, recipe, setup.augment, known.data_set, known.train, known.val, device)


def fit(trainer: Trainer, stop: EarlyStopping | None, classes: int) -> str | None:
    """Train to the last epoch, or until it is hopeless; return why it was stopped, or None."""
    balanced = trainer.params.class_weights == "balanced"
    train, val = (Guess.from_labels(subset.labels, classes, balanced) for subset in (trainer.train, trainer.val))

    def judge(epoch: Epoch, _: float) -> str | None:
        if stop is not None and on_plateau(trainer.history, stop, train, val):
            return f"on the plateau at {train.short} after epoch {epoch.epoch}"
        return None

    try:
        return trainer.run(judge)
    except DivergedError:
        return f"diverged in epoch {len(trainer.history) + 1}"


def on_plateau(history: list[Epoch], stop: EarlyStopping, train: Guess, val: Guess) -> bool:
    """Whether, after the epochs that every trial gets, no loss was ever below its share of what guessing gives.

    Both losses: with batch normalisation, the validation loss of a network that learns well may lag for some epochs.
    Each is held against the class shares of its own images, since these may differ.
    """
    pairs = [(epoch.train_loss, train) for epoch in history] + [(epoch.val_loss, val) for epoch in history]
    above = [loss >= stop.loss * guess.loss for loss, guess in pairs if loss is not None]
    return len(history) >= stop.epochs and all(above)


def run_final(setup: Setup, wanted: ModelParams, recipe: TrainParams, evaluate: EvaluateParams) -> FinalResult:
    """Train a finalist with one seed, whatever its curve, and score it on the validation and test sets."""
    known = pictures(setup.split, setup.train.images_per_class)
    began = time.perf_counter()
    trainer = start(setup, wanted, recipe)
    diverged = fit(trainer, None, len(known.data_set.classes))
    seconds = time.perf_counter() - began
    test = dataset.read(setup.split, "test", known.data_set)
    _, test_accuracy = validation.score(trainer.net, test, evaluate.batch_size)
    return FinalResult(
        seed=recipe.seed,
        val_accuracy=0.0 if diverged else trainer.kept.val_accuracy or 0.0,
        test_accuracy=0.0 if diverged else test_accuracy or 0.0,
        diverged=diverged,
        curve=trainer.history,
        seconds=seconds,
    )

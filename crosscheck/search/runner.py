"""Runs a search: draws points, trains them side by side, and trains the best again."""

import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, as_completed, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

from optuna import Study
from optuna.storages import fail_stale_trials
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial
from tqdm import tqdm

from crosscheck.core import processes
from crosscheck.core.errors import InputError
from crosscheck.core.files import sha256
from crosscheck.core.params import decisive, load_section
from crosscheck.evaluation import complexity
from crosscheck.network import backbones
from crosscheck.pipeline import paths
from crosscheck.search import objective, pareto, storage, tracking
from crosscheck.search import space as spaces
from crosscheck.search.objective import Setup
from crosscheck.search.pareto import Candidate, Finalist
from crosscheck.search.results import RESULT, FinalResult, final_of
from crosscheck.search.space import Search, SpaceParams
from crosscheck.tracking.nested_runs import NestedRuns

# The study's note of how many trials it had at each reading of the test set.
OPENINGS = "test_openings"
# Between two looks at whether other sessions have ended the last trials.
WAIT_SECONDS = 1.0


def read_setup(space: Path) -> Setup:
    """What the workers need to know. Raises InputError for a wrong parameter, missing images, or none to validate."""
    # Absolute, since a worker keeps the images by it.
    split = paths.read_paths("split")["split"].resolve()
    model, train = load_section("model"), load_section("train")
    if backbones.is_used(model):
        raise InputError(
            f"params.yaml: model.backbone is {model.backbone!r}, but a search builds its own convolutions; set it to "
            "none"
        )
    data = objective.pictures(split, train.images_per_class)
    search = spaces.load(space, data.data_set)
    # Side by side, two samplers with the same seed would draw the same points.
    seed = search.study.seed if search.study.workers == 1 else None
    return Setup(
        url=storage.address(),
        search=search,
        split=split,
        model=model,
        train=train,
        augment=load_section("augment"),
        compute=load_section("compute"),
        baseline=complexity.count_complexity(model, data.data_set, len(data.train), train.epochs),
        seed=seed,
    )


def open_study(setup: Setup) -> Study:
    """The search's study; it goes on only with the space and the images that it was begun with."""
    search = setup.search
    # A default decides nothing, so a search that was begun before it was there goes on.
    left_open = {
        key: value
        for name in ("train", "model", "augment")
        for key, value in decisive(name, getattr(setup, name).model_dump()).items()
    }
    for name in (*SpaceParams.model_fields, "further_channels", "seed", "snapshots"):
        left_open.pop(name, None)
    description = {
        "space": search.space.model_dump(),
        "objectives": search.objectives,
        "repeats": search.study.repeats,
        "early_stopping": search.early_stopping.model_dump(),
        "constraints": {**search.constraints.model_dump(), "baseline": setup.baseline.training_cost},
        "params.yaml": left_open,
        "images": [sha256(setup.split / name) for name in ("dataset.json", "train.npy", "val.npy")],
    }
    sampler = objective.sampler(search.study.startup_trials, setup.seed)
    study = storage.open_study(setup.url, search.study.name, directions(search), description, sampler)
    for point in search.initial_points:
        study.enqueue_trial(point.drawn(), skip_if_exists=True)
    return study


def directions(search: Search) -> list[StudyDirection]:
    """Accuracy is to be high, and all that it costs, low."""
    return [StudyDirection.MAXIMIZE if name == "accuracy" else StudyDirection.MINIMIZE for name in search.objectives]


@contextmanager
def worker_pool(count: int) -> Iterator[ProcessPoolExecutor]:
    """Worker processes. Raises InputError where one of them was killed."""
    try:
        with processes.pool(count, "spawn") as pool:
            yield pool
    except BrokenProcessPool:
        raise InputError("a worker was killed, most likely for lack of memory; run this again: it goes on") from None


def explore(pool: ProcessPoolExecutor, setup: Setup, study: Study, runs: NestedRuns) -> None:
    """Keep every worker busy with a trial until the study has as many as wanted, or the session's minutes are over."""
    wanted = setup.search.study
    deadline = time.monotonic() + wanted.minutes * 60 if wanted.minutes else float("inf")
    pending: set[Future[int]] = set()
    with tqdm(total=wanted.trials, unit="trial", disable=None) as bar:
        while True:
            # Counted again each time, since other machines may add to them.
            finished = sum(map(objective.was_trained, pareto.finished(study)))
            bar.update(finished - bar.n)
            in_time = time.monotonic() < deadline
            elsewhere = trials_elsewhere(study, len(pending))
            while len(pending) < min(wanted.workers, wanted.trials - finished - elsewhere) and in_time:
                pending.add(pool.submit(objective.run, setup))
            if not pending:
                if finished >= wanted.trials or not in_time:
                    return
                # The last trials are other sessions'. One that does not end well leaves room for another.
                fail_stale_trials(study)
                time.sleep(WAIT_SECONDS)
                continue
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                record(runs, study.get_trials(deepcopy=False)[future.result()])


def trials_elsewhere(study: Study, pending: int) -> int:
    """How many trials other sessions are at, if this one has started all of its `pending` ones."""
    return max(0, sum(map(objective.is_under_way, study.get_trials(deepcopy=False))) - pending)


def record(runs: NestedRuns, trial: FrozenTrial) -> None:
    """Tell MLflow of a trial, unless it came to no result."""
    if RESULT in trial.user_attrs:
        runs.record(tracking.trial(trial))


def train_again(
    pool: ProcessPoolExecutor, setup: Setup, study: Study, runs: NestedRuns, chosen: list[Candidate]
) -> list[Finalist]:
    """Train each of the chosen with every seed, unless the study has that already, and score them on the test set."""
    evaluate = load_section("evaluate")
    wanted = [(each, seed) for each in chosen for seed in setup.search.final.seeds]
    missing = [(each, seed) for each, seed in wanted if final_key(each, seed) not in study.user_attrs]
    if missing:
        finished = sum(map(objective.was_trained, pareto.finished(study)))
        study.set_user_attr(OPENINGS, [*study.user_attrs.get(OPENINGS, []), finished])
    pending: dict[Future[FinalResult], tuple[Candidate, int]] = {}
    for each, seed in missing:
        recipe = each.train.model_copy(update={"seed": seed})
        pending[pool.submit(objective.run_final, setup, each.model, recipe, evaluate)] = (each, seed)
    for future in tqdm(as_completed(pending), total=len(pending), unit="final training", disable=None):
        each, seed = pending[future]
        study.set_user_attr(final_key(each, seed), future.result().model_dump())
    finals = []
    for each in chosen:
        figures = [final_of(study, final_key(each, seed)) for seed in setup.search.final.seeds]
        for one in figures:
            runs.record(tracking.final(each, one))
        finals.append(Finalist(each, figures))
    return finals


def final_key(candidate: Candidate, seed: int) -> str:
    """Under which the study keeps a second training."""
    return f"final {candidate.number} seed {seed}"

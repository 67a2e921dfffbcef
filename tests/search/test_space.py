"""What a search may try, what a trial costs, and how the best are chosen."""

import math
from pathlib import Path

import pytest
from helpers.search import SHIPPED, STANDARD

from crosscheck.core.errors import InputError
from crosscheck.core.params import Params
from crosscheck.data.guessing import Guess
from crosscheck.evaluation import complexity
from crosscheck.search import pareto, space
from crosscheck.search.objective import on_plateau
from crosscheck.search.pareto import Candidate, Finalist
from crosscheck.search.results import FinalResult
from crosscheck.search.space import EarlyStopping
from crosscheck.training.curves import Epoch

EVEN = Guess((5, 5))
WRONG = [
    ("trials: 100", "trails: 100", ["study.trails is not a parameter", "did you mean 'trials'?"]),
    ("trials: 100", "trials: '100'", ["study.trials must be a whole number", "write it without quotes, as 100"]),
    ("pool: [max, avg, stride]", "pool: [max, mean]", ["space.pool.1 must be", "'max', 'avg', 'stride' or 'none'"]),
    ("pool: [max, avg, stride]", "pool: [max, max]", ["space.pool must name each value once"]),
    ("pool: [max, avg, stride]", "pool: []", ["space.pool must", "at least 1 item"]),
    ("epochs: {low: 1, high: 8}", "epochs: {low: 9, high: 8}", ["space.epochs must have a low", "not above its high"]),
    ("epochs: {low: 1, high: 8}", "epochs: {low: 2}", ["space.epochs.high is missing"]),
    ("convolutions: {low: 2, high: 5}", "convolutions: {low: 2, high: 7}", ["has room for 5 convolutions", "lower it"]),
    ("objectives: [accuracy,", "objectives: [speed,", ["objectives.0 must be", "'speed'"]),
    ("sgd: {low: 0.02, high: 1.0}", "sgd: {low: 0, high: 1.0}", ["space.lr.sgd.low must be greater than 0"]),
    ("pool: [max, avg, stride]", "pool: [max]", ["initial_points.0.pool is stride, which is not in the space (max)"]),
    (
        "channels: {low: 2, high: 10}",
        "channels: {low: 3, high: 10}",
        ["initial_points.2.channels is [2, 2, 2, 4, 6]", "3 to 10"],
    ),
    ("startup_trials: 50 ", "startup: 50 ", ["study.startup is called 'startup_trials' now; rename it"]),
    ("\nconstraints:", "\nlimits:", ["limits is called 'constraints' now; rename it"]),
    ("\nearly_stopping:", "\nstop:", ["stop is called 'early_stopping' now; rename it"]),
    ("\ninitial_points:", "\nknown:", ["known is called 'initial_points' now; rename it"]),
    ("accuracy: 0.99", "accuracy: 99", ["constraints.accuracy must be less than or equal to 1"]),
]


@pytest.mark.parametrize(("old", "new", "words"), WRONG, ids=[new for _, new, _ in WRONG])
def test_a_wrong_space_ends_in_one_line_that_names_file_key_and_remedy(
    tmp_path: Path, old: str, new: str, words: list[str]
) -> None:
    shipped = SHIPPED.read_text(encoding="utf-8")
    assert shipped.count(old) == 1
    file = tmp_path / "space.yaml"
    file.write_text(shipped.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        space.load(file, STANDARD)
    line = str(caught.value)
    assert line.startswith(f"{file}: ") and len(line.splitlines()) == 1
    for word in words:
        assert word in line


def test_the_cost_of_base_is_what_arithmetic_says(params: Params) -> None:
    first, second = 114 * 114 * 9, 55 * 55 * 5
    found = complexity.count_complexity(params.model, STANDARD, train_images=1500, epochs=10)
    assert found.parameters == 4_452_694
    assert found.multiply_adds == first * 9 + second * 9 * 9 + 27 * 27 * 5 * 1200 + 1200 * 64 + 64 * 2
    # The scaled image; each block's convolution, pooling and ReLU; flattening; each dense layer with its ReLU.
    blocks = first + 2 * 57 * 57 * 9 + second + 2 * 27 * 27 * 5
    assert found.activations == 116 * 116 + blocks + 27 * 27 * 5 + 2 * 1200 + 2 * 64 + 2
    assert found.training_cost == found.activations * 1500 * 10


def curve(*losses: tuple[float, float | None]) -> list[Epoch]:
    return [Epoch(number, train, 0.5, val, 0.5) for number, (train, val) in enumerate(losses, start=1)]


def test_the_plateau_is_where_no_loss_was_ever_below_chance() -> None:
    stop, chance = EarlyStopping(epochs=2, loss=0.95), math.log(2)
    assert on_plateau(curve((chance, chance), (chance, chance)), stop, EVEN, EVEN)
    assert not on_plateau(curve((chance, chance)), stop, EVEN, EVEN), "too early to tell"
    # Batch normalisation: the training loss falls while the validation loss lags.
    assert not on_plateau(curve((chance, 3.0), (0.4, 2.0)), stop, EVEN, EVEN)
    assert not on_plateau(curve((0.5, chance), (chance, chance)), stop, EVEN, EVEN)
    # What is chance for two classes is learning for ten.
    assert not on_plateau(curve((chance, chance), (chance, chance)), stop, Guess((3,) * 10), Guess((3,) * 10))


def candidate(params: Params, number: int, accuracy: float, parameters: int, training_cost: int = 10) -> Candidate:
    return Candidate(number, accuracy, parameters, 1, 1, training_cost, params.model, params.train)


def test_the_finalists_are_the_smallest_of_each_accuracy_in_turn(params: Params) -> None:
    sizes = {1.0: (900, 500), 0.995: (300, 400, 350), 0.99: (100,)}
    made = [candidate(params, size, accuracy, size) for accuracy, each in sizes.items() for size in each]
    assert [each.number for each in pareto.finalists(made, 5)] == [500, 300, 100, 900, 350]
    assert len(pareto.finalists(made, 100)) == 6


def test_the_winner_is_chosen_by_validation_whatever_the_test_set_says(params: Params) -> None:
    def final(number: int, val: list[float], test: float, parameters: int) -> Finalist:
        runs = [
            FinalResult(seed=seed, val_accuracy=value, test_accuracy=test, diverged=None, curve=[], seconds=1.0)
            for seed, value in enumerate(val)
        ]
        return Finalist(candidate(params, number, 1.0, parameters), runs)

    steady, lucky, smaller = (
        final(1, [0.98, 0.98], 0.1, 900),
        final(2, [1, 0.9], 1.0, 100),
        final(3, [0.98] * 2, 0, 800),
    )
    assert pareto.winner([steady, lucky]) == steady
    assert pareto.winner([steady, lucky, smaller]) == smaller
    assert pareto.winner([]) is None
    assert pareto.smallest([steady, lucky, smaller], 0.95) == lucky
    assert pareto.smallest([steady, lucky], 0.99) is None

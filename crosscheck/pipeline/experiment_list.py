"""Reads from DVC which experiments there are of the current commit, how they fared, and what differs between them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crosscheck.core.errors import InputError
from crosscheck.core.nesting import flatten
from crosscheck.core.params import PARAMS_FILE
from crosscheck.pipeline import paths
from crosscheck.pipeline.experiments import hydra
from crosscheck.pipeline.repository import open_experiments

if TYPE_CHECKING:
    from dvc.repo.experiments.serialize import ExpState, SerializableExp

WORKSPACE = "workspace"
DONE = "success"
SHORT = 7


@dataclass(frozen=True)
class Score:
    """The accuracy on n test images, with its 95 % interval, and the log loss in nats. Accuracies are shares of 1."""

    n: int
    accuracy: float
    low: float
    high: float
    log_loss: float


@dataclass(frozen=True)
class Experiment:
    """The workspace, the commit or one experiment of it.

    `state`: queued, running or failed, or empty where it has ended well. `result`: None where there is none.
    `differs`: the parameters that are not those of the commit, as `dvc exp run -S` takes them.
    """

    name: str
    state: str
    result: Score | None
    differs: list[str]


def read_experiments() -> list[Experiment]:
    """The workspace, the current commit, and its experiments in DVC's order.

    Raises InputError where DVC cannot tell.
    """
    metrics = str(paths.read_paths("evaluate")["metrics"])
    with open_experiments() as experiments:
        found = experiments.show()
    commits = [each for each in found if each.rev != WORKSPACE]
    if not commits:
        raise InputError("git has no commit yet, so there are no experiments; commit the project first")
    base = read_params(commits[-1].data)
    return [row for state in found for row in _list(state, base, metrics)]


def _list(state: "ExpState", base: Mapping[str, Any], metrics: str) -> Iterator[Experiment]:
    name = WORKSPACE if state.rev == WORKSPACE else state.name or state.rev[:SHORT]
    yield _describe(name, "", state.data, base, metrics)
    for group in state.experiments or []:
        tip = group.revs[0]
        executor = group.executor.state if group.executor else DONE
        ended = "" if executor == DONE else executor
        yield _describe(tip.name or tip.rev[:SHORT], ended, tip.data, base, metrics)


def _describe(
    name: str, state: str, data: "SerializableExp | None", base: Mapping[str, Any], metrics: str
) -> Experiment:
    if data is None:
        return Experiment(name, state or "unreadable", None, [])
    content = data.metrics.get(metrics, {}).get("data")
    return Experiment(name, state, read_result(content), list_differences(read_params(data), base))


def read_params(data: "SerializableExp | None") -> dict[str, Any]:
    """The parameters of params.yaml by their dotted names; empty where DVC could not read them."""
    content = data.params.get(str(PARAMS_FILE), {}).get("data") if data else None
    return flatten(content) if isinstance(content, dict) else {}


def read_result(metrics: Any) -> Score | None:
    """What `evaluate` wrote, or None where it is missing or something else."""
    test = metrics.get("test") if isinstance(metrics, dict) else None
    if not isinstance(test, dict):
        return None
    values = [test.get(name) for name in ("n", "accuracy", "accuracy_low", "accuracy_high", "log_loss")]
    figures = [float(value) for value in values if isinstance(value, int | float)]
    return Score(int(figures[0]), *figures[1:]) if len(figures) == len(values) else None


def list_differences(params: Mapping[str, Any], base: Mapping[str, Any]) -> list[str]:
    """The parameters that differ from those of `base`, as `key=value`."""
    return [f"{key}={hydra(value)}" for key, value in params.items() if key not in base or base[key] != value]

"""Finds the experiments of a cross-validation in git and DVC, and what their networks said of images new to them."""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crosscheck.core.errors import InputError
from crosscheck.core.nesting import flatten
from crosscheck.core.params import PARAMS_FILE
from crosscheck.core.yaml_files import parse_yaml
from crosscheck.evaluation.predictions import Predictions, parse_predictions
from crosscheck.pipeline import paths
from crosscheck.pipeline.repository import open_experiments

if TYPE_CHECKING:
    from dvc.fs import DVCFileSystem

LOCK_FILE = "dvc.lock"
# The stages between the images and the answers.
STAGES = ("split", "train", "evaluate")
QUEUE = "`dvc exp run --queue -S split.folds=5 -S 'split.fold=range(5)'`, then `dvc queue start`"
COMMAND = "python -m crosscheck suspects"


@dataclass(frozen=True)
class FoldExperiment:
    """An experiment in which one fold was the test set.

    `params` is its params.yaml. `made_of` is all that its answers follow from besides the fold: each other parameter
    by its dotted name, and the hash of each file and folder that its stages read. `files` are the experiment's.
    """

    name: str
    params: dict[str, Any]
    made_of: dict[str, str]
    files: "DVCFileSystem"

    @property
    def folds(self) -> int:
        return int(self.params["split"]["folds"])

    @property
    def fold(self) -> int:
        return int(self.params["split"]["fold"])


def find(names: Sequence[str]) -> list[FoldExperiment]:
    """All folds of one cross-validation, in their order: the experiments `names`, or those of the current commit.

    Raises InputError where a fold is missing, or where the experiments differ in more than the fold.
    """
    found = [each for name, revision in _revisions(names).items() if (each := _read(name, revision)) is not None]
    if names and len(found) < len(set(names)):
        others = [name for name in names if name not in {each.name for each in found}]
        raise InputError(f"{others[0]}: not an experiment with split.folds; name those of one cross-validation")
    if not found:
        raise InputError(f"no experiment of the current commit has split.folds; run {QUEUE}")
    _check_alike(found)
    by_fold = {each.fold: each for each in found}
    folds = found[0].folds
    if missing := [str(fold) for fold in range(folds) if fold not in by_fold]:
        raise InputError(
            f"of {folds} folds these have no experiment: {', '.join(missing)}; run them with the same settings "
            f"(`dvc queue status` says which failed or are not done)"
        )
    return [by_fold[fold] for fold in range(folds)]


def read_answers(experiments: Iterable[FoldExperiment]) -> tuple[list[str], dict[str, Predictions]]:
    """The classes, and by fold what a network that never saw its images says of them; each image is in one fold.

    Raises InputError where a table of predictions is missing, or the test sets of two folds share an image.
    """
    table = str(paths.read_paths("evaluate")["predictions"])
    classes: list[str] = []
    answers: dict[str, Predictions] = {}
    fold_of: dict[str, str] = {}
    for each in experiments:
        here, answered = _read_table(each, table)
        if classes and here != classes:
            raise InputError(f"{each.name}: {table} has other classes than the other folds; run the folds again")
        if shared := [path for path in answered.paths if path in fold_of]:
            raise InputError(
                f"{each.name}: its test image {shared[0]!r} was tested in {fold_of[shared[0]]}, too, so they are not "
                "folds of one split; run the folds again"
            )
        classes = here
        answers[f"fold {each.fold}"] = answered
        fold_of |= dict.fromkeys(answered.paths, each.name)
    return classes, answers


def _revisions(names: Sequence[str]) -> dict[str, str]:
    """The git revisions of the experiments `names`, or of all those of the current commit, by name."""
    with open_experiments() as experiments:
        # Those of the current commit last, so that they win over others of the same name.
        listed = [experiments.ls(all_commits=True)] * bool(names) + [experiments.ls()]
    known = {name: revision for found in listed for each in found.values() for name, revision in each}
    if unknown := [name for name in names if name not in known]:
        raise InputError(f"{unknown[0]}: there is no such experiment; `dvc exp list --all-commits` names them")
    return {name: known[name] for name in names} if names else known


def _read(name: str, revision: str) -> FoldExperiment | None:
    """The experiment of this revision, or None where it has no folds."""
    from dvc.fs import DVCFileSystem

    files = DVCFileSystem(rev=revision)
    source = f"experiment {name}"
    params, lock = (
        parse_yaml(files.read_text(str(file), encoding="utf-8"), f"{source}: {file}")
        for file in (PARAMS_FILE, LOCK_FILE)
    )
    split = params.get("split")
    if not isinstance(split, dict) or not split.get("folds"):
        return None
    settings = {key: json.dumps(value) for key, value in flatten(params).items() if key != "split.fold"}
    return FoldExperiment(name, params, settings | _sources(lock), files)


def _sources(lock: dict[str, Any]) -> dict[str, str]:
    """The hashes of what the stages read, as `dvc.lock` has them, but for what follows from the fold."""
    stages = lock["stages"]
    read = [dep for stage in STAGES for dep in stages[stage]["deps"]]
    of_fold = {out["path"] for stage in STAGES for out in stages[stage]["outs"]}
    return {
        dep["path"]: next(str(dep[kind])[:7] for kind in ("md5", "hash") if kind in dep)
        for dep in read
        if not any(dep["path"] == out or dep["path"].startswith(f"{out}/") for out in of_fold)
    }


def _check_alike(found: list[FoldExperiment]) -> None:
    alike: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for each in found:
        alike.setdefault(tuple(sorted(each.made_of.items())), []).append(each.name)
    if len(alike) == 1:
        return
    kinds = [(dict(made_of), names) for made_of, names in alike.items()]
    keys = sorted({key for made_of, _ in kinds for key in made_of})
    differing = next(key for key in keys if len({made_of.get(key) for made_of, _ in kinds}) > 1)
    told = "; ".join(f"{made_of.get(differing, 'absent')} in {' '.join(names)}" for made_of, names in kinds)
    raise InputError(
        f"experiments with folds differ in {differing}: {told}; name those of one kind: "
        f"{COMMAND} {' '.join(kinds[0][1])}"
    )


def _read_table(experiment: FoldExperiment, table: str) -> tuple[list[str], Predictions]:
    from dvc.exceptions import DvcException

    try:
        return parse_predictions(experiment.files.read_text(table, encoding="utf-8", newline=""))
    except (OSError, DvcException):
        raise InputError(
            f"{experiment.name}: its {table} is not in the DVC cache here; get it with `dvc exp pull` from where the "
            "experiment ran, or run the experiment again"
        ) from None
    except (ValueError, KeyError, csv.Error) as error:
        raise InputError(f"{experiment.name}: {table} is not a table of predictions ({error!r})") from None

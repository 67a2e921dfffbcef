"""The networks to choose from: the trained one with its snapshots, and other checkpoints."""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from torch import nn

from crosscheck.core.errors import InputError
from crosscheck.core.files import sha256
from crosscheck.core.params import DataParams
from crosscheck.data import dataset, decoding
from crosscheck.evaluation import ood
from crosscheck.network.checkpoint import Checkpoint, load_checkpoint
from crosscheck.training import snapshots


@dataclass(frozen=True)
class LoadedNetwork:
    """A network with its name.

    `preparation`: how its images are prepared; `learnt`: its detector of unlike images, if there is one; `epochs`: its
    snapshots, by the number of epochs trained.
    """

    name: str
    trained: Checkpoint
    preparation: DataParams
    learnt: ood.OodDetector | None
    epochs: dict[int, nn.Sequential] = field(default_factory=dict)


def find(checkpoint: Path, detector: Path, states: Path, split: Path, others: tuple[Path, ...]) -> list[LoadedNetwork]:
    """The trained network `checkpoint`, then `others`, or all checkpoints in its folder where none is named.

    Each file is there once, however often and by whichever path it is named. The detector of unlike images of the
    first is in `detector`. For the others it is fitted again from `split`, if they were trained on images of that
    kind. Raises InputError where there is no network at all, and for a damaged one.
    """
    named = [checkpoint] if checkpoint.exists() else []
    named += others or sorted(checkpoint.parent.glob("*.pt"))
    files = _drop_repeated(named)
    if not files:
        raise InputError(f"{checkpoint}: not found; there is no network yet: run `make repro` first")
    stems = [file.stem for file in files]
    # Two files of one name in different folders are told apart by their paths.
    names = [stem if stems.count(stem) == 1 else str(file) for file, stem in zip(files, stems, strict=True)]
    return [_variant(name, file, checkpoint, detector, states, split) for name, file in zip(names, files, strict=True)]


def _drop_repeated(files: list[Path]) -> list[Path]:
    """`files` without those that an earlier path leads to, also by a link."""
    once: dict[str, Path] = {}
    for file in files:
        once.setdefault(os.path.realpath(file), file)
    return list(once.values())


def _variant(name: str, file: Path, checkpoint: Path, detector: Path, states: Path, split: Path) -> LoadedNetwork:
    trained = load_checkpoint(file)
    preparation = decoding.data_params(trained.data_set, str(file))
    try:
        is_first = file == checkpoint
        learnt = ood.load_detector(detector, sha256(file)) if is_first else _learn(trained, file, split)
    except InputError as error:
        print(f"warning: {file}: the demo cannot tell what is unlike its training images: {error}", file=sys.stderr)
        learnt = None
    epochs = _epochs(trained, states) if file == checkpoint and states.exists() else {}
    return LoadedNetwork(name, trained, preparation, learnt, epochs)


def _learn(trained: Checkpoint, file: Path, split: Path) -> ood.OodDetector:
    if dataset.read_data_set(split) != trained.data_set:
        raise InputError(f"{split} holds other classes or another image size")
    train, val = (dataset.read(split, name, trained.data_set) for name in ("train", "val"))
    return ood.fit_detector(trained.net, train, val, sha256(file))


def _epochs(trained: Checkpoint, folder: Path) -> dict[int, nn.Sequential]:
    files, _ = snapshots.read(folder)
    states = {epoch: load_checkpoint(file) for epoch, file in files.items()}
    for epoch, state in states.items():
        if (state.params, state.data_set) != (trained.params, trained.data_set):
            raise InputError(f"{files[epoch]}: of another network than the trained one; run `dvc repro train`")
    return {epoch: state.net for epoch, state in states.items()}

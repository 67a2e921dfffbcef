"""Snapshots of a network in training: what the animation is made of, each a full checkpoint.

They lie with the training's saved state until it has ended, since DVC deletes a stage's outputs before it runs the
stage; so an interrupted training keeps those that it has made.
"""

import shutil
import sys
from copy import deepcopy
from pathlib import Path
from typing import cast

from torch import nn

from crosscheck.core.errors import InputError
from crosscheck.core.files import fresh_folder, write_json
from crosscheck.core.params import ModelParams, TrainParams
from crosscheck.core.records import Record, read_record
from crosscheck.data.dataset import DataSet
from crosscheck.network.checkpoint import Checkpoint, save_checkpoint

LARGEST = 64 * 2**20
INDEX = "index.json"
AGAIN = "run `dvc repro train` to make it again"


def choose_epochs(params: TrainParams) -> list[int]:
    """The epochs after which a snapshot is taken: 0, before training, then ever farther apart, then the last."""
    if params.snapshots > params.epochs:
        return list(range(params.epochs + 1))
    chosen: list[int] = []
    for number in range(params.snapshots):
        grown = (params.epochs + 1) ** (number / max(1, params.snapshots - 1)) - 1
        chosen.append(max(number, round(grown), *(epoch + 1 for epoch in chosen[-1:])))
    return chosen


class Index(Record):
    """Which epochs there are snapshots of, and why there are none, if there is a reason."""

    epochs: list[int]
    left_out: str


class Album:
    """The snapshots of one training, in `folder` until they are delivered."""

    def __init__(self, folder: Path, params: TrainParams, wanted: ModelParams, data_set: DataSet, net: nn.Module):
        size = sum(tensor.nbytes for tensor in net.state_dict().values())
        self.folder, self.wanted, self.data_set = folder, wanted, data_set
        self.due, self.left_out = choose_epochs(params), ""
        self.unsaved: dict[int, nn.Sequential] = {}
        if self.due and size > LARGEST:
            self.due = []
            limit = f"snapshots are kept up to {LARGEST // 2**20} MiB"
            self.left_out = f"the weights take {size / 2**20:,.0f} MiB, and {limit}"
            print(f"no snapshots: {self.left_out}", file=sys.stderr)

    def end_at(self, epoch: int) -> None:
        """Expect no state after `epoch`, at which the training ends early; that of `epoch` is then the last one due."""
        if any(due > epoch for due in self.due):
            self.due = [*(due for due in self.due if due < epoch), epoch]

    def take(self, epoch: int, net: nn.Module) -> None:
        """Keep the state after `epoch` where one is due; in memory where it cannot be written."""
        if epoch not in self.due:
            return
        try:
            self._save(net, self.folder / file_name(epoch))
        except (OSError, RuntimeError):
            self.unsaved[epoch] = cast(nn.Sequential, deepcopy(net).cpu())

    def reaches(self, epoch: int) -> bool:
        """Whether every snapshot up to `epoch` is there."""
        return all((self.folder / file_name(due)).exists() for due in self.due if due <= epoch)

    def deliver(self, folder: Path) -> None:
        """Write the snapshots and an index to `folder`, whole or not at all."""
        with fresh_folder(folder) as partial:
            for epoch in self.due:
                if epoch in self.unsaved:
                    self._save(self.unsaved[epoch], partial / file_name(epoch))
                else:
                    shutil.copy(self.folder / file_name(epoch), partial)
            write_json(partial / INDEX, Index(epochs=self.due, left_out=self.left_out).model_dump())

    def _save(self, net: nn.Module, file: Path) -> None:
        save_checkpoint(Checkpoint(cast(nn.Sequential, net), self.wanted, self.data_set), file)


def file_name(epoch: int) -> str:
    """The name of the checkpoint after `epoch`."""
    return f"epoch_{epoch:03d}.pt"


def read(folder: Path) -> tuple[dict[int, Path], str]:
    """The checkpoint files by their epochs, and why there are none, if a reason was given.

    Raises InputError where the index is missing or damaged, or a file of it is missing.
    """
    index = read_record(Index, folder / INDEX, AGAIN)
    files = {epoch: folder / file_name(epoch) for epoch in index.epochs}
    for file in files.values():
        if not file.is_file():
            raise InputError(f"{file}: not found; {AGAIN}")
    return files, index.left_out

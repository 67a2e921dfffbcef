"""Carries a training over an interruption: its state after each epoch, outside of DVC's outputs.

DVC deletes a stage's outputs before it runs the stage, and `dvc exp run --temp` works in a folder that it throws away;
so the state is in `.checkpoints/<key>/` under the project's root. The key is a hash of all that decides the result,
so another experiment never finds it.
"""

import hashlib
import json
import os
import sys
import uuid
from pathlib import Path
from pickle import UnpicklingError
from types import TracebackType
from typing import Any

import psutil
import torch
from filelock import FileLock, Timeout

from crosscheck.core import code_digest, params
from crosscheck.core.errors import InputError
from crosscheck.core.files import remove_state, replace_state, sha256, write_file, write_text
from crosscheck.core.project import STATES, root
from crosscheck.training.snapshots import Album
from crosscheck.training.trainer import Trainer

UNREADABLE = (OSError, RuntimeError, UnpicklingError, ValueError, EOFError, KeyError, IndexError, TypeError)
# What decides how a training begins and goes on, and what else lies in its folder.
CODE = [
    "crosscheck.core.bits.pin",
    "crosscheck.core.devices.prepare",
    "crosscheck.data.dataset.read_to_train",
    "crosscheck.training.trainer.build_trainer",
    "crosscheck.training.snapshots.Album",
]


def training_key(described: dict[str, Any], fingerprint: dict[str, str], arrays: list[Path]) -> str:
    """A hash of the model's description, the arrays' bytes, the code that trains, and of native bits the machine.

    A training with portable bits can be begun on one machine and finished on another.
    """
    machine = fingerprint if described["bits"]["mode"] == "native" else {}
    code = code_digest.digest(CODE, code_digest.PLAIN_CARRIERS)
    sections = {name: each for name, each in described.items() if name in params.SECTIONS}
    others = {name: each for name, each in described.items() if name not in sections and each is not None}
    content = [others | params.decisive_sections(sections), machine, [sha256(array) for array in arrays], code]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


class Resumable:
    """The saved state of one training. A context that no second training of the same key can enter."""

    def __init__(self, key: str) -> None:
        self.folder = root() / STATES / key
        self.lock = FileLock(self.folder.with_suffix(".lock"), timeout=0)
        self.finished = self.folder.with_suffix(".finished")
        self.ancestors = _ancestors()
        self.can_save = True

    def __enter__(self) -> "Resumable":
        """Raises InputError where a training of the same key is alive."""
        self.folder.mkdir(parents=True, exist_ok=True)
        pid = self.folder / "pid"
        try:
            self.lock.acquire()
        except Timeout:
            owner = pid.read_text(encoding="utf-8") if pid.exists() else "unknown"
            raise InputError(
                f"{self.folder}: a training of this experiment is running already (process {owner}); "
                "wait until it ends or stop it, then run this again: it goes on from the last epoch"
            ) from None
        write_text(pid, str(os.getpid()))
        remove_state(self.finished)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.lock.release()

    def name(self) -> tuple[str, bool]:
        """A name of this training alone, for its MLflow run, and whether an interrupted one has had it already.

        It is noted before the run is made, so that no moment of an interruption leaves a run that is not found again.
        """
        file = self.folder / "name"
        known = file.read_text(encoding="utf-8") if file.exists() else ""
        if known:
            return known, True
        fresh = uuid.uuid4().hex
        self._try_to_save(lambda: write_text(file, fresh))
        return fresh, False

    def save(self, trainer: Trainer) -> None:
        """Keep the state after the newest epoch, and the one before it. A full disk is a warning, once."""

        def replace() -> None:
            newest, last = self.folder / "newest.pt", self.folder / "last.pt"
            write_file(newest, lambda partial: torch.save(trainer.state(), partial))
            if last.exists():
                replace_state(last, self.folder / "previous.pt")
            replace_state(newest, last)

        self._try_to_save(replace)

    def resume(self, trainer: Trainer, album: Album) -> None:
        """Bring `trainer` to the newest state that can be read and has its snapshots, if there is any."""
        for file in (self.folder / "last.pt", self.folder / "previous.pt"):
            if not file.exists():
                continue
            try:
                state = torch.load(file, map_location=trainer.device, weights_only=True)
            except UNREADABLE as error:
                problem = " ".join(str(error).split())[:120]
                print(f"warning: {file}: not readable ({problem}); going on from an earlier epoch", file=sys.stderr)
                continue
            if not album.reaches(len(state["history"])):
                print(f"warning: {file}: its snapshots are missing; going on from an earlier epoch", file=sys.stderr)
                continue
            trainer.restore(state)
            print(f"going on after epoch {len(trainer.history)} of {trainer.params.epochs}", file=sys.stderr)
            return

    def finish(self) -> None:
        """Remove the state, since the outputs are written.

        Where DVC was killed meanwhile, the state stays: the next `dvc repro` writes the outputs from it at once.
        """
        if _ancestors() == self.ancestors:
            # At once: half of a state would be taken for another training.
            replace_state(self.folder, self.finished)
            remove_state(self.finished)
            remove_state(Path(self.lock.lock_file))

    def _try_to_save(self, write: Any) -> None:
        if not self.can_save:
            return
        try:
            write()
        except (OSError, RuntimeError) as error:
            self.can_save = False
            problem = " ".join(str(error).split())[:120]
            print(
                f"warning: {self.folder}: cannot be written ({problem}); training goes on, "
                "but an interruption would lose the epochs since the last state",
                file=sys.stderr,
            )


def _ancestors() -> list[int]:
    return [process.pid for process in psutil.Process().parents()]

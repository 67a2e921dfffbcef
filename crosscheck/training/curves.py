"""The training curve: one line per epoch, in memory and as CSV."""

from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from typing import Literal

from crosscheck.core import tables
from crosscheck.data.guessing import Guess


@dataclass(frozen=True)
class Epoch:
    """One line of the training curve.

    Loss is the mean cross entropy in nats, accuracy a share of 1. The training figures are averages over the epoch
    while the weights moved; the validation figures are taken after it, and are None without validation images.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    val_loss: float | None
    val_accuracy: float | None


def figures(epoch: Epoch) -> dict[str, float | None]:
    """All but the number of the epoch, by name."""
    return {name: value for name, value in asdict(epoch).items() if name != "epoch"}


def write(history: list[Epoch], file: Path) -> None:
    """Write the curve with a header; figures have 6 decimals, and those that are None stay empty."""
    tables.write([field.name for field in fields(Epoch)], map(astuple, history), file)


def read(file: Path) -> list[Epoch]:
    """Read a curve that `write` wrote. Raises InputError where it is missing or is not one."""
    return tables.read_records(file, _epoch, "a training curve", "train")


def _epoch(row: dict[str, str]) -> Epoch:
    def optional(name: str) -> float | None:
        return tables.finite(row[name]) if row[name] else None

    return Epoch(
        epoch=int(row["epoch"]),
        train_loss=tables.finite(row["train_loss"]),
        train_accuracy=tables.finite(row["train_accuracy"]),
        val_loss=optional("val_loss"),
        val_accuracy=optional("val_accuracy"),
    )


def best_epoch(val_losses: Sequence[float | None]) -> int:
    """The first epoch, from 1, of the lowest of these validation losses of each epoch; None counts as none."""
    known = [(loss, epoch) for epoch, loss in enumerate(val_losses, start=1) if loss is not None]
    return min(known)[1]


def kept_epoch(val_losses: Sequence[float | None], keep: Literal["last", "best"]) -> int:
    """The epoch, from 1, whose network is kept, given the validation loss of each epoch as the curve has it."""
    return best_epoch(val_losses) if keep == "best" else len(val_losses)


def kept(history: list[Epoch], keep: Literal["last", "best"]) -> Epoch:
    """As `kept_epoch`, the line of the curve."""
    return history[kept_epoch([epoch.val_loss for epoch in history], keep) - 1]


def plateau_end(history: list[Epoch], guess: Guess) -> int | None:
    """The first epoch whose training loss is clearly below that of guessing, or None where none is."""
    return next((epoch.epoch for epoch in history if not guess.on_plateau(epoch.train_loss)), None)

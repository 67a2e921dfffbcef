"""Trains the network that `model` describes and writes a checkpoint that describes itself.

    python -m stages.train --split data/split --checkpoint models/model.pt --card models/model.json \\
        --snapshots models/snapshots --machine .crosscheck/machine.json \\
        --curve metrics/curve.csv --metrics metrics/train.json

`card` is the checkpoint's description in JSON with its SHA-256; `snapshots` are states on the way to it. `machine`
names what trained it, the processor included; neither git nor DVC keeps that file, since the same bits from another
machine are not another result. Progress shows on a terminal only.
"""

import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from crosscheck.core import bits, cli, devices
from crosscheck.core.files import sha256, write_json
from crosscheck.core.params import ComputeParams, ModelParams, TrainParams, load_section
from crosscheck.data import dataset, guessing
from crosscheck.data.guessing import Guess
from crosscheck.network import model
from crosscheck.network.checkpoint import Checkpoint, save_checkpoint
from crosscheck.tracking import stage_logging
from crosscheck.tracking.run import Recorder
from crosscheck.training import curves, distributed
from crosscheck.training.resume import Resumable, training_key
from crosscheck.training.snapshots import Album
from crosscheck.training.trainer import Training, new_network

ARRAYS = ("train.npy", "train_labels.npy", "val.npy", "val_labels.npy")


def main(split: Path, checkpoint: Path, card: Path, snapshots: Path, machine: Path, curve: Path, metrics: Path) -> None:
    wanted, recipe, compute = load_section("model"), load_section("train"), load_section("compute")
    bits.warn(compute.portable, compute.device)
    if distributed.launch(recipe.processes):
        return
    device = devices.prepare(compute)
    with distributed.join(recipe.processes, device) as group:
        data_set = dataset.read_data_set(split)
        training = begin(split, data_set, wanted, recipe, device, group)
        decisive = group.from_first(bits.described(bits.find_mode(compute.portable, compute.device)))
        described = describe(training, wanted, data_set, compute, decisive)
        fingerprint = group.from_first(devices.fingerprint())
        key = training_key(described, fingerprint, [split / name for name in ARRAYS])
        group.check_same(key)
        if group.rank:
            follow(training)
            return

        with Resumable(key) as resumable:
            album = Album(resumable.folder / "snapshots", recipe, wanted, data_set, training.net)
            resumable.resume(training, album)
            training.agree()
            recorder = Recorder()
            recorder.start(stage_logging.parameters(described), fingerprint, *resumable.name())
            with recorder.watch():
                fit(training, album, recorder, resumable)

            save_checkpoint(Checkpoint(training.net, wanted, data_set), checkpoint)
            album.deliver(snapshots)
            write_json(card, {"sha256": sha256(checkpoint), **described})
            write_json(machine, {"checkpoint": sha256(checkpoint), **fingerprint})
            curves.write(training.history, curve)
            write_json(metrics, final_figures(training.history))
            warn_of_plateau(training.history, make_guess(training, data_set), data_set.classes)
            recorder.finish(sha256(checkpoint))
            resumable.finish()


def begin(
    split: Path,
    data_set: dataset.DataSet,
    wanted: ModelParams,
    recipe: TrainParams,
    device: torch.device,
    group: distributed.Group,
) -> Training:
    """The training of a new network, before its first step."""
    train, val = dataset.read(split, "train", data_set), dataset.read(split, "val", data_set)
    if recipe.images_per_class != "all":
        train = dataset.first_of_each_class(train, recipe.images_per_class)
    dataset.expect_random_order(train.images)
    net = new_network(wanted, data_set, train, recipe.seed)
    devices.keep_freed_memory(net)
    return Training(net, train, val, recipe, device, group)


def follow(training: Training) -> None:
    """What the other processes of a group do: the same steps on their shares."""
    training.agree()
    while len(training.history) < training.params.epochs:
        training.run_epoch(lambda loss, accuracy: None)


def make_guess(training: Training, data_set: dataset.DataSet) -> Guess:
    """What is right of the images trained on without looking at them."""
    return Guess.from_labels(training.train.labels, len(data_set.classes))


def describe(
    training: Training,
    wanted: ModelParams,
    data_set: dataset.DataSet,
    compute: ComputeParams,
    decisive: dict[str, str],
) -> dict[str, Any]:
    """What the card says of the model besides its hash."""
    return {
        "parameter_count": model.parameter_count(training.net),
        "model": wanted.model_dump(),
        "train": training.params.model_dump(),
        "data": {
            **asdict(data_set),
            "train_images": len(training.train),
            guessing.COUNTS: list(make_guess(training, data_set).counts),
            "val_images": len(training.val),
        },
        "compute": compute.model_dump(),
        "bits": decisive,
    }


def fit(training: Training, album: Album, recorder: Recorder, resumable: Resumable) -> None:
    """Train to the last epoch; after each, the state is saved and the recorder told. A terminal shows the progress."""
    if not training.history:
        album.take(0, training.net)
    done = len(training.history) * training.steps
    with tqdm(total=training.params.epochs * training.steps, initial=done, unit="step", disable=None) as bar:
        while len(training.history) < training.params.epochs:
            bar.set_description(f"epoch {len(training.history) + 1} of {training.params.epochs}")

            def show(loss: float, accuracy: float) -> None:
                bar.set_postfix_str(f"loss {loss:.4f}, accuracy {accuracy:.2%}", refresh=False)
                bar.update()

            began = time.perf_counter()
            epoch = training.run_epoch(show)
            seconds = time.perf_counter() - began
            album.take(epoch.epoch, training.net)
            resumable.save(training)
            recorder.metrics({**curves.figures(epoch), "epoch_seconds": seconds}, epoch.epoch)


def final_figures(history: list[curves.Epoch]) -> dict[str, dict[str, float]]:
    """The last line of the curve as `train` and `val`, loss and accuracy."""
    last = curves.figures(history[-1])
    nested: dict[str, dict[str, float]] = {}
    for name, value in last.items():
        subset, _, figure = name.partition("_")
        if value is not None:
            nested.setdefault(subset, {})[figure] = round(value, 6)
    return nested


def warn_of_plateau(history: list[curves.Epoch], guess: Guess, classes: list[str]) -> None:
    """Say so where training ended on the plateau: the loss of a network that answers every image alike."""
    loss = history[-1].train_loss
    if not guess.on_plateau(loss):
        return
    remedy = "try another train.seed, more train.epochs, or model.invert=true"
    if guess.even:
        found = f"about {guess.shown}: the network has learnt nothing; {remedy}"
    else:
        found = (
            f"about {guess.shown}, that of {guess.name} ({guess.most_frequent(classes)}): the network has "
            f"learnt nothing of the images; add images of the rarer classes, or {remedy}"
        )
    print(f"warning: the training loss ends at {loss:.3f}, {found}", file=sys.stderr)


if __name__ == "__main__":
    cli.run(main)

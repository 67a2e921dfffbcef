"""Trains the network that `model` describes and writes a checkpoint that describes itself.

    python -m stages.train --split data/split --checkpoint models/model.pt --card models/model.json \\
        --fingerprint models/fingerprint.json --curve metrics/curve.csv --metrics metrics/train.json

`card` is the checkpoint's description in JSON with its SHA-256. `fingerprint` names the machine and the versions that
the bits depend on; it is left to git, so that the same bits from another machine are no other output. Progress shows
on a terminal only.
"""

import math
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import torch
from tqdm import tqdm

from stages import command, curves, hardware, images, model, recording
from stages.files import sha256, write_json
from stages.params import ComputeParams, ModelParams, TrainParams, load_section
from stages.resumable import Resumable, key_of
from stages.tracking import Recorder
from stages.training import Training


def main(split: Path, checkpoint: Path, card: Path, fingerprint: Path, curve: Path, metrics: Path) -> None:
    wanted, recipe, compute = load_section("model"), load_section("train"), load_section("compute")
    device = hardware.prepare(compute)
    data_set = images.read_data_set(split)
    train, val = images.read(split, "train", data_set), images.read(split, "val", data_set)
    net = new_network(wanted, data_set, train, recipe.seed)
    hardware.keep_freed_memory(net)
    described = describe(net, wanted, data_set, recipe, compute, train, val)
    machine = hardware.fingerprint()
    arrays = [split / f"{subset}{kind}.npy" for subset in ("train", "val") for kind in ("", "_labels")]

    with Resumable(key_of(described, machine, arrays)) as resumable:
        training = Training(net, train, val, recipe, device)
        resumable.resume(training)
        recorder = Recorder()
        recorder.start(recording.parameters(described), machine, resumable.run_id())
        resumable.remember_run(recorder.run_id)
        with recorder.watch():
            fit(training, recorder, resumable)

        model.save(model.Checkpoint(net.to("cpu"), wanted, data_set), checkpoint)
        write_json(card, {"sha256": sha256(checkpoint), **described})
        write_json(fingerprint, machine)
        curves.write(training.history, curve)
        write_json(metrics, final_figures(training.history))
        warn_of_plateau(training.history, len(data_set.classes))

        recording.curve(recorder, curve)
        recording.network(recorder, checkpoint, card, train)
        recorder.finish(sha256(checkpoint))
        resumable.finish()


def new_network(params: ModelParams, data_set: images.DataSet, train: images.Subset, seed: int) -> torch.nn.Sequential:
    """The network before training: its weights follow from `seed`, its centring from the training images."""
    torch.manual_seed(seed)
    net = model.build(params, data_set)
    if params.centre:
        mean = train.images.mean(axis=(0, 1, 2), dtype="float64")
        cast(model.Scale, net.get_submodule("scale")).centre_on(torch.from_numpy(mean).float())
    return net


def describe(
    net: torch.nn.Module,
    wanted: ModelParams,
    data_set: images.DataSet,
    recipe: TrainParams,
    compute: ComputeParams,
    train: images.Subset,
    val: images.Subset,
) -> dict[str, Any]:
    """What the card says of the model besides its hash."""
    return {
        "parameter_count": model.parameter_count(net),
        "model": wanted.model_dump(),
        "train": recipe.model_dump(),
        "data": {**asdict(data_set), "train_images": len(train), "val_images": len(val)},
        "compute": compute.model_dump(),
    }


def fit(training: Training, recorder: Recorder, resumable: Resumable) -> None:
    """Train to the last epoch; after each, the state is saved and the recorder told. A terminal shows the progress."""
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


def warn_of_plateau(history: list[curves.Epoch], classes: int) -> None:
    """Say so where training ended on the plateau: the loss of a network that gives every class the same odds."""
    chance = math.log(classes)
    if history[-1].train_loss > 0.95 * chance:
        print(
            f"warning: the training loss ends at {history[-1].train_loss:.3f}, about ln {classes} = {chance:.3f}: the "
            "network has learnt nothing; try another train.seed, more train.epochs, or model.invert=true",
            file=sys.stderr,
        )


if __name__ == "__main__":
    command.run(main)

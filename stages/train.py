"""Trains the network that `model` describes and writes a checkpoint that describes itself.

    python -m stages.train --split data/split --checkpoint models/model.pt --card models/model.json \\
        --snapshots models/snapshots --machine .crosscheck/machine.json \\
        --curve metrics/curve.csv --metrics metrics/train.json

`card` is the checkpoint's description in JSON with its SHA-256. `snapshots` are states during the training. `machine`
names what trained it, the processor included. Neither git nor DVC keeps that file, because the same bits from another
machine are the same result. Progress is shown on a terminal only.
"""

import sys
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from crosscheck.core import bits, cli, devices
from crosscheck.core.files import sha256, write_json
from crosscheck.core.params import AugmentParams, ComputeParams, ModelParams, load_section
from crosscheck.data import dataset
from crosscheck.data.guessing import Guess
from crosscheck.network import model, model_card, pretrained
from crosscheck.network.checkpoint import Checkpoint, save_checkpoint
from crosscheck.network.model_card import CardData, Description
from crosscheck.tracking import stage_logging
from crosscheck.tracking.run import Recorder
from crosscheck.training import curves, process_group
from crosscheck.training.resume import Resumable, training_key
from crosscheck.training.snapshots import Album
from crosscheck.training.trainer import Trainer, build_trainer

ARRAYS = ("train.npy", "train_labels.npy", "val.npy", "val_labels.npy")


def main(split: Path, checkpoint: Path, card: Path, snapshots: Path, machine: Path, curve: Path, metrics: Path) -> None:
    wanted, recipe, augment = load_section("model"), load_section("train"), load_section("augment")
    compute = load_section("compute")
    bits.warn(compute.portable, compute.device)
    if process_group.launch(recipe.processes):
        return
    device = devices.prepare(compute)
    with process_group.join(recipe.processes, device) as group:
        data_set = dataset.read_data_set(split)
        train, val = dataset.read_to_train(split, data_set, recipe.images_per_class)
        trainer = build_trainer(wanted, recipe, augment, data_set, train, val, device, group)
        decisive = group.from_first(bits.described(bits.find_mode(compute.portable, compute.device)))
        described = describe(trainer, wanted, augment, data_set, compute, decisive)
        fingerprint = group.from_first(devices.fingerprint())
        key = training_key(described.model_dump(), fingerprint, [split / name for name in ARRAYS])
        group.check_same(key)
        if group.rank:
            # What the others do: the same steps on their shares.
            trainer.agree()
            trainer.run()
            return

        with Resumable(key) as resumable:
            album = Album(resumable.folder / "snapshots", recipe, wanted, data_set, trainer.net)
            resumable.resume(trainer, album)
            trainer.agree()
            recorder = Recorder()
            recorder.start(stage_logging.parameters(described), fingerprint, *resumable.name())
            recorder.catch_up([(epoch.epoch, dict(curves.figures(epoch))) for epoch in trainer.history])
            with recorder.watch():
                fit(trainer, album, recorder, resumable)
            tell_of_early_end(trainer)

            save_checkpoint(Checkpoint(trainer.net, wanted, data_set), checkpoint)
            album.deliver(snapshots)
            model_card.write_card(described, checkpoint, card)
            write_json(machine, {"checkpoint": sha256(checkpoint), **fingerprint})
            curves.write(trainer.history, curve)
            kept = trainer.kept.epoch
            chosen = {"epoch_kept": kept} if recipe.keep == "best" else {}
            write_json(metrics, final_figures(trainer.history[:kept]) | chosen)
            warn_of_plateau(trainer.history[:kept], described.guess, data_set.classes)
            recorder.finish(sha256(checkpoint))
            resumable.finish()


def describe(
    trainer: Trainer,
    wanted: ModelParams,
    augment: AugmentParams,
    data_set: dataset.DataSet,
    compute: ComputeParams,
    decisive: dict[str, str],
) -> Description:
    """What the card says of the model besides its hash."""
    guess = Guess.from_labels(trainer.train.labels, len(data_set.classes))
    return Description(
        parameter_count=model.parameter_count(trainer.net),
        model=wanted,
        train=trainer.params,
        augment=augment,
        data=CardData(
            **asdict(data_set),
            train_images=len(trainer.train),
            train_images_of_class=list(guess.counts),
            val_images=len(trainer.val),
        ),
        compute=compute,
        bits=decisive,
        backbone=pretrained.find_source(wanted),
    )


def fit(trainer: Trainer, album: Album, recorder: Recorder, resumable: Resumable) -> None:
    """Train to the end; after each epoch the state is saved and the recorder told. A terminal shows the progress."""
    epochs, steps = trainer.params.epochs, trainer.steps

    def take_snapshot() -> None:
        if trainer.ended:
            album.end_at(len(trainer.history))
        album.take(len(trainer.history), trainer.net)

    if not trainer.history or trainer.ended:
        take_snapshot()
    with tqdm(total=epochs * steps, initial=len(trainer.history) * steps, unit="step", disable=None) as bar:

        def show(loss: float, accuracy: float) -> None:
            bar.set_description(f"epoch {len(trainer.history) + 1} of {epochs}", refresh=False)
            bar.set_postfix_str(f"loss {loss:.4f}, accuracy {accuracy:.2%}", refresh=False)
            bar.update()

        def keep(epoch: curves.Epoch, seconds: float) -> None:
            take_snapshot()
            resumable.save(trainer)
            recorder.metrics({**curves.figures(epoch), "epoch_seconds": seconds}, epoch.epoch)

        trainer.run(keep, show)


def tell_of_early_end(trainer: Trainer) -> None:
    """Say so where the training's patience ended it before its last epoch."""
    ended, planned, patience = len(trainer.history), trainer.params.epochs, trainer.params.patience
    if ended < planned:
        print(
            f"stopped after epoch {ended} of {planned}: no lower validation loss than that of epoch "
            f"{ended - patience} in {patience} epoch{'s' * (patience > 1)} (train.patience)",
            file=sys.stderr,
        )


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
    if guess.equal_odds:
        found = f"about {guess.shown}: the network has learnt nothing; {remedy}"
    else:
        found = (
            f"about {guess.shown}, that of {guess.name} ({guess.most_frequent(classes)}): the network has "
            f"learnt nothing of the images; add images of the rarer classes, set train.class_weights to balanced, or "
            f"{remedy}"
        )
    print(f"warning: the training loss ends at {loss:.3f}, {found}", file=sys.stderr)


if __name__ == "__main__":
    cli.run(main)

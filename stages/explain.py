"""Explains the network layer by layer: a page, its pictures, and an animation of the training.

    python -m stages.explain --split data/split --checkpoint models/model.pt --card models/model.json \\
        --snapshots models/snapshots --curve metrics/curve.csv --predictions metrics/predictions.csv \\
        --metrics metrics/test.json --report report

`report` gets report.html, which holds all of its pictures, the pictures and the animation's frames as PNG, and
training.gif.
The patches that excite a channel most come from training images. Probes are fitted on training images and scored on
validation images. Test images are only shown.
"""

from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from crosscheck.core import bits, cli, devices, processes
from crosscheck.core.errors import InputError
from crosscheck.core.files import fresh_folder, read_json
from crosscheck.core.params import load_section
from crosscheck.data import dataset
from crosscheck.evaluation.predictions import read_predictions_for
from crosscheck.explain import chapters
from crosscheck.explain.glossary import write_glossary
from crosscheck.explain.opening import write_opening
from crosscheck.explain.subject import Subject
from crosscheck.network import model_card
from crosscheck.reporting import document, fonts
from crosscheck.training import curves

TITLE = "What the network learnt"


def main(
    split: Path,
    checkpoint: Path,
    card: Path,
    snapshots: Path,
    curve: Path,
    predictions: Path,
    metrics: Path,
    report: Path,
) -> None:
    compute = load_section("compute")
    bits.warn(compute.portable, compute.device)
    # The animation takes as long as all chapters together, and little of either runs on more than one core.
    with (
        fresh_folder(report) as folder,
        processes.beside(animation, split, checkpoint, card, snapshots, curve, folder) as animating,
    ):
        study, history = begin(split, checkpoint, card, folder), curves.read(curve)
        fonts.tell(study.classes)
        answered = read_predictions_for(predictions, study.classes, study.test)
        told = [
            *chapters.write_layers(study),
            chapters.write_probes(study),
            chapters.write_attributions(study, answered),
        ]
        try:
            told.append(animating.result())
        except BrokenProcessPool:
            raise InputError(
                "the animation's process was killed, most likely for lack of memory; set train.snapshots to 0 in "
                "params.yaml for a report without an animation"
            ) from None
        opening = write_opening(study, history, read_json(metrics)["test"])
        document.write_html(document.Document(TITLE, [*opening, *told, write_glossary()]), folder / "report.html")


def begin(split: Path, checkpoint: Path, card: Path, folder: Path) -> Subject:
    """What the chapters are about, the report going to `folder`."""
    params, compute = load_section("explain"), load_section("compute")
    # Chapters and animation share the threads.
    threads = max(1, compute.threads // 2)
    devices.prepare(compute.model_copy(update={"threads": threads}))
    trained = model_card.load_trained(checkpoint, card)
    described = model_card.read_card(card)
    train, val, test = (dataset.read(split, name, trained.data_set) for name in ("train", "val", "test"))
    return Subject(
        trained, described.train.seed, described.guess, train, val, test, params, threads, folder, described.train.keep
    )


def animation(
    split: Path, checkpoint: Path, card: Path, snapshots: Path, curve: Path, folder: Path
) -> document.Section:
    """The animation's section, made in a separate process."""
    return chapters.write_animation(begin(split, checkpoint, card, folder), snapshots, curves.read(curve))


if __name__ == "__main__":
    cli.run(main)

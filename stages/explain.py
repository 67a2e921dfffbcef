"""Leads through the network layer by layer: a page, its pictures, and a film of the training.

    python -m stages.explain --split data/split --checkpoint models/model.pt --card models/model.json \\
        --snapshots models/snapshots --curve metrics/curve.csv --table metrics/predictions.csv --report report

`report` gets report.html, which holds all of its pictures, the pictures and the film's frames as PNG, and film.gif.
Channels look for what excites them among training images; probes are fitted on training images and scored on
validation images; test images are only shown.
"""

from pathlib import Path

from stages import cards, chapters, command, curves, hardware, images, layers, page, predictions, recording
from stages.files import fresh_folder
from stages.params import load_section

TITLE = "What the network learnt"


def main(split: Path, checkpoint: Path, card: Path, snapshots: Path, curve: Path, table: Path, report: Path) -> None:
    params, compute = load_section("explain"), load_section("compute")
    hardware.prepare(compute)
    trained = cards.load_checkpoint(checkpoint, card)
    untrained = layers.untrained(trained, cards.read(card)["train"]["seed"])
    train, val, test = (images.read(split, name, trained.data_set) for name in ("train", "val", "test"))
    answered = predictions.read_for(table, trained.data_set.classes, test)
    history = curves.read(curve)

    with fresh_folder(report) as folder:
        study = chapters.Study(trained, untrained, train, val, test, params, compute.threads, folder)
        told = [*chapters.of_layers(study), chapters.of_knowledge(study), chapters.of_decisions(study, answered)]
        words, frames = chapters.of_film(study, snapshots, history)
        page.write(TITLE, chapters.summary(study, history), told, words, frames, folder / "report.html")

    recorder = recording.of_checkpoint(card)
    recording.curve(recorder, curve)
    recording.explanation(recorder, report)


if __name__ == "__main__":
    command.run(main)

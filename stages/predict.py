"""Says of which class images are, with what probability, or that they are unlike all the network was trained on.

    python -m stages.predict IMAGE_OR_FOLDER ... [--json]

Images are prepared as for training, by the same code and the checkpoint's own description. A file that cannot be read
is a line on stderr; the others go on, and the exit status at the end is 1. Of a folder, files that are no images are
passed over. `--json` writes an object a line.
"""

import itertools
import sys
from collections.abc import Iterator
from json import dumps
from pathlib import Path

from stages import cards, command, decoding, folder, hardware, inference, novelty, pipeline, verdicts
from stages.errors import InputError
from stages.images import DataSet
from stages.params import DataParams, load_section

BATCH = 64


def main(*images: Path, json: bool = False) -> None:
    hardware.prepare(load_section("compute"))
    at = pipeline.paths("delimit")
    trained = cards.load_checkpoint(at["checkpoint"], at["card"])
    learnt = novelty.load(at["surroundings"], cards.read(at["card"])["sha256"])
    data = decoding.params_of(trained.data_set, str(at["checkpoint"]))
    if not images:
        raise InputError("no image given; name files or folders: python -m stages.predict IMAGE_OR_FOLDER ...")
    if not json:
        print(table_line(trained.data_set, "class", "probability", "distance", "image"))
    bad: list[str] = []
    readable = decoded(images, data, bad)
    while chunk := list(itertools.islice(readable, BATCH)):
        names, pixels = zip(*chunk, strict=True)
        responses = inference.responses(trained.net, verdicts.batch(list(pixels)))
        for name, verdict in zip(names, verdicts.of(responses, learnt), strict=True):
            print(as_line(name, verdict, trained.data_set, json), flush=True)
    if bad:
        raise InputError(f"{len(bad)} of the files could not be used, each named above; the others were")


def decoded(images: tuple[Path, ...], data: DataParams, bad: list[str]) -> Iterator[tuple[str, decoding.Pixels]]:
    """Name and pixels of every image; what cannot be read goes to stderr and into `bad`."""
    for image in images:
        in_folder = image.is_dir()
        # A link that the user names is followed, those in a folder only within it.
        root = image if in_folder else image.resolve().parent
        for path in folder.files(image) if in_folder else [image.resolve().name]:
            found = decoding.decode(root, path, data)
            name = str(image / path if in_folder else image)
            if found.pixels is not None:
                yield name, found.pixels
            elif found.kind == "bad" or not in_folder:
                bad.append(name)
                print(f"error: {name}: {found.note or 'not an image'}", file=sys.stderr, flush=True)


def as_line(name: str, verdict: verdicts.Verdict, data_set: DataSet, json: bool) -> str:
    if json:
        content = {"image": name, **verdicts.as_json(verdict, data_set)}
        return dumps(content, allow_nan=False, ensure_ascii=False)
    label = data_set.classes[verdict.label] if verdict.known else "unknown"
    probability = f"{verdict.probabilities[verdict.label]:.2%}" if verdict.known else "-"
    return table_line(data_set, label, probability, f"{verdict.distance:.2f}", name)


def table_line(data_set: DataSet, label: str, probability: str, distance: str, name: str) -> str:
    """The name comes last, since nobody knows yet how long the longest is."""
    width = max(map(len, [*data_set.classes, "unknown"]))
    return f"{label:<{width}}  {probability:>11}  {distance:>8}  {name}"


if __name__ == "__main__":
    command.run(main)

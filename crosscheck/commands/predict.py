"""Classifies images: prints the class and its probability, or `unknown` if an image is unlike all training images.

    python -m crosscheck predict IMAGE_OR_FOLDER ... [--json]

Images are prepared as for training; the checkpoint says how. A folder is read with its sub-folders, and files in it
that are not images are skipped. A file that cannot be read gets a line on stderr, and so does a folder without an
image; the other images are still classified, and the exit status is 1. The last line, on stderr, counts the answers.
`--json` prints one JSON object per line instead of the table.
"""

import itertools
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from json import dumps
from pathlib import Path

from crosscheck.core import devices
from crosscheck.core.errors import InputError
from crosscheck.core.params import DataParams, load_section
from crosscheck.data import decoding, image_folder
from crosscheck.data.dataset import DataSet
from crosscheck.evaluation import classify, ood
from crosscheck.network import inference, model_card
from crosscheck.pipeline import paths as pipeline

# Takes the name of a file that cannot be used, and the reason.
Refuse = Callable[[str, str], None]
UNKNOWN = "unknown"
# A class name may have 255 letters, and a data set thousands of classes.
LONGEST, MOST_CLASSES = 40, 10


def main(*images: Path, json: bool = False) -> None:
    devices.prepare_for_reading(load_section("compute"))
    at = pipeline.read_paths("fit_ood")
    trained = model_card.load_trained(at["checkpoint"], at["card"])
    learnt = ood.load_detector(at["detector"], model_card.read_card(at["card"]).sha256)
    data = decoding.data_params(trained.data_set, str(at["checkpoint"]))
    if not images:
        raise InputError("no image given; name files or folders: python -m crosscheck predict IMAGE_OR_FOLDER ...")
    if not json:
        print(table_line(trained.data_set, "class", "probability", "ood_score", "image"))
    bad: list[str] = []
    counts: Counter[str] = Counter()
    readable = decoded(images, data, bad)
    while chunk := list(itertools.islice(readable, inference.BATCH)):
        names, pixels = zip(*chunk, strict=True)
        responses = inference.responses(trained.net, classify.batch(list(pixels)))
        for name, verdict in zip(names, classify.classify(responses, learnt), strict=True):
            counts[label(verdict, trained.data_set)] += 1
            print(as_line(name, verdict, trained.data_set, json), flush=True)
    if not json:
        print(total(counts, trained.data_set, len(bad)), file=sys.stderr)
    if bad:
        raise InputError(problem(len(bad), counts.total()))


def decoded(images: tuple[Path, ...], data: DataParams, bad: list[str]) -> Iterator[tuple[str, decoding.Pixels]]:
    """Name and pixels of every image; what cannot be used goes to stderr and into `bad`."""

    def refuse(name: str, reason: str) -> None:
        bad.append(name)
        print(f"error: {printable(name)}: {reason}", file=sys.stderr, flush=True)

    for image in images:
        if is_folder(image):
            yield from decoded_in_folder(image, data, refuse)
            continue
        found = decoding.decode(*followed(image), data)
        if found.pixels is not None:
            yield str(image), found.pixels
        else:
            refuse(str(image), found.note or "not an image")


def decoded_in_folder(root: Path, data: DataParams, refuse: Refuse) -> Iterator[tuple[str, decoding.Pixels]]:
    """Name and pixels of every image in a folder; `refuse` gets bad ones, and a folder without an image."""
    try:
        paths = image_folder.files(root)
    except InputError as error:
        refuse(str(root), str(error).removeprefix(f"{root}: "))
        return
    others = 0
    for path in paths:
        found = decoding.decode(root, path, data)
        if found.pixels is not None:
            yield str(root / path), found.pixels
        elif found.kind == "bad":
            refuse(str(root / path), found.note)
        else:
            others += 1
    if others == len(paths):
        which = f"none of its {others} files is an image" if others else "it is empty, but for hidden names"
        refuse(str(root), f"no image in this folder: {which}; name a folder or a file with images")


def is_folder(image: Path) -> bool:
    try:
        return image.is_dir()
    except OSError:
        # A name that is too long, or one in a folder that may not be entered: reading it says which.
        return False


def followed(image: Path) -> tuple[Path, str]:
    """The folder and the name of a file. A link that the user names is followed, those in a folder only within it."""
    try:
        at = image.resolve()
    except (OSError, RuntimeError):
        # A loop of links: reading it says so.
        at = image
    return at.parent, at.name


def label(verdict: classify.Verdict, data_set: DataSet) -> str:
    return data_set.classes[verdict.label] if verdict.in_distribution else UNKNOWN


def as_line(name: str, verdict: classify.Verdict, data_set: DataSet, json: bool) -> str:
    if json:
        content = {"image": name, **classify.as_json(verdict, data_set)}
        return dumps(content, allow_nan=False, ensure_ascii=False)
    probability = f"{verdict.probabilities[verdict.label]:.2%}" if verdict.in_distribution else "-"
    return table_line(data_set, label(verdict, data_set), probability, f"{verdict.ood_score:.2f}", name)


def table_line(data_set: DataSet, label: str, probability: str, ood_score: str, name: str) -> str:
    """A line of the table. The name comes last, since the longest one is not known yet."""
    width = max(columns(shown(each)) for each in [*data_set.classes, UNKNOWN])
    label = shown(label)
    return f"{label}{' ' * (width - columns(label))}  {probability:>11}  {ood_score:>9}  {printable(name)}"


def total(counts: Counter[str], data_set: DataSet, bad: int) -> str:
    """How many images got which class, in the order of the classes, and how many files were not readable."""
    images = counts.total()
    classes = [label for label in [*data_set.classes, UNKNOWN] if counts[label]]
    parts = [f"{counts[label]} {shown(label)}" for label in classes[:MOST_CLASSES]]
    if rest := sum(counts[label] for label in classes[MOST_CLASSES:]):
        parts.append(f"{rest} of {len(classes) - MOST_CLASSES} other classes")
    said = f"{images} image{'' if images == 1 else 's'}"
    return f"{said}: {', '.join(parts)}; {bad} not readable" if parts else f"{said}; {bad} not readable"


def problem(bad: int, good: int) -> str:
    if not good:
        return "nothing was classified; the lines above say why"
    return f"{bad} of {bad + good} could not be used; the lines above name each"


def shown(label: str) -> str:
    label = printable(label)
    return label if len(label) <= LONGEST else label[: LONGEST - 1] + "…"


def printable(name: str) -> str:
    """`name` in one line: line breaks, and what would move the cursor of a terminal, are escaped."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode() for letter in name
    )


def columns(text: str) -> int:
    """How wide a terminal shows `text`: letters of East Asia and emoji take two columns, accents on others none."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(unicodedata.combining(letter) > 0 for letter in text)

"""The report: one page that needs nothing else, for every kind of network and data, the same bytes each time."""

import re
import warnings
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.networks import toy, trained
from helpers.project import Project
from PIL import Image

from crosscheck.core.params import ExplainParams, Params, TrainParams
from crosscheck.data.dataset import DataSet, Subset
from crosscheck.data.guessing import Guess
from crosscheck.evaluation import predictions
from crosscheck.explain import activations, chapters, figures, opening, receptive_fields, text
from crosscheck.explain.attributions import Reasons
from crosscheck.explain.glossary import write_glossary
from crosscheck.explain.subject import Subject
from crosscheck.reporting import document
from crosscheck.reporting.document import Document, Paragraph, Picture, Section, plain_text
from crosscheck.training import snapshots
from crosscheck.training.curves import Epoch

EVEN = Guess((5, 5))
NAMES = ["<script>alert(1)</script>", "a$b_c \"quoted\" & 'more'", "emoji 🙂 " + "long " * 20]
TINY = ExplainParams(dpi=30, images=9, probe_images=9, channels=3, classes=3, patches=2, attributions=1)
FIGURES = {
    "n": 9, "accuracy": 0.9, "accuracy_low": 0.6, "accuracy_high": 0.99, "balanced_accuracy": 0.9,
    "baseline_majority": 0.5, "baseline_1nn": 0.7,
}  # fmt: skip
HISTORY = [Epoch(1, 1.09, 0.4, None, None), Epoch(2, 0.9, 0.6, None, None), Epoch(3, 0.1, 1.0, None, None)]


class Outline(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def study(params: Params, folder: Path, data_set: DataSet, val: int = 6, **changes: Any) -> Subject:
    checkpoint = trained(params, data_set, **changes)
    subsets = toy(data_set, 18), toy(data_set, val), toy(data_set, 9)
    return Subject(checkpoint, 1, EVEN, *subsets, TINY, 1, folder)


def answered(about: Subject, right: bool) -> predictions.Predictions:
    labels, classes = about.test.labels, len(about.classes)
    odds = np.full((len(labels), classes), 0.1)
    odds[np.arange(len(labels)), labels if right else (labels + 1) % classes] = 0.8
    return predictions.make_predictions([str(row) for row in range(len(labels))], labels, odds)


def album(about: Subject, folder: Path, params: Params, **recipe: Any) -> Path:
    wanted = TrainParams.model_validate({**params.train.model_dump(), "epochs": 3, **recipe})
    kept = snapshots.Album(folder / "kept", wanted, about.trained.params, about.trained.data_set, about.trained.net)
    for epoch in range(4):
        kept.take(epoch, about.trained.net)
    kept.deliver(folder / "snapshots")
    return folder / "snapshots"


def tell(about: Subject, snapshots: Path, right: bool = False) -> Outline:
    """What `main` writes, without the tracking; no warning may come of it."""
    about.folder.mkdir(parents=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        told = [
            *chapters.write_layers(about),
            chapters.write_probes(about),
            chapters.write_attributions(about, answered(about, right)),
            chapters.write_animation(about, snapshots, HISTORY),
        ]
        opened = opening.write_opening(about, HISTORY, FIGURES)
        document.write_html(Document("Title", [*opened, *told, write_glossary()]), about.folder / "report.html")
    return Outline((about.folder / "report.html").read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "channels"),
    [
        ({}, 1),
        ({"pool": "avg", "head": "average", "norm": "batch"}, 3),
        ({"pool": "stride", "head": "convolution", "hidden": [4]}, 1),
        ({"pool": "none", "further_channels": [], "hidden": []}, 3),
    ],
    ids=str,
)
def test_every_kind_of_network_gets_a_page_that_needs_nothing_else(
    params: Params, tmp_path: Path, changes: dict[str, Any], channels: int
) -> None:
    about = study(params, tmp_path / "report", DataSet(NAMES, 20, 24, channels, "pad", 0), **changes)
    outline = tell(about, album(about, tmp_path, params))
    assert [tag for tag, _ in outline.tags].count("script") == 1
    for tag, attributes in outline.tags:
        assert not {"srcset", "action", "data", "onload", "onerror"} & attributes.keys()
        if tag == "img":
            assert str(attributes["src"]).startswith("data:image/png;base64,")
            assert attributes["alt"]
        if "href" in attributes:
            assert str(attributes["href"]).startswith(("#", "../docs/"))
    sections = [attributes["id"] for tag, attributes in outline.tags if tag == "h2"]
    assert sections == [*(layer.name for layer in about.layers), "probes", "attribution", "animation", "words"]
    written = ["frames", "kernels", "pictures", "report.html", "training.gif"]
    assert sorted(file.name for file in about.folder.iterdir()) == written
    for file in about.folder.rglob("*.png"):
        with Image.open(file) as image:
            image.load()


@pytest.mark.slow
def test_two_reports_are_the_same_to_the_byte(params: Params, tmp_path: Path) -> None:
    contents = []
    for name in ("one", "two"):
        about = study(params, tmp_path / name / "report", DataSet(NAMES[:2], 16, 16, 1, "pad", 0), hidden=[])
        tell(about, album(about, tmp_path / name, params))
        contents.append({file.name: file.read_bytes() for file in about.folder.rglob("*.*")})
    assert contents[0] == contents[1]


def test_without_snapshots_wrong_answers_or_validation_images_the_page_says_so(params: Params, tmp_path: Path) -> None:
    about = study(params, tmp_path / "report", DataSet(NAMES[:2], 16, 16, 1, "pad", 0), val=0, hidden=[])
    outline = tell(about, album(about, tmp_path, params, snapshots=0), right=True)
    assert "There is no animation: train.snapshots is 0." in outline.text
    assert "There is no wrong answer to explain among n = 9 test images." in outline.text
    assert "the accuracy is that on other training images." in outline.text
    assert "player" not in [attributes.get("id") for _, attributes in outline.tags]
    assert not (about.folder / "training.gif").exists()


def test_many_classes_and_channels_are_bounded(params: Params, tmp_path: Path) -> None:
    data_set = DataSet([f"class {number}" for number in range(40)], 14, 14, 1, "pad", 0)
    checkpoint = trained(params, data_set, channels=40, further_channels=[], hidden=[100])
    (tmp_path / "report").mkdir()
    subsets = toy(data_set, 80), toy(data_set, 80), toy(data_set, 80)
    about = Subject(checkpoint, 1, EVEN, *subsets, TINY, 1, tmp_path / "report")
    told = chapters.write_layers(about)
    paragraphs = [block for section in told for block in section.blocks if isinstance(block, Paragraph)]
    sentences = [plain_text(block.words) for block in paragraphs]
    assert sentences and all(len(sentence) < 1500 for sentence in sentences)
    probes = [block for block in chapters.write_probes(about).blocks if isinstance(block, Picture)]
    assert "first 10 classes" in plain_text(probes[0].caption)


def test_of_a_large_layer_three_rows_are_shown_and_the_others_folded(params: Params, tmp_path: Path) -> None:
    data_set = DataSet(["x", "y"], 14, 14, 1, "pad", 0)
    about = study(params, tmp_path / "report", data_set, channels=7, further_channels=[9, 6], pool="none", hidden=[])
    about = replace(about, params=TINY.model_copy(update={"channels": 8}))
    first, second, third, _ = chapters.write_layers(about)
    folded = {
        section.heading: [block.file.stem for block in section.blocks if isinstance(block, Picture)]
        for layer in (first, second, third)
        for section in layer.blocks
        if isinstance(section, Section) and section.folded
    }
    assert folded == {
        "block1: 4 more channels": ["patches_block1_more"],
        "block2: kernels of 6 more channels": ["kernels_block2_more"],
        "block2: 5 more channels": ["patches_block2_more"],
    }
    shown = [block for block in second.blocks if isinstance(block, Picture) and "patches" in block.file.stem]
    numbers = re.findall(r" (\d+):", shown[0].instead)
    assert numbers == ["0", "1", "2"]
    with Image.open(about.pictures / "patches_block2_more.png") as more, Image.open(shown[0].file) as three:
        assert more.height > 1.3 * three.height


def test_the_pipelines_own_report_stands_beside_its_pictures(reproduced: Project) -> None:
    files = {file.name for file in (reproduced.folder / "report").rglob("*.*")}
    assert {"report.html", "training.gif", "epoch_000.png", "epoch_002.png", "probes.png", "views.png"} <= files
    assert "report/report.html" in reproduced.command("summary").stdout


def test_a_sample_of_the_report_never_mixes_images_and_labels(params: Params, tmp_path: Path) -> None:
    data_set = DataSet(["x", "y"], 12, 12, 1, "pad", 0)
    labels = np.array([1, 0, 1, 0, 1, 1], np.int64)
    images = np.broadcast_to((labels * 100).astype(np.uint8)[:, None, None, None], (6, 12, 12, 1)).copy()
    some = activations.one_of_each_class(Subset(images, labels))
    assert some.labels.tolist() == [0, 1]
    assert some.images[:, 0, 0, 0].tolist() == [0, 100]
    assert data_set.classes[: len(some)] == ["x", "y"]


def test_the_maps_of_trained_and_untrained_weights_share_a_scale() -> None:
    strong, weak = np.full((8, 8), 4.0, np.float32), np.full((8, 8), 0.06, np.float32)
    empty = np.zeros((8, 8), np.float32)
    reasons = Reasons(strong, -weak), Reasons(weak, empty)
    image = np.full((8, 8, 1), 255, np.uint8)
    axes = figures.draw_attributions([figures.Attribution(image, "a", "b", *reasons)], "Title").axes[1:]
    assert [axis.images[0].get_clim()[1] for axis in axes] == pytest.approx([4, 4, 0.06, 0.06])
    said = [axis.get_xlabel() for axis in axes]
    assert said == ["+4 to +4 nats", "+0.06 to +0.06 nats", "no positive evidence\n-0.06 to -0.06 nats", said[3]]
    assert said[3] == "no positive evidence\n0 nats"


def test_what_is_said_of_a_layer_follows_from_its_values() -> None:
    peak = np.tile(np.array([[2.0] * 20 + [1.0] * 3 + [0.0]], np.float32), (4, 1))
    labels = np.array([0, 0, 1, 1])
    peak[labels == 1, :20] = 1
    peak[labels == 0, 20:22] = 0.5
    dead = np.arange(24) == 23

    def said(name: str, values: np.ndarray) -> list[str]:
        response = activations.Response(
            receptive_fields.Layer(name, 30, 40, 0), (1, 1), values, values, np.zeros((4, 24, 2), np.int64), 0.25, dead
        )
        return text.describe_layer(response, labels, ["circles", "crosses"])

    size, zeros, favourites = said("hidden1", peak)
    assert size == "hidden1 has 24 units; each sees the whole image of 30 x 40 px."
    assert zeros == (
        "1 of 24 units is dead, 0 for every image: 23. Of all values, 25.0% are 0 (n = 4 training images)."
    )
    assert "circles for 20 units; crosses for the units 20 and 21. 1 unit responds to no class" in favourites
    assert said("classify", peak - 3)[1] == (
        "These are the logits, of either sign: they lie between -3.0 and -1.0 (n = 4 training images)."
    )

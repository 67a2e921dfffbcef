"""The pictures made of images: any number of classes, channels and images, any name."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.pictures import DPI, STRANGE, draw_twice
from matplotlib.figure import Figure

from crosscheck.data.dataset import DataSet, Subset
from crosscheck.reporting import image_grids, style


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are saved, as objects to look into."""
    seen: list[Figure] = []
    write = style.save

    def save(figure: Figure, *rest: Any) -> None:
        seen.append(figure)
        write(figure, *rest)

    monkeypatch.setattr(style, "save", save)
    return seen


def texts(figure: Figure) -> str:
    parts = [axis.get_title() + axis.get_xlabel() + axis.get_ylabel() for axis in figure.axes]
    return "\n".join([figure.get_suptitle().replace("\n", " "), *parts, *(text.get_text() for text in figure.texts)])


def visible(figure: Figure) -> int:
    """How many of the axes show an image."""
    return sum(bool(axis.images) and axis.get_visible() for axis in figure.axes)


@pytest.mark.parametrize("shape", [(2, 1), (64, 1), (3, 3), (40, 38), (1, 5)])
def test_kernels(tmp_path: Path, figures: list[Figure], shape: tuple[int, int]) -> None:
    weights = np.random.default_rng(0).normal(size=(*shape, 3, 3)).astype(np.float32)
    draw_twice(lambda: image_grids.draw_kernels(weights, "block2"), tmp_path)
    drawn = np.asarray(figures[0].axes[0].images[0].get_array().filled(np.nan))
    assert np.isfinite(drawn).sum() == weights[:36, :36].size
    for out, channel in ((0, 0), (shape[0] // 2, shape[1] // 2), (1, 0)):
        if shape[1] == 1:
            row, column = divmod(out, min(9, shape[0]))
        else:
            row, column = out, channel
        if out < shape[0]:
            tile = drawn[row * 4 : row * 4 + 3, column * 4 : column * 4 + 3]
            assert np.array_equal(tile, weights[out, channel])
    assert f"n = {shape[0]} x {shape[1]} of 3 x 3 weights" in texts(figures[0])
    assert ("the first 36 channels" in texts(figures[0])) == (max(shape) > 36)


def test_some_of_the_kernels_keep_their_numbers_and_the_scale_of_all() -> None:
    weights = np.full((5, 2, 3, 3), 0.5, np.float32)
    weights[0] = -4
    axis = image_grids.draw_kernels(weights, "block2", 3, 5).axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["out 3", "out 4"]
    assert axis.images[0].get_clim() == (-4, 4)


@pytest.mark.parametrize("value", [0.0, 0.2, -3.0])
def test_kernels_that_are_all_equal(tmp_path: Path, figures: list[Figure], value: float) -> None:
    draw_twice(lambda: image_grids.draw_kernels(np.full((2, 3, 3, 3), value, np.float32), "b"), tmp_path)
    low, high = figures[0].axes[0].images[0].get_clim()
    assert (low, high) == pytest.approx((-(abs(value) or 1), abs(value) or 1))


def test_feature_maps_mark_dead_channels_and_tell_weak_ones(tmp_path: Path, figures: list[Figure]) -> None:
    maps = np.zeros((4, 6, 5), dtype=np.float32)
    maps[1, 2, 3], maps[2, 0, 0], maps[3] = -8, 0.001, 2
    steps = {"after convolution": maps, "after ReLU": np.maximum(maps, 0)}
    draw_twice(lambda: image_grids.draw_feature_maps(steps, "Maps of " + "".join(STRANGE)), tmp_path)
    before, after = figures[0].axes[:2]

    def labels(*said: str) -> list[str]:
        return [f"channel {number}\n{each}" for number, each in enumerate(said)]

    assert [text.get_text() for text in before.texts] == labels(
        "all 0", "strongest -8", "strongest 0.001", "strongest 2"
    )
    assert [text.get_text() for text in after.texts] == labels("all 0", "all 0", "strongest 0.001", "strongest 2")
    assert before.images[1].get_clim() == (-8, 8)
    assert after.images[1].get_clim() == (0, 2)
    for number, drawn in enumerate(before.images):
        assert np.array_equal(drawn.get_array(), maps[number])


@pytest.mark.parametrize(("channels", "cells"), [(1, 1), (13, 13), (50, 36)])
def test_feature_maps_of_many_channels_stand_in_several_rows(
    tmp_path: Path, figures: list[Figure], channels: int, cells: int
) -> None:
    maps = np.random.default_rng(0).normal(size=(channels, 4, 4)).astype(np.float32)
    size = draw_twice(lambda: image_grids.draw_feature_maps({"after convolution": maps}, "Maps"), tmp_path)
    (axis, _) = figures[0].axes
    assert len(axis.images) == len(axis.texts) == cells
    places = [tuple(drawn.get_extent()) for drawn in axis.images]
    assert len(set(places)) == cells
    (left, right), (below, above) = axis.get_xlim(), axis.get_ylim()
    assert left <= min(place[0] for place in places) < max(place[1] for place in places) <= right + 1e-9
    assert above < min(place[3] for place in places) < max(place[2] for place in places) <= below + 1e-9
    assert size[0] <= 9.5 * DPI, "wider than a page that shows it at its own width"
    assert ("the first 36 of 50 channels" in texts(figures[0])) == (channels == 50)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_answers(tmp_path: Path, figures: list[Figure], count: int) -> None:
    random = np.random.default_rng(0)
    found = [
        image_grids.AnsweredImage(
            random.integers(0, 256, (9, 7, 3), dtype=np.uint8),
            STRANGE[row % 10],
            STRANGE[row % 3],
            0.987,
            f"{'a folder of a long name/' * row}{row}.png",
        )
        for row in range(count)
    ]
    draw_twice(lambda: image_grids.draw_answers(found, "Mistakes", "There is no mistake to show."), tmp_path)
    assert visible(figures[0]) == count
    assert ("There is no mistake to show." in texts(figures[0])) == (count == 0)
    assert texts(figures[0]).count("confidence 98.7%") == count
    for row in range(count):
        assert f"{row}.png" in texts(figures[0])
    rows = {axis.get_subplotspec().rowspan.start for axis in figures[0].axes if axis.images}
    assert len(rows) == (count > 0) + (count > 4)
    assert sum(not axis.get_visible() for axis in figures[0].axes) <= 1


@pytest.mark.parametrize("channels", [1, 3])
def test_sample_sheet_shows_twenty_of_forty_classes(tmp_path: Path, figures: list[Figure], channels: int) -> None:
    names = [*STRANGE, *(f"class {n}" for n in range(30))]
    labels = np.concatenate([np.arange(40), np.arange(2)]).astype(np.int64)
    images = np.random.default_rng(0).integers(0, 256, (42, 6, 9, channels), dtype=np.uint8)
    train, data_set = Subset(images, labels), DataSet(names, 6, 9, channels, "pad", 0)
    draw_twice(lambda: image_grids.draw_samples(train, data_set, 3), tmp_path)
    assert visible(figures[0]) == 22
    assert "n = 42 training images, 20 of 40 classes" in texts(figures[0])


@pytest.mark.parametrize(
    ("name", "length", "expected"),
    [
        ("a$b$c", 9, r"a\$b\$c"),
        ("two\n lines\t", 99, "two lines"),
        ("0123456789", 5, "0123…"),
        ("$$$$$$", 3, r"\$\$…"),
        ("\udcff", 9, "\\udcff"),
    ],
)
def test_names_are_shown_as_they_are_on_one_line(name: str, length: int, expected: str) -> None:
    assert style.shown(name, length) == expected


def test_a_long_title_is_broken_into_lines_that_fit() -> None:
    figure, _ = style.grid(1, 1, 1, 1, "word " * 100)
    lines = figure.get_suptitle().split("\n")
    assert len(lines) == 4
    assert max(map(len, lines)) <= 4.5 * 12

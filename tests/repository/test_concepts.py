"""The concept pages: their numbers are those that the code wrote, and the code's arithmetic is right."""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.figures import quoted, spellings
from helpers.repository import ROOT
from torch import nn

from concepts import board, channels, class_map, lessons, one_by_one, pixels, shapes, weight_sharing
from crosscheck.network import model
from crosscheck.network.checkpoint import Checkpoint
from crosscheck.pipeline.file_diff import numbers

FOLDER = ROOT / "docs" / "concepts"
PAGES = {page.stem: page.read_text(encoding="utf-8") for page in sorted(FOLDER.glob("*.md"))}
# The others tell what a study or a training shows, and have no code of their own; test_figures.py holds their figures.
LESSONS = [name for name in PAGES if name not in ("plateau", "seeds")]


def results(page: str) -> Any:
    return json.loads((FOLDER / f"{page.replace('-', '_')}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", LESSONS)
def test_every_number_of_a_page_stands_in_its_file_of_results(page: str) -> None:
    known = {spelling for value in numbers(results(page)).values() for spelling in spellings(abs(value))}
    found = quoted(PAGES[page])
    assert len(found) > 5
    assert [number for number in found if number not in known] == []


@pytest.mark.parametrize("page", LESSONS)
def test_a_page_shows_its_pictures_and_says_how_they_are_made(page: str) -> None:
    name = page.replace("-", "_")
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", PAGES[page])
    assert f"{name}.png" in pictures
    assert all((FOLDER / picture).exists() for picture in pictures)
    assert f"python -m concepts.{name} --figures docs/concepts" in PAGES[page]
    assert (ROOT / "concepts" / f"{name}.py").exists()
    assert f"python -m concepts.{name} --figures docs/concepts" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_there_is_a_page_for_each_lesson() -> None:
    assert LESSONS == [
        "channels",
        "class-map",
        "feature-levels",
        "one-by-one",
        "pixels",
        "pooling",
        "shapes",
        "weight-sharing",
    ]


def test_the_arithmetic_by_hand_is_that_of_torch_and_repeats_itself(tmp_path: Path) -> None:
    channels.main(tmp_path)
    written = json.loads((tmp_path / "channels.json").read_text(encoding="utf-8"))
    assert written == results("channels")
    assert written["value"] == written["torch"] == sum(written["sums"]) + written["bias"]
    assert (tmp_path / "channels.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_shapes_and_the_tensors_are_those_of_the_network(tmp_path: Path) -> None:
    shapes.main(tmp_path)
    written = json.loads((tmp_path / "shapes.json").read_text(encoding="utf-8"))
    assert written == results("shapes")
    assert sum(layer["parameters"] for layer in written["layers"]) == written["parameters"]
    page = PAGES["shapes"]
    shown = {tuple(map(int, shape.split(" x "))) for shape in re.findall(r"\b\d+(?: x \d+)+\b", page)}
    assert {tuple(shape) for name, shape in written["state"].items() if "weight" in name} <= shown
    assert written["refusal"] in page
    for line in re.findall(r"`([\d *+]+)` is ([\d,]+)", page):
        assert sum(math.prod(map(int, term.split("*"))) for term in line[0].split("+")) == int(line[1].replace(",", ""))


def test_a_local_layer_with_shared_weights_is_a_convolution() -> None:
    torch.manual_seed(0)
    local, convolution = weight_sharing.Local(), nn.Conv2d(1, weight_sharing.CHANNELS, weight_sharing.KERNEL)
    with torch.no_grad():
        local.weight.copy_(convolution.weight.flatten(1)[:, :, None].expand_as(local.weight))
        local.bias.copy_(convolution.bias[:, None].expand_as(local.bias))
    images = torch.rand(2, 1, weight_sharing.SIZE, weight_sharing.SIZE)
    torch.testing.assert_close(local(images), convolution(images))
    assert weight_sharing.Dense()(images).shape == convolution(images).shape


def test_multiply_adds_are_those_of_the_formula() -> None:
    side, wide, narrow = one_by_one.SIZE // 2 - 1, one_by_one.CHANNELS, one_by_one.NARROW
    assert one_by_one.multiply_adds(one_by_one.plain()) == (side - 2) ** 2 * wide * wide * 9
    assert one_by_one.multiply_adds(one_by_one.bottleneck()) == (
        side**2 * wide * narrow + (side - 2) ** 2 * (narrow * narrow * 9 + narrow * wide)
    )


def test_images_move_and_what_leaves_does_not_come_back() -> None:
    images = np.arange(1 * 4 * 5, dtype=np.uint8).reshape(1, 4, 5, 1)
    subset = lessons.Subset(images, np.zeros(1, np.int64))
    moved = lessons.shifted(subset, 2, -1).images[0, :, :, 0]
    assert moved[:3, 2:].tolist() == images[0, 1:, :3, 0].tolist()
    assert (moved[3] == lessons.PAPER).all()
    assert (moved[:, :2] == lessons.PAPER).all()
    assert np.array_equal(lessons.shifted(subset, 0, 0).images, images)


def test_a_board_has_its_marks_where_it_says() -> None:
    for seed in range(8):
        drawn, marks = board.draw(seed)
        assert drawn.shape == (356, 356)
        for mark in marks:
            near = drawn[max(0, int(mark.y) - 47) : int(mark.y) + 47, max(0, int(mark.x) - 47) : int(mark.x) + 47]
            assert near.any()
            # A circle is empty in the middle.
            if mark.kind == 0:
                assert not drawn[int(mark.y), int(mark.x)]
    boards = [board.draw(3)[0] for _ in range(2)]
    assert np.array_equal(*boards)


def test_marks_are_found_where_the_map_is_surest_and_counted_against_the_truth() -> None:
    odds = np.zeros((3, 9, 9), np.float32)
    odds[2] = 1
    odds[0, 1, 1], odds[0, 1, 2], odds[1, 6, 6], odds[1, 1, 6] = 0.9, 0.8, 0.95, 0.4
    found = board.find(odds, threshold=0.5, apart=64)
    assert found == [board.Mark(1, 6 * 32 + 47, 6 * 32 + 47), board.Mark(0, 79, 79)]
    truth = [board.Mark(0, 70, 90), board.Mark(0, 230, 240), board.Mark(1, 80, 250)]
    assert board.compare(found, truth) == {"marks": 3, "right": 1, "wrong": 1, "missed": 1, "invented": 0}
    assert board.compare(found, [])["invented"] == 2


def test_windows_show_a_symbol_near_the_middle_or_neither() -> None:
    made = board.windows(60, 0, True)
    assert made.images.shape == (60, board.WINDOW, board.WINDOW, 1)
    assert np.bincount(made.labels).tolist() == [20, 20, 20]
    assert set(board.windows(4, 0, False).labels) == {0, 1}


def test_the_class_map_of_one_window_is_the_answer_of_the_network() -> None:
    torch.manual_seed(0)
    wanted = lessons.network(channels=2, further_channels=[2] * 4, norm="batch", head="convolution")
    net = model.build(wanted, lessons.data_set(board.WINDOW, ["a", "b", "c"])).eval()
    ink = lessons.symbol(0, 1, 2)[: board.WINDOW, : board.WINDOW]
    found = board.class_map(net, ink)
    assert found.shape == (3, 1, 1)
    pixels = torch.from_numpy(np.where(ink, 0, 255).astype(np.uint8)[None, None])
    np.testing.assert_allclose(found[:, 0, 0], net(pixels).softmax(1)[0].detach().numpy(), atol=1e-6)


def test_steps_of_upsampling_begin_as_interpolation_and_know_their_pixels() -> None:
    """Values that say which pixel they stand for still say so when they are upsampled to pixels."""
    places = pixels.first_pixel(pixels.BLOCKS) + torch.arange(6) * 2.0**pixels.BLOCKS
    values = places.expand(1, len(pixels.CLASSES), 6, 6).contiguous()
    with torch.no_grad():
        for _ in range(pixels.BLOCKS):
            values = pixels.doubling(len(pixels.CLASSES))(values)
    wanted = pixels.last_first() + torch.arange(values.shape[3], dtype=torch.float)
    inside = slice(40, -40)
    torch.testing.assert_close(values[0, 1, 60, inside], wanted[inside])


def test_a_network_of_pixels_gives_the_class_of_each_pixel_of_a_board() -> None:
    torch.manual_seed(0)
    channels = class_map.CHANNELS
    wanted = lessons.network(channels=channels[0], further_channels=channels[1:], norm="batch", head="convolution")
    described = lessons.data_set(board.WINDOW, pixels.CLASSES)
    trained = Checkpoint(model.build(wanted, described).eval(), wanted, described)
    images, labels = pixels.prepare([1])
    with torch.inference_mode():
        answers = [pixels.cut(pixels.PixelNetwork(trained, joins)(images), 356) for joins in pixels.JOINS.values()]
    assert [tuple(answer.shape) for answer in answers] == [(1, 3, *labels.shape[1:])] * 3
    # Joins begin at nothing.
    torch.testing.assert_close(answers[0], answers[2])


def test_the_class_of_a_pixel_is_that_of_the_ink_on_it() -> None:
    ink, labels, marks = board.draw_labelled(3)
    assert np.array_equal(board.draw(3)[0], ink)
    assert set(np.unique(labels)) == {mark.kind for mark in marks} | {board.NEITHER}
    assert ink[labels != board.NEITHER].all()
    assert not ink[labels == board.NEITHER].all()


def test_intersection_over_union_by_hand() -> None:
    one, other = np.array([1, 1, 1, 0, 0], bool), np.array([0, 1, 1, 1, 0], bool)
    assert pixels.overlap(one, other) == 2 / 4
    assert pixels.overlap(one & False, other & False) == 1
    assert pixels.overlap(one, ~one) == 0

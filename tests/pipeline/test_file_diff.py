"""By how much two files differ, said in one line for each kind."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from crosscheck.pipeline.file_diff import difference, numbers


def pair(folder: Path, name: str) -> tuple[Path, Path]:
    """An old file as DVC's cache holds it, without the ending, and a new one."""
    return folder / "0123abc", folder / name


def compare_texts(folder: Path, name: str, old: str, new: str) -> str:
    before, after = pair(folder, name)
    before.write_text(old, encoding="utf-8")
    after.write_text(new, encoding="utf-8")
    return difference(before, after, name)


def compare_weights(folder: Path, old: Any, new: Any) -> str:
    before, after = pair(folder, "model.pt")
    torch.save({"weights": old}, before)
    torch.save({"weights": new}, after)
    return difference(before, after, "model.pt")


@pytest.mark.parametrize("name", ["a.json", "a.csv", "a.txt", "a", "a.pt", "a.npy", "a.png"])
def test_the_same_bytes_are_identical_of_whatever_kind(tmp_path: Path, name: str) -> None:
    assert compare_texts(tmp_path, name, "x", "x") == "identical"


@pytest.mark.parametrize("name", ["a.json", "a.txt", "a", "a.pt", "a.npy", "a.png", "a.bmp"])
def test_a_file_that_is_not_of_its_kind_is_compared_by_size(tmp_path: Path, name: str) -> None:
    assert compare_texts(tmp_path, name, "{x", "other") == "2 bytes became 5 others"


def test_numbers_of_json_are_named_by_their_path() -> None:
    content = {"test": {"accuracy": 0.5, "n": 3, "ok": True}, "classes": ["a"], "rows": [1, {"x": 2.0}], "no": None}
    assert numbers(content) == {"test.accuracy": 0.5, "test.n": 3.0, "rows.0": 1.0, "rows.1.x": 2.0}


def test_json_names_the_number_that_differs_most(tmp_path: Path) -> None:
    old, new = {"a": {"x": 1.0, "y": 2.0, "z": 3.0}}, {"a": {"x": 1.25, "y": 5.0, "z": 3.0}}
    said = compare_texts(tmp_path, "a.json", json.dumps(old), json.dumps(new))
    assert said == "2 of 3 numbers differ, most a.y: 2 became 5"


def test_json_says_which_numbers_and_texts_are_others(tmp_path: Path) -> None:
    said = compare_texts(tmp_path, "a.json", '{"x": 1, "gone": 2}', '{"x": 1, "fresh": 2}')
    assert said == "other numbers: without gone, with fresh"
    assert compare_texts(tmp_path, "a.json", '{"x": 1}', '{ "x": 1}') == "the same numbers, other text"


def test_csv_counts_the_cells_and_reads_every_way_to_write_a_number(tmp_path: Path) -> None:
    said = compare_texts(tmp_path, "a.csv", "n,x,y\na,1e-05,-2.5\nb,3,4\n", "n,x,y\nc,2e-05,-2.0\nb,3,4\n")
    assert said == "3 of 9 cells differ, numbers by at most 0.5"
    assert compare_texts(tmp_path, "a.csv", "x\na\n", "x\nb\n") == "1 of 2 cells differ"
    assert compare_texts(tmp_path, "a.csv", "x\n1\n", "x\n1\n2\n") == "2 cells became 3"
    assert compare_texts(tmp_path, "a.csv", "x\n1\n", "x\r\n1\r\n") == "the same cells, other text"
    assert compare_texts(tmp_path, "a.csv", "x\nnan\n", "x\n1\n") == "1 of 2 cells differ"


def test_arrays_are_compared_by_shape_kind_and_value(tmp_path: Path) -> None:
    def compare(old: Any, new: Any) -> str:
        before, after = pair(tmp_path, "a.npy")
        for file, content in ((before, old), (after, new)):
            with file.open("wb") as stream:
                np.save(stream, content)
        return difference(before, after, "a.npy")

    zeros = np.zeros((2, 3), dtype=np.uint8)
    changed = zeros.copy()
    changed[1, 2] = 200
    assert compare(zeros, changed) == "1 of 6 values differ, by at most 200"
    assert compare(changed, zeros) == "1 of 6 values differ, by at most 200"
    assert compare(zeros, np.zeros((2, 4), dtype=np.uint8)) == "shape (2, 3) became (2, 4)"
    assert compare(zeros, zeros.astype(np.int16)) == "uint8 became int16"


def test_pictures_are_compared_by_pixel(tmp_path: Path) -> None:
    def compare(old: Image.Image, new: Image.Image) -> str:
        before, after = pair(tmp_path, "a.png")
        old.save(before, format="PNG")
        new.save(after, format="PNG")
        return difference(before, after, "a.png")

    white = Image.new("L", (4, 3), 255)
    dotted = white.copy()
    dotted.putpixel((1, 1), 55)
    assert compare(white, dotted) == "1 of 12 pixels differ, by at most 200 of 255"
    assert compare(white, Image.new("L", (4, 4))) == "size 4 x 3 became 4 x 4"
    assert compare(white, white.convert("RGB")) == "the same pixels, other bytes"


def test_checkpoints_are_compared_weight_by_weight(tmp_path: Path) -> None:
    old = {"a": torch.zeros(3), "b": torch.zeros(2)}
    said = compare_weights(tmp_path, old, {"a": torch.zeros(3), "b": torch.tensor([0.0, -0.25])})
    assert said == "weights differ by at most 0.25, in b"
    assert compare_weights(tmp_path, old, {"a": torch.zeros(3)}) == "another architecture"
    assert compare_weights(tmp_path, old, {"a": torch.zeros(3), "b": torch.zeros(3)}) == "another architecture"


def test_a_checkpoint_that_holds_code_is_not_run(tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "ran",))

    said = compare_weights(tmp_path, {"a": torch.zeros(1)}, Harmful())
    assert "bytes became" in said
    assert not (tmp_path / "ran").exists()

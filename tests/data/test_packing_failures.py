"""A split that fails leaves nothing half-written, and what was there as it was."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.image_folders import draw_toy_images
from helpers.repository import ROOT
from helpers.snapshots import contents, snapshot

from crosscheck.core.errors import InputError
from crosscheck.data import packing

Split = Callable[..., Path]


@pytest.mark.parametrize("earlier", [True, False])
def test_a_failure_leaves_the_former_outputs_and_nothing_half_written(
    toy_images: Path, split_images: Split, tmp_path: Path, earlier: bool
) -> None:
    if earlier:
        split_images(toy_images)
    before = contents(tmp_path / "data") if earlier else {}
    (toy_images / "discs" / "broken.png").write_bytes(b"nothing")

    with pytest.raises(InputError, match=r"broken\.png"):
        split_images(toy_images)

    if earlier:
        assert contents(tmp_path / "data") == before
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == (["samples.png", "split"] if earlier else [])


def test_too_few_images_leaves_nothing(toy_images: Path, split_images: Split, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"split.test=50 and split.val=1 leave no training image of the class 'bars'"):
        split_images(toy_images, test=50)
    assert list((tmp_path / "data").iterdir()) == []


def test_images_inside_the_output_are_never_overwritten(tmp_path: Path, split_images: Split) -> None:
    root = draw_toy_images(tmp_path / "data" / "split", 3)
    before = snapshot(root)

    with pytest.raises(InputError, match="in the same place as"):
        split_images(root)

    assert snapshot(root) == before


def test_a_killed_decoder_is_one_line_and_not_a_hang(
    toy_images: Path, split_images: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "decode", die)

    with pytest.raises(InputError, match=r"decoding was killed, .* from 'bars/000.png' to 'discs/011.png'"):
        split_images(toy_images)


def die(root: Path, path: str, data: object) -> None:
    os._exit(9)


def test_the_command_ends_with_one_line_and_status_1(toy_images: Path, split_images: Split, tmp_path: Path) -> None:
    split_images(toy_images)
    shutil.rmtree(tmp_path / "data")
    (toy_images / "bars" / "a\nb.png").write_text("text")

    words = [sys.executable, "-m", "stages.split", "--split", "data/split", "--samples", "data/samples.png"]
    done = subprocess.run(
        words, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert r"bars/a\nb.png" in done.stderr
    assert "split.on_bad_image" in done.stderr
    assert list((tmp_path / "data").iterdir()) == []

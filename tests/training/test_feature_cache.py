"""Kept arrays: found again, bounded in bytes, and nothing else in the folder is touched."""

import os
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from numpy.typing import NDArray

from crosscheck.training import feature_cache
from crosscheck.training.feature_cache import fetch

KEYS = [f"{number:032x}" for number in range(5)]
ROWS = 1000


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where arrays are kept: three of them fit."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(feature_cache, "MOST_BYTES", int(3.5 * 4 * ROWS))
    return tmp_path / ".checkpoints" / "features"


def array(value: float = 0.0) -> NDArray[np.float32]:
    return np.full((ROWS, 1), value, np.float32)


def never() -> NDArray[np.float32]:
    raise AssertionError("it was computed again")


def fill(folder: Path, keys: list[str]) -> None:
    """Keep an array under each key, the first of them longest ago."""
    for age, key in enumerate(reversed(keys)):
        fetch(key, array)
        used = 1_000_000 - age
        os.utime(folder / f"{key}.npy", (used, used))


def kept(folder: Path) -> list[str]:
    return sorted(file.stem for file in folder.glob("*.npy"))


def test_what_is_kept_is_not_computed_again(folder: Path) -> None:
    assert np.array_equal(fetch(KEYS[0], lambda: array(2.5)), array(2.5))
    assert np.array_equal(fetch(KEYS[0], never), array(2.5))


def test_what_was_used_longest_ago_goes_first(folder: Path) -> None:
    fill(folder, KEYS[:3])
    fetch(KEYS[0], never)
    fetch(KEYS[3], array)
    assert kept(folder) == [KEYS[0], KEYS[2], KEYS[3]]
    assert not (folder / f"{KEYS[1]}.lock").exists()


def test_an_array_that_is_larger_than_the_folder_may_be_is_kept_alone(folder: Path) -> None:
    fill(folder, KEYS[:3])
    fetch(KEYS[4], lambda: np.zeros((5 * ROWS, 1), np.float32))
    assert kept(folder) == [KEYS[4]]


def test_files_that_the_project_did_not_write_stay_and_do_not_count(folder: Path, tmp_path: Path) -> None:
    fill(folder, KEYS[:2])
    mine = [folder / "mine.npy", folder / f"{KEYS[4]}.txt", folder / "more" / f"{KEYS[4]}.npy"]
    (folder / "more").mkdir()
    for file in mine:
        file.write_bytes(bytes(9 * ROWS))
        os.utime(file, (1, 1))
    (tmp_path / "elsewhere").write_bytes(bytes(9 * ROWS))
    (folder / f"{KEYS[3]}.npy").symlink_to(tmp_path / "elsewhere")
    fetch(KEYS[2], array)
    assert all(file.stat().st_size == 9 * ROWS for file in [*mine, tmp_path / "elsewhere"])
    assert kept(folder) == sorted(["mine", *KEYS[:4]])


def test_an_array_that_another_training_reads_stays(folder: Path) -> None:
    fill(folder, KEYS[:3])
    with FileLock(folder / f"{KEYS[0]}.lock"):
        fetch(KEYS[3], array)
    assert kept(folder) == KEYS[:4]

"""The packed arrays are mapped, never read as a whole."""

import sys
from pathlib import Path

import numpy as np
import pytest

from crosscheck.data import dataset
from crosscheck.data.dataset import DataSet

DATA_SET = DataSet(["a", "b"], 16, 16, 1, "stretch", 255)


def write(folder: Path, count: int) -> None:
    np.save(folder / "train.npy", np.zeros((count, 16, 16, 1), dtype=np.uint8))
    np.save(folder / "train_labels.npy", np.arange(count) % 2)


def advice_for(file: Path) -> list[str]:
    """What the kernel was told about each mapping of `file`: a list of two letters each, `rr` for random reads."""
    flags: list[str] = []
    mapped = False
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines():
        if "-" in line.split()[0]:
            mapped = line.endswith(f" {file}")
        elif mapped and line.startswith("VmFlags:"):
            flags += line.split()[1:]
    return flags


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says how a file is mapped")
def test_training_images_are_announced_as_read_in_random_order(tmp_path: Path) -> None:
    write(tmp_path, 100)
    train = dataset.read(tmp_path, "train", DATA_SET)
    assert "rr" not in advice_for(tmp_path / "train.npy")
    dataset.expect_random_order(train.images)
    assert "rr" in advice_for(tmp_path / "train.npy")


def test_images_that_are_in_memory_already_need_no_announcement(tmp_path: Path) -> None:
    write(tmp_path, 10)
    some = dataset.first_of_each_class(dataset.read(tmp_path, "train", DATA_SET), 2)
    dataset.expect_random_order(some.images)
    assert len(some) == 4

"""Bins of confidence and the calibration error, by hand."""

from pathlib import Path

import numpy as np
import pytest

from crosscheck.core.errors import InputError
from crosscheck.evaluation import calibration
from crosscheck.evaluation.calibration import Bin


def pairs(confidence: list[float]) -> np.ndarray:
    return np.array([[value, 1 - value] for value in confidence])


def test_bins_hold_counts_confidence_and_accuracy() -> None:
    found = calibration.bin_confidence(pairs([0.55, 0.65, 0.75, 1.0]), np.array([0, 1, 0, 0]), 5)
    assert [(each.n, each.confidence, each.accuracy) for each in found] == [
        (1, 0.55, 1.0),
        (2, pytest.approx(0.7), 0.5),
        (1, 1.0, 1.0),
    ]
    assert calibration.expected_calibration_error(found) == pytest.approx((0.45 + 2 * 0.2 + 0) / 4)


def test_being_sure_and_right_is_perfectly_calibrated() -> None:
    found = calibration.bin_confidence(pairs([1.0, 1.0]), np.array([0, 0]), 15)
    assert found == [Bin(2, 1.0, 1.0)]
    assert calibration.expected_calibration_error(found) == 0


def test_every_image_is_in_one_bin() -> None:
    random = np.random.default_rng(0)
    probabilities = random.dirichlet([1, 1, 1], 500)
    for count in (2, 3, 7, 1000):
        found = calibration.bin_confidence(probabilities, random.integers(0, 3, 500), count)
        assert sum(each.n for each in found) == 500
        assert len(found) <= count
        assert [each.confidence for each in found] == sorted(each.confidence for each in found)


def test_bins_come_back_from_their_table(tmp_path: Path) -> None:
    found = [Bin(3, 0.25, 1 / 3), Bin(4, 0.987654321, 1.0)]
    calibration.write_bins(found, tmp_path / "bins.csv")
    assert calibration.read_bins(tmp_path / "bins.csv") == [Bin(3, 0.25, 0.333333), Bin(4, 0.987654, 1.0)]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"n,confidence,accuracy\n",
        b"n,confidence\n1,0.5\n",
        b"n,confidence,accuracy\n1,0.5\n",
        b"n,confidence,accuracy\n1,0.5,1,1\n",
        b"n,confidence,accuracy\n1.5,0.5,1\n",
        b"n,confidence,accuracy\n0,0.5,1\n",
        b"n,confidence,accuracy\n1,nan,1\n",
        b"n,confidence,accuracy\n1,0.5,inf\n",
        b'n,confidence,accuracy\n1,"0.5,1\n',
        b"\xff\x00\x89PNG",
        b"n,confidence,accuracy\n1,0.5,\x00\n",
        b"n,confidence,accuracy\n1,0.5," + b"1" * 200_000 + b"\n",
    ],
)
def test_a_damaged_table_is_one_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "bins.csv"
    file.write_bytes(content)
    with pytest.raises(InputError) as caught:
        calibration.read_bins(file)
    line = str(caught.value)
    assert line.startswith(f"{file}: not a calibration table")
    assert line.endswith("run `dvc repro evaluate` to make it again")
    assert len(line.splitlines()) == 1
    assert len(line) < 500


def test_a_missing_table_and_a_folder_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not found; run `dvc repro evaluate` to make it"):
        calibration.read_bins(tmp_path / "bins.csv")
    with pytest.raises(InputError, match="not a calibration table"):
        calibration.read_bins(tmp_path)

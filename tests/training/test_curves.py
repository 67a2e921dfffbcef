"""The training curve as a table."""

from pathlib import Path

import pytest

from crosscheck.core.errors import InputError
from crosscheck.training import curves
from crosscheck.training.curves import Epoch

HEADER = "epoch,train_loss,train_accuracy,val_loss,val_accuracy\n"


def test_a_curve_comes_back_and_figures_that_are_none_stay_none(tmp_path: Path) -> None:
    history = [Epoch(1, 0.693147, 0.5, 0.7, 0.25), Epoch(2, 12.5, 1.0, None, None)]
    curves.write(history, tmp_path / "curve.csv")
    text = (tmp_path / "curve.csv").read_text(encoding="utf-8")
    assert text == f"{HEADER}1,0.693147,0.500000,0.700000,0.250000\n2,12.500000,1.000000,,\n"
    assert curves.read(tmp_path / "curve.csv") == history


def test_figures_leave_out_the_number_of_the_epoch() -> None:
    assert curves.figures(Epoch(3, 0.1, 0.9, None, None)) == {
        "train_loss": 0.1,
        "train_accuracy": 0.9,
        "val_loss": None,
        "val_accuracy": None,
    }


@pytest.mark.parametrize(
    "content",
    [
        "",
        HEADER,
        "1,0.1,0.2,0.3,0.4\n",
        f"{HEADER}1,0.1,0.9\n",
        f"{HEADER}one,0.1,0.9,,\n",
        f"{HEADER}1,,0.9,,\n",
        f"{HEADER}1,nan,0.9,,\n",
        f"{HEADER}1,0.1,0.9,x,\n",
        f"{HEADER}1,0.1,0.9,,{'9' * 200_000}\n",
        f'{HEADER}1,0.1,0.9,,"\n',
        f"{HEADER}1,0.1,0.9,\0,\n",
    ],
)
def test_a_damaged_curve_is_one_line(tmp_path: Path, content: str) -> None:
    file = tmp_path / "curve.csv"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        curves.read(file)
    line = str(caught.value)
    assert line.startswith(f"{file}: not a training curve")
    assert "run `dvc repro train`" in line
    assert len(line.splitlines()) == 1
    assert len(line) < 500


def test_a_missing_curve_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not found; run `dvc repro train` to make it"):
        curves.read(tmp_path / "curve.csv")

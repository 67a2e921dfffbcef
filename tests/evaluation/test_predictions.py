"""The table of predictions comes back as it was, whatever the names of classes and files."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crosscheck.core.errors import InputError
from crosscheck.evaluation import predictions

NAMES = [
    "a,b",
    'say "no"',
    "two\nlines",
    "back\rslash\\n",
    "$x_1$",
    "円 ○ 🙂",
    " spaces ",
    "-1",
    "\udcff",
    "path",
    "p_",
]


def table(classes: list[str], count: int = 6, seed: int = 0) -> predictions.Predictions:
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.ones(len(classes)), count).round(6)
    paths = [f"{classes[row % len(classes)]}/{row}, \n\"'.png" for row in range(count)]
    return predictions.make_predictions(paths, random.integers(0, len(classes), count), probabilities)


def same(one: predictions.Predictions, other: predictions.Predictions) -> bool:
    return (
        np.array_equal(one.labels, other.labels)
        and np.array_equal(one.predicted, other.predicted)
        and np.array_equal(one.probabilities, other.probabilities)
    )


def test_predictions_come_back_with_strange_names(tmp_path: Path) -> None:
    file, written = tmp_path / "predictions.csv", table(NAMES, 40)
    predictions.write_predictions(written, NAMES, file)
    read = predictions.read_predictions(file, NAMES)
    assert same(written, read)
    assert read.labels.dtype == read.predicted.dtype == np.int64
    assert [path for path in written.paths if "\udcff" not in path] == [
        path for path in read.paths if "\\udcff" not in path
    ]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(classes=st.lists(st.text(max_size=8), min_size=2, max_size=5, unique=True))
def test_predictions_come_back_with_any_names(tmp_path: Path, classes: list[str]) -> None:
    file, written = tmp_path / "predictions.csv", table(classes)
    predictions.write_predictions(written, classes, file)
    assert same(written, predictions.read_predictions(file, classes))
    assert predictions.read_predictions(file, classes).paths == written.paths


def test_a_table_is_plain_csv_with_a_line_for_each_image(tmp_path: Path) -> None:
    file = tmp_path / "predictions.csv"
    odds = np.array([[0.25, 0.75], [1 / 3, 2 / 3]])
    predictions.write_predictions(
        predictions.make_predictions(["x/1.png", "y/2.png"], np.array([0, 1]), odds), ["x", "y"], file
    )
    assert list(csv.reader(file.read_text(encoding="utf-8").splitlines())) == [
        ["path", "actual", "predicted", "p_x", "p_y"],
        ["x/1.png", "x", "y", "0.250000", "0.750000"],
        ["y/2.png", "y", "y", "0.333333", "0.666667"],
    ]


def test_a_close_call_keeps_its_answer_although_the_table_rounds_it(tmp_path: Path) -> None:
    file = tmp_path / "predictions.csv"
    close = predictions.make_predictions(["1.png"], np.array([1]), np.array([[0.49999999, 0.50000001]]))
    predictions.write_predictions(close, ["x", "y"], file)
    assert predictions.read_predictions(file, ["x", "y"]).predicted.tolist() == close.predicted.tolist() == [1]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "path,actual,predicted,p_x,p_y\n",
        "path,actual,predicted,p_x\n1,x,x,1\n",
        "path,actual,predicted,p_x,p_y\n1,x,x,0.5\n",
        "path,actual,predicted,p_x,p_y\n1,x,z,0.5,0.5\n",
        "path,actual,predicted,p_x,p_y\n1,z,x,0.5,0.5\n",
        "path,actual,predicted,p_x,p_y\n1,x,x,0.5,half\n",
        "path,actual,predicted,p_x,p_y\n1,x,x,nan,0.5\n",
        "path,actual,predicted,p_x,p_y\n1,x,x,0.5,0.5,0.5\n",
        'path,actual,predicted,p_x,p_y\n"1,x,x,0.5,0.5\n',
        "path,actual,predicted,p_x,p_y\n\0,x,x,0.5\n",
    ],
)
def test_a_damaged_table_is_one_line(tmp_path: Path, content: str) -> None:
    file = tmp_path / "predictions.csv"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        predictions.read_predictions(file, ["x", "y"])
    line = str(caught.value)
    assert line.startswith(f"{file}: not a table of predictions for these classes")
    assert "run `dvc repro evaluate`" in line
    assert len(line.splitlines()) == 1


def test_a_missing_table_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not found; run `dvc repro evaluate` to make it"):
        predictions.read_predictions(tmp_path / "predictions.csv", ["x", "y"])

"""Parameters that take two kinds of values: a number of images or a share, a truth value or a file."""

from pathlib import Path

import pytest
from helpers.repository import ROOT

from crosscheck.core import params as parameters
from crosscheck.core.errors import InputError

SHIPPED = (ROOT / "params.yaml").read_text(encoding="utf-8")


def with_value(folder: Path, shipped: str, value: str) -> Path:
    assert SHIPPED.count(shipped) == 1
    file = folder / "params.yaml"
    file.write_text(SHIPPED.replace(shipped, shipped.partition(":")[0] + f": {value} "), encoding="utf-8")
    return file


@pytest.mark.parametrize(("value", "loaded"), [("1", 1), ("150", 150), ("0.15", 0.15)])
def test_a_subset_takes_a_number_of_images_or_a_share(tmp_path: Path, value: str, loaded: float) -> None:
    test = parameters.load(with_value(tmp_path, "  test: 150 ", value)).split.test
    assert (type(test), test) == (type(loaded), loaded)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("1.5", "got 1.5; change it"),
        ("1.0", "got 1.0; change it"),
        ("0", "got 0; change it"),
        ("true", "got True; change it"),
        ('"150"', "got the text '150'; write it without quotes, as 150"),
        ('"0.15"', "got the text '0.15'; write it without quotes, as 0.15"),
    ],
)
def test_another_value_of_a_subset_is_told_both_kinds(tmp_path: Path, value: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        parameters.load(with_value(tmp_path, "  test: 150 ", value))
    must = "split.test must be a whole number of images, or a share of them above 0 and below 1, "
    assert must + told in str(caught.value)


def test_a_number_of_pretrained_is_neither_a_truth_value_nor_a_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"model\.pretrained must be true or false or a text, got 1; change it"):
        parameters.load(with_value(tmp_path, "  pretrained: false ", "1"))

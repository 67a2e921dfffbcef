"""Values in the user's params.yaml change, and nothing else in it does."""

import shutil
from pathlib import Path

import pytest
from helpers.repository import ROOT

from crosscheck.core import params_file
from crosscheck.core.errors import InputError
from crosscheck.core.params import load


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return Path(shutil.copy(ROOT / "params.yaml", tmp_path / "params.yaml"))


def test_values_that_are_there_already_leave_the_file_as_it_is(file: Path) -> None:
    before = file.read_bytes()
    params_file.change({"train.lr": 0.1, "model.further_channels": [5], "data.images": "data/built-in"}, file)
    assert file.read_bytes() == before


def test_comments_order_and_other_values_stay(file: Path) -> None:
    before = file.read_text(encoding="utf-8").splitlines()
    odd = "mein Ordner, (1)=x: 'ä' # \"猫\""
    params_file.change({"data.images": odd, "train.lr": 0.005, "model.further_channels": [32, 64]}, file)
    after = file.read_text(encoding="utf-8").splitlines()
    changed = [number for number, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]]
    assert [before[number].split(":")[0].strip() for number in changed] == ["images", "further_channels", "lr"]
    assert [line.partition("#")[2] for line in before if line not in before[changed[0] : changed[0] + 1]] == [
        line.partition("#")[2] for line in after if odd[:4] not in line
    ]
    params = load(file)
    assert (params.data.images, params.train.lr, params.model.further_channels) == (odd, 0.005, [32, 64])
    assert after[changed[1]] == "  further_channels: [32, 64]"


def test_a_key_that_the_file_lacks_is_added_to_its_section(file: Path) -> None:
    file.write_text(
        "".join(line for line in file.read_text(encoding="utf-8").splitlines(True) if "patience" not in line),
        encoding="utf-8",
    )
    params_file.change({"train.patience": 3}, file)
    assert load(file).train.patience == 3


def test_a_link_stays_a_link(file: Path) -> None:
    link = file.with_name("link.yaml")
    link.symlink_to(file)
    params_file.change({"train.lr": 0.005}, link)
    assert link.is_symlink()
    assert load(file).train.lr == 0.005


@pytest.mark.parametrize("content", ["a: [1", "train: 3\n", "- 1\n", "", "data: {}\n"])
def test_a_file_that_cannot_be_changed_is_one_line_and_stays(tmp_path: Path, content: str) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        params_file.change({"train.lr": 0.005}, file)
    assert "\n" not in str(caught.value)
    assert file.read_text(encoding="utf-8") == content

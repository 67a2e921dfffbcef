"""The words of `dvc exp run -S` mean what they should, also for odd names of folders."""

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides, get_hydra_sweeps

from crosscheck.core.errors import InputError
from crosscheck.core.yaml_files import read_yaml
from crosscheck.pipeline import experiments

ODD = [
    "data/mine",
    "/home/me/mine",
    "mein Ordner, (1)=x",
    "~/pictures",
    "a:b",
    "a'b",
    'a"b',
    "a'\"b",
    "a\\b",
    "a\\",
    'a\\"b',
    "ä/猫",
    "[x]",
    "{x}",
    "$x",
    "a#b",
    "null",
    "1",
    "1e5",
    "true",
    "NaN",
    "range(3)",
    "glob(*)",
    "x,y",
    "a  b",
    "@x",
    "-x",
    "&a",
    "*a",
    "!a",
    "a: b",
    "(patient[0-9]+)_",
    r"\d+/(.*?)\.",
]


@pytest.mark.parametrize("value", [*ODD, 3, 0.15, 0.0, True, False, [32, 64], [], "none", "auto"])
def test_dvc_reads_every_value_as_it_is_meant(tmp_path: Path, value: object) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("data:\n  images: x  # a comment\n", encoding="utf-8")
    (sweep,) = get_hydra_sweeps({str(file): [f"data.images={experiments.hydra(value)}"]})
    apply_overrides(file, *sweep.values())
    found = read_yaml(file)["data"]["images"]
    assert (type(found), found) == (type(value), value)


def test_a_folder_is_named_from_the_root_inside_and_by_its_whole_path_outside(in_folder: Callable[[], Path]) -> None:
    project = in_folder() / "project"
    for path in ("project/data/mine", "project/~mine", "mine"):
        (project.parent / path).mkdir(parents=True)
    (project / "link").symlink_to(project.parent / "mine")
    (project / "inner").symlink_to(project / "data")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        outside = str((project.parent / "mine").resolve())
        places = ("data/mine/", "./data/../data/mine", "inner/mine", "~mine", "../mine", "link", outside)
        named = [experiments.place(Path(place)) for place in places]
        assert named == ["data/mine", "data/mine", "data/mine", "./~mine", outside, outside, outside]
        with pytest.raises(InputError, match="is the project itself"):
            experiments.place(Path())


@pytest.mark.parametrize("name", ["a${b}", "a\nb", "a\udce4b"])
def test_a_name_that_dvc_would_not_take_is_refused_in_one_line(in_folder: Callable[[], Path], name: str) -> None:
    folder = in_folder() / name
    folder.mkdir()
    with pytest.raises(InputError, match="rename the folder"):
        experiments.place(folder)


def test_dvc_takes_over_a_folder_inside_that_nobody_tracks() -> None:
    values = {"data.images": "data/mine", "train.lr": 0.005}
    run = ["dvc", "exp", "run", "-S", "data.images=data/mine", "-S", "train.lr=0.005"]
    summary = ["python", "-m", "crosscheck", "summary"]
    assert experiments.commands("data/mine", values, False) == [["dvc", "add", "data/mine"], run, summary]
    assert experiments.commands("data/mine", values, True) == [run, summary]
    assert experiments.commands("/home/me/mine", values, False)[0][0:2] == ["dvc", "exp"]


def test_what_is_printed_for_a_shell_is_the_same_words() -> None:
    values = {"data.images": "mein Ordner, (1)='x\"", "model.further_channels": [32, 64], "train.lr": 0.005}
    values |= {f"augment.a{number}": 0.123456789 for number in range(20)}
    commands = experiments.commands(values["data.images"], values, False)
    printed = list(experiments.to_run(commands))
    assert [shlex.split(line.replace("\\\n", "")) for line in printed] == commands
    assert max(len(line) for text in printed for line in text.splitlines()) < 120

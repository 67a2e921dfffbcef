"""Every wrong value of params.yaml ends in one line that names the file, the key, the value and the remedy."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.params_files import fault
from helpers.preloaded import preloaded_python
from helpers.project import Project, change_params
from helpers.repository import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from crosscheck.core import params as parameters
from crosscheck.core.errors import InputError
from crosscheck.core.params import Params, load, load_section

SHIPPED = (ROOT / "params.yaml").read_text(encoding="utf-8")
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def with_line(old: str, new: str) -> str:
    """The shipped text with one line's beginning replaced."""
    assert SHIPPED.count(old) == 1, f"{old!r} must stand once in params.yaml"
    return SHIPPED.replace(old, new)


def loads_or_one_line(file: Path) -> None:
    try:
        load(file)
    except InputError as error:
        assert len(str(error).splitlines()) == 1, str(error)
        assert len(str(error)) < 1000


WRONG = [
    ("lr: 0.1", "lrr: 0.1", ["train.lrr", "not a parameter", "0.1", "did you mean 'lr'?"]),
    ("lr: 0.1", "zzzzzz: 0.1", ["train.zzzzzz", "0.1", "remove it"]),
    ("  lr: 0.1\n", "", ["train.lr is missing", "learning rate"]),
    ("lr: 0.1", "lr: '1e-3'", ["train.lr must be a number", "the text '1e-3'", "without quotes, as 0.001"]),
    ("lr: 0.1", "lr: fast", ["train.lr must be a number", "the text 'fast'", "learning rate"]),
    ("lr: 0.1", "lr:", ["train.lr must be a number", "got nothing"]),
    ("lr: 0.1", "lr: [0.1]", ["train.lr must be a number", "[0.1]"]),
    ("lr: 0.1", "lr: true", ["train.lr must be a number", "True"]),
    ("lr: 0.1", "lr: -0.1", ["train.lr must be greater than 0", "-0.1"]),
    ("lr: 0.1", "lr: .nan", ["train.lr must be a finite number", "nan"]),
    ("lr: 0.1", "lr: .inf", ["train.lr must be a finite number", "inf"]),
    ("lr: 0.1", "lr: 1e999", ["train.lr must be a finite number", "inf"]),
    ("lr: 0.1", f"lr: {10**400}", ["train.lr must be", "0x"]),
    ("epochs: 10", "epochs: true", ["train.epochs must be a whole number", "True"]),
    ("epochs: 10", "epochs: 10.0", ["train.epochs must be a whole number", "10.0"]),
    ("epochs: 10", "epochs: '10'", ["train.epochs must be a whole number", "the text '10'", "without quotes, as 10"]),
    ("epochs: 10", "epochs: 0", ["train.epochs must be greater than or equal to 1", "got 0"]),
    ("epochs: 10", f"epochs: {10**400}", ["train.epochs must be", "0x"]),
    ("epochs: 10", f"epochs: 0x{'f' * 5000}", ["train.epochs must be", "got"]),
    ("epochs: 10", f"epochs: {'9' * 5000}", ["params.yaml"]),
    ("epochs: 10", "epochs: 2024-13-45", ["params.yaml"]),
    ("optimizer: sgd", "optimizer: adam", ["train.optimizer must be 'sgd' or 'adamw'", "got the text 'adam'"]),
    (
        "images_per_class: all",
        "images_per_class: 0",
        ["train.images_per_class must be", "greater than or equal to 1", "'all'", "got 0"],
    ),
    ("momentum: 0.0", "momentum: 1", ["train.momentum must be less than 1", "got 1"]),
    ("schedule: constant", "schedule: cosin", ["train.schedule must be", "'cosine' or 'one_cycle'", "'cosin'"]),
    ("schedule: constant", "schedule: off", ["train.schedule must be", "the text 'off'"]),
    ("channels: 9 ", "channels: 9.5 ", ["model.channels must be a whole number", "9.5"]),
    ("channels: 9 ", "channels: 0 ", ["model.channels must be greater than or equal to 1", "got 0"]),
    ("channels: 1 ", "channels: 2 ", ["data.channels must be 1 or 3", "got 2"]),
    ("channels: 1 ", "channels: 1.0 ", ["data.channels must be 1 or 3", "got 1.0"]),
    ("channels: 1 ", "channels: true ", ["data.channels must be 1 or 3", "got True"]),
    ("invert: false", "invert: 1", ["model.invert must be true or false", "got 1"]),
    ("invert: false", "invert: on", ["model.invert must be true or false", "the text 'on'", "write true, without"]),
    ("invert: false", "invert: No", ["model.invert must be true or false", "the text 'No'", "write false"]),
    ("invert: false", "invert: 'yes'", ["model.invert must be true or false", "the text 'yes'", "write true"]),
    ("centre: false", "centre: maybe", ["model.centre must be true or false", "the text 'maybe'"]),
    ("hidden: auto", "hidden: atuo", ["model.hidden must be a list or 'auto'", "the text 'atuo'"]),
    ("hidden: auto", "hidden: [64, -1]", ["model.hidden.1 must be greater than or equal to 1", "got -1"]),
    ("hidden: auto", "hidden: 64", ["model.hidden must be a list or 'auto'", "got 64"]),
    ("further_channels: [5]", "further_channels: [5, '5']", ["model.further_channels.1", "the text '5'", "as 5"]),
    ("further_channels: [5]", "further_channels: 5", ["model.further_channels must be a list", "got 5"]),
    ("further_channels: [5]", f"further_channels: {[5] * 13}", ["model.further_channels", "at most 12"]),
    ("images: data/built-in", "images: ''", ["data.images must", "at least 1 character", "''"]),
    ("images: data/built-in", "images: 7", ["data.images must be a text", "got 7"]),
    ("train:\n", "trian:\n", ["trian is not a parameter", "did you mean 'train'?"]),
    ("lr: 0.1", "lr: 0.1\n  lr: 0.2", ["lr", "duplicate key"]),
    ("lr: 0.1", "lr: [0.1", ["not readable as YAML"]),
    ("lr: 0.1", "lr: *nobody", ["not readable as YAML", "nobody"]),
    ("lr: 0.1", "lr: !!python/name:os.system x", ["not readable as YAML"]),
    ("lr: 0.1", "lr: !!binary '*'", ["params.yaml"]),
    ("lr: 0.1", 'lr: 0.1\n  "a\\nb": 1', ["train.", "not a parameter"]),
    ("lr: 0.1", "lr: 0.1\n  7: 1", ["train.7 is not a parameter", "its name is not a text"]),
    ("lr: 0.1", "lr: 0.1\n  [1, 2]: 1", ["unhashable key (line", "[1, 2]: 1"]),
    ("lr: 0.1", "lr: " + "[" * 3000, ["not readable as YAML"]),
    ("lr: 0.1", "lr: &a [*a]", ["train.lr must be a number"]),
]


@pytest.mark.parametrize(("old", "new", "words"), WRONG, ids=[f"{new[:40]!r}" for _, new, _ in WRONG])
def test_a_wrong_line_is_explained_in_one_line(tmp_path: Path, old: str, new: str, words: list[str]) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(with_line(old, new), encoding="utf-8")
    line = fault(file)
    assert line.startswith(f"{file}: ")
    assert [word for word in words if word not in line] == [], line
    assert len(line) < 600, line


def test_momentum_is_refused_where_the_optimizer_has_its_own(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(with_line("optimizer: sgd", "optimizer: adamw").replace("momentum: 0.0", "momentum: 0.9"))
    assert "train.momentum must be 0 with train.optimizer 'adamw', got 0.9;" in fault(file)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "must hold sections such as 'train:', got nothing"),
        (b"# nothing but a remark\n", "must hold sections"),
        (b"- 1\n- 2\n", "got [1, 2]"),
        (b"text", "got the text 'text'"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not readable as YAML"),
        (b"\xff\xfe\x00", "not readable as YAML"),
        (b"train: 3\n", "data is missing"),
        (b"a: 1\n---\nb: 2\n", "not readable as YAML"),
        (b"train:\n\tlr: 1\n", "not readable as YAML"),
    ],
)
def test_a_file_that_holds_no_sections_is_explained_in_one_line(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "params.yaml"
    file.write_bytes(content)
    assert words in fault(file)


def test_a_missing_file_and_a_folder_are_explained(tmp_path: Path) -> None:
    assert "not found; run the stages from the project's root folder" in fault(tmp_path / "params.yaml")
    assert "not readable" in fault(tmp_path)


def test_a_tree_of_aliases_does_not_take_for_ever_to_show(tmp_path: Path) -> None:
    levels = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30))
    file = tmp_path / "params.yaml"
    file.write_text(f"a0: &a0 [x, x]\n{levels}\nmodel: {{channels: *a29}}\n", encoding="utf-8")
    assert "channels" in fault(file, lambda path: load_section("model", path))


def test_a_section_is_read_without_looking_at_the_others(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(with_line("lr: 0.1", "lr: fast"), encoding="utf-8")
    assert load_section("model", file) == load(ROOT / "params.yaml").model
    assert "train.lr must be a number" in fault(file, lambda path: load_section("train", path))
    file.write_text("model: 3\n", encoding="utf-8")
    assert "the section 'train' is missing" in fault(file, lambda path: load_section("train", path))
    assert "model must be a section" in fault(file, lambda path: load_section("model", path))


@pytest.mark.parametrize(("text", "value"), [("1e-05", 1e-5), ("1.0e-3", 1e-3), ("1E-3", 1e-3), ("1", 1.0)])
def test_numbers_as_dvc_writes_them_are_numbers(tmp_path: Path, text: str, value: float) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(with_line("lr: 0.1", f"lr: {text}"), encoding="utf-8")
    lr = load(file).train.lr
    assert (type(lr), lr) == (float, value)


def test_dvc_sets_a_small_learning_rate_that_reads_as_a_number(project: Project) -> None:
    script = "from dvc.utils.hydra import apply_overrides; apply_overrides('params.yaml', ['train.lr=1e-5'])"
    project.run(sys.executable, "-c", script)
    assert "lr: 1e-05" in project.read("params.yaml")
    assert load(project.folder / "params.yaml").train.lr == 1e-5


def test_words_that_old_yaml_took_for_truth_values_stay_words(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    for word in ("on", "off", "yes", "no", "y", "n"):
        file.write_text(with_line("images: data/built-in", f"images: {word}"), encoding="utf-8")
        assert load(file).data.images == word


def test_parameters_cannot_be_changed_after_loading(params: Params) -> None:
    with pytest.raises(ValueError, match="frozen"):
        params.train.lr = 1.0


def test_every_parameter_is_described() -> None:
    for name, section in parameters.SECTIONS.items():
        for key, field in section.model_fields.items():
            assert field.description, f"{name}.{key}"


yaml_text = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], include_characters="\n\t"), max_size=20)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | yaml_text | st.binary(max_size=8) | st.dates()
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(yaml_text | st.integers(), inner, max_size=4)
)
places = [(name,) for name in parameters.SECTIONS] + [
    (name, key) for name, section in parameters.SECTIONS.items() for key in section.model_fields
]


@QUICK
@given(place=st.sampled_from(places), tree=trees)
def test_any_tree_at_any_place_loads_or_ends_in_one_line(tmp_path: Path, place: tuple[str, ...], tree: Any) -> None:
    yaml = YAML(typ="safe", pure=True)
    content = yaml.load(SHIPPED)
    section = content if len(place) == 1 else content[place[0]]
    section[place[-1]] = tree
    file = tmp_path / "params.yaml"
    with file.open("w", encoding="utf-8") as stream:
        yaml.dump(content, stream)
    loads_or_one_line(file)


@QUICK
@given(key=yaml_text | st.integers() | st.booleans(), tree=trees)
def test_any_added_key_ends_in_one_line(tmp_path: Path, key: Any, tree: Any) -> None:
    yaml = YAML(typ="safe", pure=True)
    file = tmp_path / "params.yaml"
    for section in (None, "train"):
        content = yaml.load(SHIPPED)
        (content[section] if section else content)[key] = tree
        with file.open("w", encoding="utf-8") as stream:
            yaml.dump(content, stream)
        loads_or_one_line(file)


@QUICK
@given(content=st.binary(max_size=60) | st.text(st.characters(codec="utf-8"), max_size=60).map(str.encode))
def test_any_bytes_end_in_one_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "params.yaml"
    file.write_bytes(content)
    fault(file)


@QUICK
@given(
    at=st.integers(0, len(SHIPPED)),
    cut=st.integers(0, 5),
    text=st.text(st.sampled_from("abc019.,:;-[]{}#&*!|>'\"%@`\n\t \\~eE+_x\0\x85\u2028é"), max_size=5),
)
def test_any_slip_of_the_keyboard_loads_or_ends_in_one_line(tmp_path: Path, at: int, cut: int, text: str) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(SHIPPED[:at] + text + SHIPPED[at + cut :], encoding="utf-8", newline="")
    loads_or_one_line(file)


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    words = [preloaded_python(), "-m", "stages.check", "--schema", "schema.json"]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


def test_check_prints_one_line_and_leaves_no_output_for_a_wrong_value(project: Project) -> None:
    project.set(train={"lr": "fast"})
    done = check(project.folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: params.yaml: train.lr must be a number, got the text 'fast'; change it (learning rate)\n"
    )
    assert not (project.folder / "schema.json").exists()


def test_check_refuses_a_network_too_deep_for_the_image(project: Project) -> None:
    project.set(model={"further_channels": [2, 2, 2, 2]})
    done = check(project.folder)
    assert done.returncode == 1
    assert done.stderr.startswith("error: params.yaml: model.further_channels gives 5 convolutions")
    assert done.stderr.count("\n") == 1


def test_check_writes_the_same_schema_whatever_the_values(project: Project) -> None:
    assert check(project.folder).returncode == 0
    before = project.read("schema.json")
    change_params(project.folder / "params.yaml", train={"lr": 0.5})
    assert check(project.folder).returncode == 0
    assert project.read("schema.json") == before

"""YAML is read as DVC reads it, and what is wrong in a file is said in one line with its number."""

from pathlib import Path
from typing import Any

import pytest
from dvc.utils.serialize import YAMLFileCorruptedError, parse_yaml
from helpers.project import ROOT

from crosscheck.core import yaml_files
from crosscheck.core.errors import InputError

VALUES = """
1e-05 1e-3 1.0e-3 1E-3 1e5 1e+5 .5 5. -.5 1.e3 12e03 1.0 0. 1e 1e3.5
1 +1 -0 00 017 08 0o17 -0o17 0x1F -0x1F 0xg 1_000 1_0.5 _1
yes on off No y n true True TRUE tRue false null Null NULL ~
.inf -.inf +.inf .nan 1:30 190:20:30 1:30.5
2024-01-02 2024-01-02T03:04:05 '1' "1" '' "a\\nb" 'yes' [1,x,1e-3] + . =x
"""
TEXTS = [
    "k:\n",
    "k: quoted text # a remark\n",
    "k: 'it''s'\n",
    "k: |\n  two\n  lines\n",
    "k: >\n  one\n  line\n",
    "k:\n  - 1\n  - [a, {b: 2}]\n",
    "k: {a: 1, b}\n",
    "k: {a: {b: [1, {c: off}]}}\n",
    "\ufeffk: 1\n",
    "a: &a {x: 1, y: 2}\nk: *a\n",
    "a: &a {x: 1, y: 2}\nk: {<<: *a, y: 3}\n",
    "a: &a {x: 1}\nb: &b {x: 2, z: 3}\nk:\n  y: 4\n  <<: [*a, *b]\n",
    "k: {'<<': 1}\n",
    "%YAML 1.2\n---\nk: on\n",
]


@pytest.mark.parametrize("text", [f"k: {value}\n" for value in VALUES.split()] + TEXTS)
def test_a_file_means_here_what_it_means_to_dvc(text: str) -> None:
    assert repr(yaml_files.parse_yaml(text, "a.yaml")) == repr(parse_yaml(text, "a.yaml"))


@pytest.mark.parametrize("name", ["params.yaml", "dvc.yaml", "dvc.lock", "study/variants.yaml", "search/space.yaml"])
def test_the_shipped_files_mean_here_what_they_mean_to_dvc(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert yaml_files.parse_yaml(text, name) == parse_yaml(text, name)


@pytest.mark.parametrize(
    "text", ["k: 1\nk: 2\n", "k: <<\n", "k: !!python/name:os.system x\n", "k: *a\n", "k: {<<: 1}\n"]
)
def test_what_dvc_refuses_is_refused(text: str) -> None:
    with pytest.raises(YAMLFileCorruptedError):
        parse_yaml(text, "a.yaml")
    with pytest.raises(InputError):
        yaml_files.parse_yaml(text, "a.yaml")


FAULTS = [
    ("a: 1\nb: 2\nb: 3\n", "while constructing a mapping (line 1) found duplicate key (line 3) in 'b: 3'"),
    ("a: 1\nb: [1\nc: 2\n", "while parsing a flow sequence (line 2) expected ',' or ']', but got ':' (line 3)"),
    ("a: *nobody\n", "found undefined alias 'nobody' (line 1) in 'a: *nobody'"),
    ("a: 1\n---\nb: 2\n", "but found another document (line 2) in '---'"),
    ("a:\n\tb: 1\n", "cannot start any token (line 2)"),
    ("a: 1\nb: !!python/name:os.system x\n", "python/name:os.system' (line 2)"),
    ("a: 1\nb: 2024-13-45\n", "expected a value of the kind timestamp, got the text '2024-13-45' (line 2)"),
    ("a: 1\nb: 0b11\n", "expected a value of the kind int, got the text '0b11' (line 2)"),
    (f"a: 1\nb: {'9' * 5000}\n", "expected a value of the kind int, got the text '999"),
    ("a: !!bool maybe\n", "expected a value of the kind bool, got the text 'maybe' (line 1)"),
    ("a: !!int ''\n", "expected a value of the kind int, got the text '' (line 1)"),
    ("a: 1\n? [1, 2]\n: 3\n", "found unhashable key (line 2)"),
    ("a: 1\nb:\n  <<: [1]\n", "expected a mapping, or a list of them, after << (line 3)"),
    ("a: " + "[" * 3000, "nested too deeply; remove some brackets"),
    ("a: \x00\n", "special characters are not allowed"),
    ("- 1\n", "must hold sections such as 'stages:', got [1]"),
    ("", "must hold sections such as 'stages:', got nothing"),
]


@pytest.mark.parametrize(("text", "words"), FAULTS, ids=[repr(text[:30]) for text, _ in FAULTS])
def test_a_fault_is_one_line_that_names_the_line_of_the_file(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        yaml_files.read_yaml(file)
    said = str(caught.value)
    assert said.startswith(f"{file}: ") and words in said, said
    assert len(said.splitlines()) == 1 and len(said) < 600, said


def test_a_file_that_is_not_there_or_not_text_is_explained(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    with pytest.raises(InputError, match=r"not found; run this from the project's root folder$"):
        yaml_files.read_yaml(file)
    with pytest.raises(InputError, match="not found; name one"):
        yaml_files.read_yaml(file, remedy="name one")
    file.write_bytes(b"a: \xff\n")
    with pytest.raises(InputError, match="not readable as YAML; fix this: 'utf-8' codec can't decode"):
        yaml_files.read_yaml(file)
    with pytest.raises(InputError, match=r"not readable as YAML; fix this: .*Is a directory"):
        yaml_files.read_yaml(tmp_path)


def bomb(level: str, first: str) -> str:
    lines = [f"a{n}: &a{n} {level.format(', '.join([f'*a{n - 1}'] * 9))}" for n in range(1, 30)]
    return "\n".join([f"a0: &a0 {first}", *lines, ""])


@pytest.mark.parametrize("text", [bomb("[{}]", "[x]"), bomb("{{<<: [{}]}}", "{x: 1}")], ids=["aliases", "merges"])
def test_aliases_that_stand_for_billions_of_values_are_read_at_once(text: str) -> None:
    content: dict[str, Any] = yaml_files.parse_yaml(text, "a.yaml")
    assert len(content) == 30


def test_a_mapping_that_is_merged_into_itself_ends() -> None:
    assert yaml_files.parse_yaml("k: &k {<<: *k, a: 1}\n", "a.yaml") == {"k": {"a": 1}}

"""`dvc exp run -S` rewrites params.yaml in place: whatever it sets, the file stays one that it can read again."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides
from dvc.utils.serialize import modify_yaml
from helpers.project import Project
from helpers.repository import ROOT
from ruamel.yaml import YAML

from crosscheck.core.params import Params, load

SHIPPED = (ROOT / "params.yaml").read_text(encoding="utf-8")


def takes_lists(schema: dict[str, Any]) -> bool:
    return any(kind.get("type") == "array" for kind in [schema, *schema.get("anyOf", [])])


LISTS = [
    f"{section}.{key}"
    for section, kind in Params.model_fields.items()
    for key, schema in kind.annotation.model_json_schema()["properties"].items()
    if takes_lists(schema)
]


def explanations(text: str) -> Counter[str]:
    """Every comment, wherever it stands."""
    return Counter(re.findall(r"# ?(.*)", text))


def value_of(key: str) -> Any:
    section, name = key.split(".")
    return YAML(typ="safe").load(SHIPPED)[section][name]


def check(file: Path, expected: dict[str, Any]) -> None:
    """The file can be read, keeps every explanation, and holds `expected` beside the shipped values."""
    text = file.read_text(encoding="utf-8")
    assert explanations(text) == explanations(SHIPPED)
    wanted = YAML(typ="safe").load(SHIPPED)
    for key, value in expected.items():
        section, name = key.split(".")
        wanted[section][name] = value
    assert YAML(typ="safe").load(text) == wanted
    load(file)


def test_the_parameters_that_take_lists_are_known() -> None:
    assert LISTS == ["model.further_channels", "model.hidden"]


@pytest.mark.parametrize("key", LISTS)
def test_a_list_may_become_empty_and_full_again_by_dvc(key: str, tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(SHIPPED, encoding="utf-8")
    shipped = value_of(key)
    for value in ([5], [], [5, 5], [], [7], shipped, [], shipped):
        apply_overrides(file, [f"{key}={json.dumps(value)}"])
        check(file, {key: value})
        # What sets another key writes the whole file again.
        apply_overrides(file, ["train.epochs=9"])
        apply_overrides(file, ["train.epochs=10"])
        check(file, {key: value})


def test_all_lists_may_become_empty_at_once_and_full_again_by_dvc(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(SHIPPED, encoding="utf-8")
    for value in ([5], [], [5, 5], []):
        with modify_yaml(str(file)) as content:
            for key in LISTS:
                section, name = key.split(".")
                content[section][name] = value
        check(file, dict.fromkeys(LISTS, value))


@pytest.mark.slow
def test_an_experiment_may_leave_out_further_convolutions_after_another_experiment(project: Project) -> None:
    for override in ("model.channels=3", "model.further_channels=[]", "model.hidden=[]", "model.further_channels=[4]"):
        project.run("dvc", "exp", "run", "-S", override, "check")
    found = load(project.folder / "params.yaml").model
    assert (found.channels, found.further_channels, found.hidden) == (3, [4], [])

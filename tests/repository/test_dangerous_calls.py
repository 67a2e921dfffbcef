"""No module calls what could run what it reads."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.repository import PLANTED, ROOT, modules

MODULES = modules()


def calls(file: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def constants(call: ast.Call) -> dict[str | None, Any]:
    return {word.arg: word.value.value for word in call.keywords if isinstance(word.value, ast.Constant)}


def dangers(file: Path) -> list[str]:
    """The calls of a module that could run what they read."""
    found = []
    tree = ast.parse(file.read_text(encoding="utf-8"))
    loaders = {"pickle", "cPickle", "dill", "joblib", "cloudpickle", "marshal", "shelve", "yaml"}
    # They make no objects but those of plain data.
    safe = {"SafeConstructor", "Node", "MappingNode", "ScalarNode", "SequenceNode"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [f"import {alias.name}" for alias in node.names if alias.name.partition(".")[0] in loaders]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in loaders:
            names = [each.name for each in node.names if "Error" not in each.name and each.name not in safe]
            found += [f"from {node.module} import {name}" for name in names]
    for name, call in calls(file):
        words = constants(call)
        last = name.rpartition(".")[2]
        dangerous = (
            name in ("eval", "exec", "compile", "__import__", "os.system", "os.popen")
            or name.startswith(("os.exec", "os.spawn", "importlib.import"))
            or words.get("shell") is True
            or (name in ("np.load", "numpy.load", "np.fromfile") and words.get("allow_pickle", False) is not False)
            or (name == "torch.load" and words.get("weights_only") is not True)
            or (last == "YAML" and words.get("typ", "rt") not in ("safe", "rt"))
            or last in ("unsafe_load", "full_load", "extractall", "unpack_archive")
        )
        if dangerous:
            found.append(ast.unparse(call))
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_stage_can_run_what_it_reads(module: Path) -> None:
    assert dangers(module) == []


def test_the_search_for_such_calls_finds_them(tmp_path: Path) -> None:
    lines = [
        "import pickle",
        "from yaml import load",
        "from yaml.constructor import UnsafeConstructor",
        "eval(text)",
        "subprocess.run(text, shell=True)",
        "np.load(file, allow_pickle=True)",
        "torch.load(file)",
        "torch.load(file, weights_only=False)",
        "YAML(typ='unsafe')",
        "shutil.unpack_archive(file)",
    ]
    (tmp_path / "bad.py").write_text("\n".join(lines), encoding="utf-8")
    assert len(dangers(tmp_path / "bad.py")) == len(lines)
    good = (
        "from pickle import UnpicklingError\nfrom yaml.constructor import ConstructorError, SafeConstructor\n"
        "np.load(f, allow_pickle=False)\ntorch.load(f, weights_only=True)\nYAML()\n"
    )
    (tmp_path / "good.py").write_text(good, encoding="utf-8")
    assert dangers(tmp_path / "good.py") == []


def test_a_dangerous_call_in_a_sub_package_is_found(planted: Path) -> None:
    for path in PLANTED:
        assert dangers(planted / path) == ["import pickle", "eval('1')"]
    assert set(modules()) == set(MODULES)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_are_started_as_lists_of_words(module: Path) -> None:
    for name, call in calls(module):
        if name.startswith("subprocess."):
            assert isinstance(call.args[0], ast.List | ast.Name), ast.unparse(call)

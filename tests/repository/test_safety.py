"""Nothing that a user may have been given is run: not a file's content, not its name, not a path in a table."""

import ast
import io
import json
import os
import pickletools
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.image_folders import draw_toy_images
from helpers.project import Project, copy_project
from helpers.repository import PLANTED, ROOT, modules
from ruamel.yaml import YAML

MODULES = modules()
# What `torch.load(weights_only=True)` lets a pickle name: tensors, and the containers they lie in.
HARMLESS = {
    "collections OrderedDict",
    "torch FloatStorage",
    "torch LongStorage",
    "torch ByteStorage",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
}


# Files.


def named_in(pickle: bytes) -> set[str]:
    """What a pickle would import when it is loaded; it is read here without loading it."""
    found: set[str] = set()
    texts: list[str] = []
    for opcode, argument, _ in pickletools.genops(pickle):
        if opcode.name in ("GLOBAL", "INST"):
            found.add(str(argument))
        elif opcode.name == "STACK_GLOBAL":
            found.add(" ".join(texts[-2:]))
        elif isinstance(argument, str):
            texts.append(argument)
        assert not opcode.name.startswith("EXT"), "an extension code hides what it imports"
    return found


def pickles(content: bytes, name: str) -> Iterator[tuple[str, bytes]]:
    """Every pickle in a file, also within archives within it; what starts like a pickle is taken for one."""
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for part in archive.namelist():
                yield from pickles(archive.read(part), f"{name}!{part}")
    elif content[:1] == b"\x80" or name.endswith((".pkl", ".pickle", ".joblib")):
        yield name, content


def foreign(content: bytes, name: str) -> dict[str, set[str]]:
    """By pickle, what it names that is no tensor."""
    found = {}
    for inner, pickle in pickles(content, name):
        try:
            named = named_in(pickle)
        except ValueError:
            assert not inner.endswith((".pkl", ".pickle", ".joblib")), f"{inner} cannot be inspected"
            continue  # Raw numbers that happen to start like a pickle.
        if named - HARMLESS:
            found[inner] = named - HARMLESS
    return found


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch pwned",)


def test_the_inspection_itself_finds_a_pickle_that_runs_code(tmp_path: Path) -> None:
    torch.save({"weights": Bomb()}, tmp_path / "bomb.pt")
    inner = (tmp_path / "bomb.pt").read_bytes()
    outer = io.BytesIO()
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr("inside/bomb.pt2", inner)
    for content in (inner, outer.getvalue()):
        (named,) = foreign(content, "bomb").values()
        assert named == {"posix system"}


def test_no_output_and_nothing_in_mlflow_holds_a_pickle_that_names_code(reproduced: Project) -> None:
    files = [
        path
        for folder in ("data", "models", "metrics", "plots", "report", "mlartifacts")
        for path in (reproduced.folder / folder).rglob("*")
        if path.is_file()
    ]
    archives = {path.suffix for path in files if zipfile.is_zipfile(path)}
    assert {".pt", ".pt2"} <= archives
    assert not [path for path in files if path.suffix in (".pkl", ".pickle", ".joblib")]
    for path in files:
        assert foreign(path.read_bytes(), path.name) == {}, path


def test_the_model_in_mlflow_is_an_exported_program_that_loads_as_one(reproduced: Project) -> None:
    described = list((reproduced.folder / "mlartifacts").rglob("MLmodel"))
    (folder,) = {path.parent for path in described}
    flavors = YAML(typ="safe").load(folder / "MLmodel")["flavors"]
    assert not list(folder.rglob("*.py"))
    assert flavors["python_function"]["loader_module"] == "mlflow.pytorch"
    assert flavors["python_function"].get("code") is None
    (archive,) = folder.rglob("*.pt2")
    split = reproduced.folder / "data" / "split" / "test.npy"
    images = torch.from_numpy(np.array(np.load(split).transpose(0, 3, 1, 2), order="C"))
    assert torch.export.load(archive).module()(images).shape == (len(images), 2)


@pytest.mark.parametrize("name", ["models/model.pt", "data/split/test.npy", "data/split/train.npy"])
def test_a_pickle_in_the_place_of_an_output_is_refused_and_does_not_run(
    name: str, reproduced: Project, tmp_path: Path
) -> None:
    project = copy_project(reproduced, tmp_path)
    (project.folder / name).unlink()
    if name.endswith(".pt"):
        torch.save({"format": "crosscheck-checkpoint-1", "weights": Bomb()}, project.folder / name)
    else:
        np.save(project.folder / name, np.array([Bomb()], dtype=object), allow_pickle=True)
    stage = "train" if "train" in name else "evaluate"
    words = YAML(typ="safe").load(project.folder / "dvc.yaml")["stages"][stage]["cmd"].split()
    done = project.run(*words, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert name in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.rglob("pwned"))


# Code.


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


# Names.


NAMES = [
    "$(touch pwned)",
    "; touch pwned",
    "`touch pwned`",
    "a && touch pwned",
    "a | touch pwned",
    "a\ntouch pwned",
    "two words",
    "it's",
    'say "touch pwned"',
    "${touch}",
    "--split=pwned",
    "-rf",
    "*",
    "~",
    "#pwned",
]


def test_no_stage_gets_a_parameter_through_the_shell() -> None:
    for stage in YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"].values():
        assert "$" not in stage["cmd"]
        assert not set(stage["cmd"]) & set("`;&|<>*?\"'\\~#(){}")


@pytest.mark.soak
@pytest.mark.parametrize("name", NAMES)
def test_a_folder_whose_name_is_a_command_is_only_read(name: str, project: Project) -> None:
    draw_toy_images(project.folder / name, 12)
    project.set(data={"images": name})
    before = sorted(path.name for path in project.folder.iterdir())
    done = project.run("dvc", "repro", "split", check=False)
    assert not list(project.folder.parent.rglob("pwned"))
    assert "Traceback" not in done.stderr
    # DVC has characters of its own that it does not take in a path; its refusal is one line as well.
    if done.returncode == 0:
        counts = json.loads(project.read("data/split/report.json"))["counts"]
        assert [sum(counts[name].values()) for name in ("bars", "discs")] == [12, 12]
        manifest = project.read("data/split/manifest.csv")
        assert manifest.count("bars/") == manifest.count("discs/") == 12
    else:
        assert "ERROR" in done.stderr
    after = sorted(path.name for path in project.folder.iterdir() if path.name not in ("dvc.lock", "data"))
    assert after == [each for each in before if each not in ("dvc.lock", "data")]


@pytest.mark.soak
def test_files_and_classes_whose_names_are_commands_run_through_the_whole_pipeline(project: Project) -> None:
    toys = draw_toy_images(project.folder / "toys", 12)
    for old, new in (("bars", "$(touch pwned)"), ("discs", "; touch pwned #")):
        (toys / old).rename(toys / new)
        for index, file in enumerate(sorted((toys / new).iterdir())):
            file.rename(file.with_name(f"`touch pwned` {index} $x 'y'.png"))
    project.set(data={"images": "toys"})
    project.run("dvc", "repro")
    assert not list(project.folder.rglob("pwned"))
    assert json.loads(project.read("models/model.json"))["data"]["classes"] == ["$(touch pwned)", "; touch pwned #"]


# Paths in tables.


def outside(project: Project) -> dict[Path, bytes]:
    return {
        path: path.read_bytes()
        for path in project.folder.parent.rglob("*")
        if path.is_file() and project.folder not in path.parents and "dvc" not in path.parts
    }


@pytest.mark.soak
@pytest.mark.parametrize("path", ["../secret.png", "/etc/passwd", "bars/../../../secret.png", "C:\\secret.png", "\0"])
def test_paths_in_tables_are_labels_that_nothing_opens(path: str, reproduced: Project, tmp_path: Path) -> None:
    project = copy_project(reproduced, tmp_path)
    shutil.copy(project.folder / "data" / "samples.png", tmp_path / "secret.png")
    stages = YAML(typ="safe").load(project.folder / "dvc.yaml")["stages"]
    # Opens in the stages are told by Python itself.
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch" / "sitecustomize.py").write_text(
        "import os, sys\n"
        "def watch(event, arguments):\n"
        "    if event == 'open' and isinstance(arguments[0], str):\n"
        "        if 'secret.png' in arguments[0] or arguments[0] == '/etc/passwd':\n"
        "            os.write(2, b'OPENED ' + arguments[0].encode() + b'\\n')\n"
        "sys.addaudithook(watch)\n",
        encoding="utf-8",
    )
    for table, marker in (("data/split/manifest.csv", ",test,"), ("metrics/predictions.csv", ",")):
        file = project.folder / table
        header, *lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        index = next(index for index, line in enumerate(lines) if marker in line)
        lines[index] = f"{path},{lines[index].partition(',')[2]}"
        file.unlink()
        file.write_text("".join([header, *lines]), encoding="utf-8")
    before = outside(project)
    for stage in ("visualize", "evaluate"):
        watched = {"PYTHONPATH": str(tmp_path / "watch"), "PYTHONDONTWRITEBYTECODE": "1"}
        done = project.run(*stages[stage]["cmd"].split(), check=False, **watched)
        assert "Traceback" not in done.stderr
        assert "OPENED" not in done.stderr
        assert done.returncode == 0 or len(done.stderr.splitlines()) == 1, done.stderr
    assert outside(project) == before

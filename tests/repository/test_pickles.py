"""No output holds a pickle that runs code, and one in the place of an output is refused and does not run."""

import io
import os
import pickletools
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.project import Project, copy_project
from ruamel.yaml import YAML

# What `torch.load(weights_only=True)` lets a pickle name: tensors, and the containers they lie in.
HARMLESS = {
    "collections OrderedDict",
    "torch FloatStorage",
    "torch LongStorage",
    "torch ByteStorage",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
}


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

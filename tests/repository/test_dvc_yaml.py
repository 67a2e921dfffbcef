"""`dvc.yaml` says exactly what the stages read and write: DVC reruns neither too much nor too little."""

import ast
import itertools
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from helpers import imports
from helpers.imports import closure, imported_names, is_code, module_of, tree_of, unlisted_and_unreached, within
from helpers.repository import ROOT, modules
from ruamel.yaml import YAML

from crosscheck.core.params import SECTIONS

STAGES: dict[str, Any] = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
SCHEMA = "data/params.schema.json"
IMAGES = "${data.images}"
WEIGHTS = "weights/${model.pretrained}"
# Written by train and kept by nobody: the same bits from another machine are no other output.
KEPT_BY_NOBODY = {".crosscheck/machine.json"}

every_stage = pytest.mark.parametrize("name", STAGES)


def options_of(stage: str) -> set[str]:
    words = shlex.split(STAGES[stage]["cmd"])
    return {value for name, value in itertools.pairwise(words) if name.startswith("--")}


def inputs_of(stage: str) -> set[str]:
    """The dependencies that are not code."""
    return {path for path in STAGES[stage]["deps"] if not is_code(path)}


def outputs_of(stage: str) -> set[str]:
    return {*STAGES[stage].get("outs", []), *STAGES[stage].get("metrics", [])}


def test_there_are_stages() -> None:
    names = "check synthesize split train fit_ood evaluate visualize explain track"
    assert " ".join(STAGES) == names


@every_stage
def test_a_stage_runs_the_module_of_its_name(name: str) -> None:
    assert STAGES[name]["cmd"].startswith(f"python -m stages.{name} ")


@every_stage
def test_a_stage_depends_on_what_it_imports_and_on_nothing_else_of_the_code(name: str) -> None:
    if name == "track":
        assert not any(map(is_code, STAGES[name]["deps"]))
        return
    assert unlisted_and_unreached(STAGES[name]["deps"], closure(module_of(name))) == (set(), set())


def test_an_import_that_is_not_listed_and_a_listed_folder_that_is_not_used_are_found() -> None:
    modules = closure(module_of("split"))
    deps = [path for path in STAGES["split"]["deps"] if path != "crosscheck/reporting/style.py"]
    found = unlisted_and_unreached([*deps, "crosscheck/search"], modules)
    assert found == ({"crosscheck/reporting/style.py"}, {"crosscheck/search"})


@pytest.mark.parametrize(
    ("stages", "changed"),
    [
        ("split", "network/model training/trainer evaluation/metrics reporting/charts"),
        (
            "train",
            "data/decoding data/splitting evaluation/metrics reporting/style tracking/run explain/probes study/runs "
            "search/space app/server commands/predict",
        ),
        ("evaluate fit_ood", "training/trainer reporting/style explain/probes tracking/run"),
        ("visualize", "training/trainer explain/probes tracking/run"),
    ],
)
def test_a_stage_does_not_run_again_for_code_that_does_not_decide_it(stages: str, changed: str) -> None:
    for stage in stages.split():
        for module in changed.split():
            path = f"crosscheck/{module}.py"
            assert (ROOT / path).is_file(), path
            assert not within(path, set(STAGES[stage]["deps"])), (stage, path)


def test_mlflow_is_loaded_by_train_and_track_alone() -> None:
    users = {
        file.parent.name if file.parent.name != "stages" else f"stages/{file.stem}"
        for file in modules()
        for name in imported_names(file)
        if name.startswith(("crosscheck.tracking", "mlflow"))
    }
    assert users == {"commands", "search", "study", "tracking", "stages/train", "stages/track"}


def test_the_package_itself_decides_no_result_but_by_a_module_that_every_stage_which_computes_depends_on() -> None:
    code = ast.parse((ROOT / "crosscheck" / "__init__.py").read_text(encoding="utf-8")).body
    _docstring, *imported, pinning, threads, silence, hub, fonts = map(ast.unparse, code)
    assert imported == ["import os", "import sys", "from crosscheck.core import bits"]
    assert pinning == "bits.pin()"
    assert threads.splitlines()[1:] == ["    os.environ.setdefault('GOMP_SPINCOUNT', '10000')"]
    assert silence == "os.environ |= {'MPLBACKEND': 'agg', 'MATPLOTLIBRC': os.devnull, 'ORT_DISABLE_TELEMETRY': '1'}"
    assert hub == "os.environ |= {'HF_HUB_OFFLINE': '1', 'HF_HUB_DISABLE_TELEMETRY': '1'}"
    assert fonts.splitlines()[1:] == ["    os.environ['MPLCONFIGDIR'] = f'{sys.prefix}/var/matplotlib'"]


@every_stage
def test_a_stage_declares_exactly_the_sections_that_it_reads(name: str) -> None:
    read: set[str] = set()
    for module in closure(module_of(name)) - {ROOT / "crosscheck" / "core" / "params.py"}:
        for node in ast.walk(tree_of(module)):
            if isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if called == "load_section":
                    assert isinstance(node.args[0], ast.Constant), f"{module.name}: name the section by a literal"
                    read.add(str(node.args[0].value))
                elif called == "load" and module == module_of("check"):
                    read |= set(SECTIONS)
    assert read == set(STAGES[name].get("params", []))


@every_stage
def test_every_path_of_a_command_is_a_dependency_or_an_output(name: str) -> None:
    declared = inputs_of(name) | outputs_of(name)
    for option in options_of(name) - KEPT_BY_NOBODY:
        assert option in declared or any(path.startswith(f"{option}/") for path in declared), option


@every_stage
def test_every_dependency_and_output_reaches_the_command(name: str) -> None:
    known_otherwise = {SCHEMA, IMAGES, WEIGHTS} if name != "check" else set()
    for path in (inputs_of(name) | outputs_of(name)) - known_otherwise:
        assert within(path, options_of(name)), path


@pytest.mark.parametrize("name", [name for name in STAGES if name not in ("check", "track")])
def test_every_stage_waits_for_the_check_of_the_parameters(name: str) -> None:
    assert SCHEMA in STAGES[name]["deps"]


def test_only_the_split_reads_the_folder_of_images() -> None:
    assert [name for name in STAGES if IMAGES in STAGES[name]["deps"]] == ["split"]


def test_only_training_reads_a_file_of_weights_and_there_is_one_for_every_value_that_names_none() -> None:
    assert [name for name in STAGES if WEIGHTS in STAGES[name]["deps"]] == ["train"]
    for value in ("false", "true"):
        tracked = subprocess.run(["git", "ls-files", "--error-unmatch", f"weights/{value}"], cwd=ROOT, check=False)
        assert tracked.returncode == 0, value


@every_stage
def test_every_input_is_an_output_of_an_earlier_stage(name: str) -> None:
    earlier: set[str] = set()
    for stage in itertools.takewhile(lambda stage: stage != name, STAGES):
        earlier |= outputs_of(stage)
    for path in inputs_of(name) - {IMAGES, WEIGHTS}:
        assert within(path, earlier), path


def test_git_ignores_what_tells_of_the_machine() -> None:
    for path in KEPT_BY_NOBODY:
        assert subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT, check=False).returncode == 0
        assert any(path in options_of(name) for name in STAGES)


@every_stage
def test_git_ignores_every_output(name: str) -> None:
    for path in outputs_of(name):
        done = subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT, check=False)
        assert done.returncode == 0, path


def test_no_module_holds_a_copy_of_a_path() -> None:
    paths = {path for name in STAGES for path in options_of(name) | inputs_of(name) | outputs_of(name)}
    for module in modules():
        nodes = list(ast.walk(tree_of(module)))
        docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        constants = [node for node in nodes if isinstance(node, ast.Constant) and id(node) not in docstrings]
        texts = [node.value for node in constants if isinstance(node.value, str)]
        for path in paths:
            copies = [text for text in texts if "/" in path and path in text]
            assert not copies, f"{module.name} holds {path}, which stands in dvc.yaml"


@every_stage
def test_the_command_in_a_docstring_is_the_one_that_runs(name: str) -> None:
    docstring = ast.get_docstring(tree_of(module_of(name))) or ""
    paragraphs = docstring.replace("\\\n", " ").split("\n\n")
    shown = [shlex.split(part) for part in paragraphs if part.strip().startswith("python ")]
    assert shown == [shlex.split(STAGES[name]["cmd"])]


def test_what_a_stage_imports_of_a_sub_package_is_found(planted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "ROOT", planted)
    stage = planted / "stages" / "new.py"
    stage.write_text("from library.inner import planted\nfrom stages.inner.deep import planted as other\n")
    assert closure(stage) == {
        stage,
        planted / "library" / "inner" / "planted.py",
        planted / "stages" / "inner" / "deep" / "planted.py",
    }

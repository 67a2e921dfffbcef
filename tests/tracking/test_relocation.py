"""A project that was moved or copied: its store comes along, and the original stays as it is."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import pytest
from helpers.project import Project, runs_of
from helpers.repository import ROOT
from mlflow.tracking._tracking_service import utils

from crosscheck.core.errors import InputError, StoreError
from crosscheck.core.files import sha256
from crosscheck.tracking import registry, store
from crosscheck.tracking.nested_runs import Child, Kind, NestedRuns
from crosscheck.tracking.run import Recorder

Enter = Callable[[Path], Path]
KIND = Kind("study", "crosscheck.study", "crosscheck.cell")


@pytest.fixture
def enter(monkeypatch: pytest.MonkeyPatch) -> Enter:
    """Makes a folder the project's root, without tracking settings of the user's."""

    def change(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        # MLflow remembers in a process where the files of a run are; a command begins without.
        monkeypatch.setattr(utils, "_artifact_repos_cache", OrderedDict())
        monkeypatch.setenv("DVC_ROOT", str(folder))
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "DVC_EXP_NAME"):
            # Also what MLflow left there itself.
            monkeypatch.setenv(name, "")
        return folder

    return change


def record(root: Path, checkpoint: str, content: str) -> Recorder:
    """What a stage does: find the run of the checkpoint, and give it a picture."""
    picture = root / "picture.txt"
    picture.write_text(content, encoding="utf-8")
    recorder = Recorder()
    recorder.find_or_restore(checkpoint, {"model.channels": 2})
    recorder.part("pictures", content, lambda: recorder.files(picture))
    return recorder


def state(folder: Path) -> dict[str, tuple[str, int]]:
    """Every file below the folder with its hash and the time of its last change."""
    return {
        str(path.relative_to(folder)): (sha256(path), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def artifact(recorder: Recorder) -> Path:
    """The picture's file where MLflow has it."""
    import mlflow

    client = mlflow.MlflowClient()
    assert [each.path for each in client.list_artifacts(recorder.run_id)] == ["picture.txt"]
    return Path(url2pathname(urlsplit(client.get_run(recorder.run_id).info.artifact_uri).path)) / "picture.txt"


def columns(root: Path) -> list[str]:
    with sqlite3.connect(root / "mlflow.db") as database:
        return [
            str(value)
            for table, name in (("experiments", "artifact_location"), ("runs", "artifact_uri"))
            for (value,) in database.execute(f"SELECT {name} FROM {table}")  # noqa: S608
        ]


def test_a_copy_records_in_itself_and_leaves_every_file_of_the_original_as_it_was(
    enter: Enter, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first = enter(tmp_path / "a project")
    recorded = record(first, "a" * 64, "first")
    study = NestedRuns(KIND, "study quick", lambda: "quick")
    study.record(Child("key", "a cell", {}, {}, [(0, {"accuracy": 0.5})], "FINISHED"))
    shutil.copytree(first, tmp_path / "copy")
    before = state(first)
    copy = enter(tmp_path / "copy")
    capfd.readouterr()

    again = record(copy, "a" * 64, "second")
    assert again.run_id == recorded.run_id and not again.failed
    assert capfd.readouterr().err == (
        f"MLflow: this project was moved or copied from {first}; mlflow.db now names its files in "
        f"{copy / 'mlartifacts'}\n"
    )
    other = record(copy, "b" * 64, "of another run")
    same = NestedRuns(KIND, "study quick", lambda: "quick")
    same.open()
    assert same.parent == study.parent and same.recorded == {"key"}
    assert state(first) == before
    assert capfd.readouterr().err == ""
    for recorder, content in ((again, "second"), (other, "of another run")):
        assert artifact(recorder).read_text(encoding="utf-8") == content
        assert copy in artifact(recorder).parents

    enter(first)
    assert artifact(record(first, "a" * 64, "first")).read_text(encoding="utf-8") == "first"
    assert capfd.readouterr().err == ""


def test_a_project_that_was_renamed_keeps_its_files_and_does_not_make_the_old_folder_again(
    enter: Enter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(enter(tmp_path / "old"), "a" * 64, "first")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "another")
    record(tmp_path / "old", "b" * 64, "of another experiment")
    (tmp_path / "old").rename(tmp_path / "100% new?")
    root = enter(tmp_path / "100% new?")
    kept = record(root, "a" * 64, "first")
    assert artifact(kept).read_text(encoding="utf-8") == "first"
    assert not (tmp_path / "old").exists()
    assert len([value for value in columns(root) if "mlartifacts" in value]) == 4
    assert all(value.startswith((root / "mlartifacts").as_uri()) for value in columns(root) if "mlartifacts" in value)


def test_an_experiment_in_dvc_s_temporary_folder_follows_the_project_too(
    enter: Enter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(enter(tmp_path / "old"), "a" * 64, "first")
    (tmp_path / "old").rename(tmp_path / "new")
    root = enter(tmp_path / "new")
    temporary = root / ".dvc" / "tmp" / "exps" / "x"
    temporary.mkdir(parents=True)
    monkeypatch.chdir(temporary)
    assert artifact(record(root, "a" * 64, "second")).is_relative_to(root / "mlartifacts")
    assert not (tmp_path / "old").exists() and not list(temporary.iterdir())


def test_a_database_that_was_copied_without_its_files_is_one_line_and_changes_nothing(
    enter: Enter, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first = enter(tmp_path / "first")
    record(first, "a" * 64, "first")
    copy = enter(tmp_path / "copy")
    shutil.copy(first / "mlflow.db", copy / "mlflow.db")
    before, copied = state(first), sha256(copy / "mlflow.db")
    capfd.readouterr()
    assert record(copy, "a" * 64, "second").failed
    said = capfd.readouterr().err
    assert "was moved or copied without its files" in said
    assert f"run `cp -rn {first / 'mlartifacts'} {copy}`, then `make sync` records it later" in said
    assert len(said.splitlines()) == 1
    assert state(first) == before and sha256(copy / "mlflow.db") == copied

    shutil.copytree(first / "mlartifacts", copy / "mlartifacts")
    assert not record(copy, "a" * 64, "second").failed
    assert state(first) == before


def test_a_copy_of_hard_links_is_refused_since_it_is_the_original_too(
    enter: Enter, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first = enter(tmp_path / "first")
    record(first, "a" * 64, "first")
    shutil.copytree(first, tmp_path / "copy", copy_function=os.link)
    before = state(first)
    capfd.readouterr()
    copy = enter(tmp_path / "copy")
    with pytest.raises(StoreError, match="one file with that of"):
        store.connect()
    assert state(first) == before
    assert copy.exists()


def test_a_database_elsewhere_and_a_location_of_the_user_s_choice_stay_as_they_are(
    enter: Enter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    root = enter(tmp_path / "root")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'shared.db'}")
    record(root, "a" * 64, "first")
    enter(tmp_path / "another")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'shared.db'}")
    assert not record(tmp_path / "another", "a" * 64, "first").failed

    own = enter(tmp_path / "own")
    mlflow, _ = store.connect()
    mlflow.create_experiment("mine", artifact_location=(tmp_path / "disk" / "pictures").as_uri())
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    assert (tmp_path / "disk") in artifact(record(own, "a" * 64, "first")).parents
    assert "moved or copied" not in capfd.readouterr().err


@pytest.mark.parametrize("name", ["/absolute", "../outside", "a/b", ".."])
def test_an_experiment_of_any_name_keeps_its_files_in_the_project(
    enter: Enter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    root = enter(tmp_path / "root")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", name)
    assert artifact(record(root, "a" * 64, "first")).is_relative_to(root / "mlartifacts")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["copy", "what? #1 100%2F;é"])
def test_a_copied_project_trains_and_records_in_itself_under_any_name(
    name: str, reproduced: Project, tmp_path: Path
) -> None:
    shutil.copytree(reproduced.folder, tmp_path / name, symlinks=True)
    shutil.copy(reproduced.folder.parent / "gitconfig", tmp_path / "gitconfig")
    before = state(reproduced.folder)
    copy = Project(tmp_path / name)
    trained = copy.run("dvc", "repro", "--force", "--single-item", "train")
    assert f"moved or copied from {reproduced.folder}; mlflow.db now names its files in" in trained.stderr
    assert "does not record" not in trained.stderr
    assert copy.command("sync").stderr == ""
    assert len(runs_of(reproduced)) == 1
    promoted = copy.command("promote", check="%2F" not in name)
    assert promoted.returncode == 0 or "move the project to another folder" in promoted.stderr
    assert len(promoted.stderr.splitlines()) <= 1 or promoted.returncode == 0
    assert state(reproduced.folder) == before
    with sqlite3.connect(copy.folder / "mlflow.db") as database:
        assert database.execute("SELECT count(*) FROM runs").fetchone() == (2,)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "dvc") == sorted([name, "gitconfig"])
    places = [Path(url2pathname(urlsplit(value).path)) for value in columns(copy.folder) if "mlartifacts" in value]
    assert places and all(place.is_relative_to(copy.folder / "mlartifacts") for place in places)


# The registry.


def with_model(root: Path) -> str:
    """A run with a small model; its id."""
    import mlflow
    import torch

    recorder = record(root, "a" * 64, "first")
    example = np.zeros((2, 2), np.float32)
    with mlflow.start_run(run_id=recorder.run_id):
        mlflow.pytorch.log_model(torch.nn.Linear(2, 2), name="model", input_example=example, pip_requirements=["torch"])
    return str(recorder.run_id)


def champion() -> Any:
    import mlflow

    return mlflow.MlflowClient().get_model_version_by_alias("crosscheck", "champion")


def test_the_champion_of_a_copy_is_loaded_from_the_copy(enter: Enter, tmp_path: Path) -> None:
    import mlflow

    first = enter(tmp_path / "first")
    run_id = with_model(first)
    assert registry.make_champion(run_id, "a" * 64) == 1
    first.rename(tmp_path / "moved")
    moved = enter(tmp_path / "moved")
    assert registry.make_champion(run_id, "a" * 64) == 1
    assert not first.exists()
    assert mlflow.pyfunc.load_model("models:/crosscheck@champion").predict(np.zeros((2, 2), np.float32)).shape == (2, 2)
    assert mlflow.get_logged_model(champion().source.removeprefix("models:/")).artifact_location.startswith(
        (moved / "mlartifacts").as_uri()
    )


def test_a_model_whose_files_are_gone_is_not_promoted_and_the_alias_stays(enter: Enter, tmp_path: Path) -> None:
    root = enter(tmp_path / "root")
    run_id = with_model(root)
    shutil.rmtree(root / "mlartifacts" / "crosscheck" / "models")
    with pytest.raises(InputError) as caught:
        registry.make_champion(run_id, "a" * 64)
    assert f"the model of the run {run_id} cannot be loaded (" in str(caught.value)
    assert (
        f"run `MLFLOW_TRACKING_URI=sqlite:///mlflow.db mlflow runs delete --run-id {run_id}`, then `make champion`"
        in str(caught.value)
    )
    import mlflow

    assert not list(mlflow.MlflowClient().search_registered_models())


def test_a_version_or_a_model_that_was_deleted_in_mlflow_is_made_again(enter: Enter, tmp_path: Path) -> None:
    import mlflow

    run_id = with_model(enter(tmp_path / "root"))
    client = mlflow.MlflowClient()
    assert registry.make_champion(run_id, "a" * 64) == 1
    client.delete_model_version("crosscheck", "1")
    assert registry.make_champion(run_id, "a" * 64) > 0
    client.delete_registered_model("crosscheck")
    assert registry.make_champion(run_id, "a" * 64) == 1
    client.delete_registered_model("crosscheck")
    client.delete_logged_model(client.get_run(run_id).outputs.model_outputs[-1].model_id)
    with pytest.raises(InputError, match="cannot be loaded") as caught:
        registry.make_champion(run_id, "a" * 64)
    assert "mlflow runs delete" in str(caught.value)


def test_a_damaged_model_is_not_promoted(enter: Enter, tmp_path: Path) -> None:
    root = enter(tmp_path / "root")
    run_id = with_model(root)
    (archive,) = root.rglob("*.pt2")
    archive.write_bytes(archive.read_bytes()[:100])
    with pytest.raises(InputError, match="cannot be loaded"):
        registry.make_champion(run_id, "a" * 64)


# Folders whose names have characters with a meaning in addresses.

NAMES = ["a%2Fb", "what?", "a#b", "a;b c", "{x}", "猫é", "file:x", "a@b:c", "100%"]


@pytest.mark.parametrize("name", NAMES)
def test_a_project_in_a_folder_of_any_name_has_its_store_there_and_nothing_elsewhere(
    enter: Enter, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = enter(tmp_path / name / "project")
    for _ in range(2):
        recorder = record(root, "a" * 64, "first")
        assert not recorder.failed
        assert artifact(recorder).is_relative_to(root / "mlartifacts")
        # What MLflow leaves in the environment is read by the next call.
        assert (root / "mlflow.db").exists()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mine.db?timeout=5")
    assert not record(root, "b" * 64, "second").failed
    assert (root / "mine.db").exists()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert [path.name for path in (tmp_path / name).iterdir()] == ["project"]


def test_a_folder_from_which_mlflow_cannot_load_is_named_before_the_alias_is_set(enter: Enter, tmp_path: Path) -> None:
    run_id = with_model(enter(tmp_path / "a%2Fb"))
    with pytest.raises(InputError, match=r"whose path holds a percent sign.*move the project"):
        registry.make_champion(run_id, "a" * 64)
    import mlflow

    assert not list(mlflow.MlflowClient().search_registered_models())


def test_an_environment_below_a_percent_sign_is_one_line(tmp_path: Path) -> None:
    import mlflow

    (tmp_path / "a%2Fb").mkdir()
    (tmp_path / "a%2Fb" / "packages").symlink_to(Path(mlflow.__file__).parent.parent)
    code = (
        "from crosscheck.tracking.run import Recorder\nrecorder = Recorder()\nrecorder.find_or_restore('a' * 64, {})\n"
        "assert recorder.failed"
    )
    env = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    env |= {"PYTHONPATH": f"{tmp_path / 'a%2Fb' / 'packages'}{os.pathsep}{ROOT}", "DVC_ROOT": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "MLflow cannot work where its own path holds a percent sign" in done.stderr
    assert "move the project, or its environment, to a folder without one" in done.stderr
    assert len(done.stderr.splitlines()) == 1

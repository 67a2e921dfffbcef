"""A project that was moved or copied: its store comes along, and the original stays as it is."""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from helpers.project import Project, runs_of
from helpers.repository import ROOT
from helpers.tracking import Enter, artifact, record

from crosscheck.core.errors import StoreError
from crosscheck.core.files import sha256
from crosscheck.tracking import store
from crosscheck.tracking.nested_runs import Child, Kind, NestedRuns

KIND = Kind("study", parent="study", child="cell")


def state(folder: Path) -> dict[str, tuple[str, int]]:
    """Every file below the folder with its hash and the time of its last change."""
    return {
        str(path.relative_to(folder)): (sha256(path), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


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
    study.record(Child("key", "a cell", "a note", {}, {}, {"accuracy": 0.5}, [], "FINISHED"))
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
    with pytest.raises(StoreError, match="the same file as that of"):
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

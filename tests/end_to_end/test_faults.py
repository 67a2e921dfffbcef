"""Full disks, Ctrl-C, ended processes, lost stores: one clear line, nothing half-written, the same bits next time."""

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from helpers.disks import ROOM, fill, small_disk
from helpers.interruptions import LONGEST, OUTPUTS, outputs, start, training_command, wait_for_progress
from helpers.project import Project, copy_project, runs_of
from helpers.servers import tracking_server
from helpers.tracking import WARNING, check_run_is_complete
from mlflow import MlflowClient


@pytest.fixture(scope="module")
def uninterrupted(reproduced: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose training takes a few seconds, after one run to the end and a commit."""
    project = copy_project(reproduced, tmp_path_factory.mktemp("uninterrupted"))
    project.set(train={"epochs": 200, "momentum": 0.9})
    project.run("dvc", "repro")
    project.run("git", "commit", "-qam", "longer training")
    return project


@pytest.fixture
def trained(uninterrupted: Project, tmp_path: Path) -> Project:
    return copy_project(uninterrupted, tmp_path)


# A full disk.


def test_a_full_disk_for_the_saved_state_is_a_warning_and_costs_nothing_else(copy_of_reproduced: Project) -> None:
    project = copy_of_reproduced
    expected = outputs(project)
    with small_disk(project.folder / ".checkpoints"):
        fill(project.folder / ".checkpoints", 8192)
        done = project.run(*training_command(project))
        assert not list((project.folder / ".checkpoints").rglob("*.partial"))
    assert done.stderr.count("cannot be written") == 1
    assert "training goes on" in done.stderr
    assert "Traceback" not in done.stderr
    assert outputs(project) == expected


@pytest.mark.soak
@pytest.mark.ci
@pytest.mark.parametrize("leave", [0, 4096])
def test_a_full_disk_for_the_checkpoint_is_one_line_and_the_next_run_needs_no_training(
    copy_of_reproduced: Project, leave: int
) -> None:
    project = copy_of_reproduced
    expected = outputs(project)
    with small_disk(project.folder / "models"):
        for path in OUTPUTS:
            (project.folder / path).unlink()
        filler = fill(project.folder / "models", leave)
        done = project.run(*training_command(project), check=False)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert "no space left on the disk" in line and "models/model.pt" in line
        assert not list((project.folder / "models").glob("model*"))
        assert not (project.folder / "metrics" / "curve.csv").exists()
        filler.unlink()
        again = project.run(*training_command(project))
        assert "going on after epoch 2 of 2" in again.stderr
        assert outputs(project) == expected
    assert not list((project.folder / ".checkpoints").glob("*"))


@pytest.mark.soak
@pytest.mark.ci
def test_a_full_disk_for_text_and_pictures_is_one_line_and_the_next_run_mends_it(copy_of_reproduced: Project) -> None:
    project = copy_of_reproduced
    before = {file.name: file.read_bytes() for file in (project.folder / "metrics").iterdir()}
    with small_disk(project.folder / "metrics"):
        for file in (project.folder / "metrics").iterdir():
            file.unlink()
        filler = fill(project.folder / "metrics", 0)
        for stage in ("train", "evaluate"):
            done = project.run(*training_command(project, stage), check=False)
            assert done.returncode == 1
            assert "Traceback" not in done.stderr
            assert "no space left on the disk" in done.stderr.splitlines()[-1]
            assert [file.name for file in (project.folder / "metrics").iterdir()] == ["filler"]
        filler.unlink()
        project.run(*training_command(project))
        project.run(*training_command(project, "evaluate"))
        after = {file.name: file.read_bytes() for file in (project.folder / "metrics").iterdir()}
    before.pop(".gitignore", None)
    assert after == before


# Ctrl-C, SIGTERM, SIGKILL.


def end(processes: list[psutil.Process]) -> None:
    for process in processes:
        if process.is_running():
            process.kill()
    psutil.wait_procs(processes, timeout=LONGEST)


@contextmanager
def in_progress(project: Project, *words: str) -> Iterator[tuple["subprocess.Popen[str]", list[psutil.Process]]]:
    """A DVC command that trains, after an epoch was saved, with all its processes; the block's end ends them."""
    process = start(project, list(words))
    family: list[psutil.Process] = []
    try:
        assert wait_for_progress(project, process), process.stdout and process.stdout.read()
        family = psutil.Process(process.pid).children(recursive=True)
        yield process, family
    finally:
        end([*family, psutil.Process(process.pid)] if process.poll() is None else family)
        process.wait(LONGEST)
        assert process.stdout
        process.stdout.close()


def ctrl_c(process: "subprocess.Popen[str]", family: list[psutil.Process]) -> None:
    """What a terminal does: SIGINT to every process of the group."""
    for member in [psutil.Process(process.pid), *family]:
        member.send_signal(signal.SIGINT)


def terminate_dvc(process: "subprocess.Popen[str]", family: list[psutil.Process]) -> None:
    process.send_signal(signal.SIGTERM)


def kill_all(process: "subprocess.Popen[str]", family: list[psutil.Process]) -> None:
    for member in [psutil.Process(process.pid), *family]:
        member.send_signal(signal.SIGKILL)


def kill_training(process: "subprocess.Popen[str]", family: list[psutil.Process]) -> None:
    for member in family:
        if "stages.train" in member.cmdline():
            member.send_signal(signal.SIGKILL)


Ending = Callable[["subprocess.Popen[str]", list[psutil.Process]], None]
ENDINGS = pytest.mark.parametrize(
    "ending", [ctrl_c, terminate_dvc, kill_training, kill_all], ids=lambda ending: ending.__name__
)


@pytest.mark.soak
@ENDINGS
def test_a_repro_that_is_ended_goes_on_the_next_time_and_gives_the_same_bits(trained: Project, ending: Ending) -> None:
    expected, lock = outputs(trained), trained.read("dvc.lock")
    with in_progress(trained, "dvc", "repro", "--force", "--single-item", "train") as (process, family):
        ending(process, family)
        assert process.wait(LONGEST) != 0
        # A training that outlives its DVC ends by itself, and the next one is refused until then.
        psutil.wait_procs(family, timeout=LONGEST)
    done = trained.run("dvc", "repro", "--force", "--single-item", "train")
    assert "going on after epoch" in done.stdout + done.stderr
    assert outputs(trained) == expected
    assert trained.read("dvc.lock") == lock
    assert trained.run("dvc", "status").stdout.strip().endswith("Data and pipelines are up to date.")


@pytest.mark.soak
@pytest.mark.parametrize("where", [[], ["--temp"]], ids=["workspace", "temp"])
@ENDINGS
def test_an_experiment_that_is_ended_leaves_the_edits_of_its_user(
    trained: Project, ending: Ending, where: list[str]
) -> None:
    with (trained.folder / "Makefile").open("a", encoding="utf-8") as makefile:
        makefile.write("# the user's edit\n")
    (trained.folder / "notes.txt").write_text("the user's own", encoding="utf-8")
    trained.run("git", "add", "notes.txt")
    before = {name: trained.read(name) for name in ("Makefile", "notes.txt", "dvc.yaml")}
    params = trained.read("params.yaml")
    # The stages behind the training would only cost time.
    words = ["dvc", "exp", "run", *where, "-n", "ended", "-S", "train.seed=9", "train"]
    with in_progress(trained, *words) as (process, family):
        ending(process, family)
        assert process.wait(LONGEST) != 0
        psutil.wait_procs(family, timeout=LONGEST)
    assert {name: trained.read(name) for name in before} == before
    if where:
        assert trained.read("params.yaml") == params
    assert trained.run("git", "stash", "list").stdout == ""
    assert "ended" not in trained.run("dvc", "exp", "list", "--name-only").stdout.split()
    trained.run(*words)
    assert "ended" in trained.run("dvc", "exp", "list", "--name-only").stdout.split()
    assert {name: trained.read(name) for name in before} == before


# The tracking store.


def server_at(address: str) -> psutil.Process:
    """The first process of the server that the test started at this address."""
    port = address.rpartition(":")[2]
    return next(child for child in psutil.Process().children() if port in child.cmdline())


def training_beside(project: Project, trouble: Callable[[], object]) -> str:
    """Train with an outage of MLflow's store in the middle; returns what was said."""
    process = start(project, ["dvc", "repro", "--force", "--single-item", "train"])
    try:
        assert wait_for_progress(project, process)
        trouble()
        said = process.communicate(timeout=LONGEST)[0]
    finally:
        if process.poll() is None:
            end([*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)])
    assert process.returncode == 0, said
    return said


@pytest.mark.soak
@pytest.mark.parametrize("outage", [signal.SIGKILL, signal.SIGSTOP], ids=["dies", "hangs"])
def test_a_server_that_dies_or_hangs_in_mid_run_costs_one_line_and_sync_completes_its_run(
    trained: Project, tmp_path: Path, outage: signal.Signals
) -> None:
    expected, lock = outputs(trained), trained.read("dvc.lock")
    with tracking_server(tmp_path / "server") as address:
        trained.env["MLFLOW_TRACKING_URI"] = address
        server = server_at(address)
        said = training_beside(trained, lambda: os.killpg(server.pid, outage))
        if outage == signal.SIGSTOP:
            os.killpg(server.pid, signal.SIGCONT)
            check_sync_completes_the_run(trained, MlflowClient(address))
    if outage == signal.SIGKILL:
        with tracking_server(tmp_path / "server", address):
            check_sync_completes_the_run(trained, MlflowClient(address))
    assert said.count(WARNING) == 1
    assert f"{WARNING}{address} does not record this run (" in said
    assert outputs(trained) == expected
    assert trained.read("dvc.lock") == lock


def check_sync_completes_the_run(project: Project, client: MlflowClient) -> None:
    """The run that the outage left half told is whole after `sync`, and the only one."""
    project.command("sync")
    experiment = client.get_experiment_by_name("crosscheck")
    assert experiment
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.tags["crosscheck.origin"] == "trained"
    check_run_is_complete(project, client, run)


@contextmanager
def kept_full(folder: Path) -> Iterator[threading.Event]:
    """From when the event is set to the end of the block, whatever becomes free on the disk of `folder` is taken."""
    begin, done = threading.Event(), threading.Event()

    def take() -> None:
        begin.wait()
        with (folder / "filler").open("ab", buffering=0) as filler:
            while not done.wait(0.005):
                with suppress(OSError):
                    filler.write(bytes(max(4096, shutil.disk_usage(folder).free)))

    thread = threading.Thread(target=take)
    thread.start()
    try:
        yield begin
    finally:
        done.set()
        begin.set()
        thread.join()
        (folder / "filler").unlink()


@pytest.mark.soak
def test_an_sqlite_file_whose_disk_fills_up_in_mid_run_costs_one_line_and_sync_completes_its_run(
    trained: Project, tmp_path: Path
) -> None:
    expected = outputs(trained)
    disk = tmp_path / "disk"
    with small_disk(disk, 16 * ROOM):
        trained.env["MLFLOW_TRACKING_URI"] = f"sqlite:///{disk}/mlflow.db"
        with kept_full(disk) as fill_up:
            said = training_beside(trained, fill_up.set)
        check_sync_completes_the_run(trained, MlflowClient(f"sqlite:///{disk}/mlflow.db"))
    assert said.count(WARNING) == 1
    assert "full" in said
    assert outputs(trained) == expected


@pytest.mark.soak
def test_an_sqlite_file_that_is_damaged_in_mid_run_costs_one_line_and_a_new_one_gets_the_run(
    trained: Project, tmp_path: Path
) -> None:
    expected = outputs(trained)
    database = trained.folder / "mlflow.db"
    said = training_beside(trained, lambda: database.write_bytes(b"noise" * 200_000))
    assert said.count(WARNING) == 1
    assert outputs(trained) == expected
    refused = trained.command("sync", check=False)
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].startswith("error: MLflow could not be brought up to date")
    assert "Traceback" not in refused.stderr
    database.rename(trained.folder / "damaged")
    trained.command("sync")
    (run,) = runs_of(trained)
    check_run_is_complete(trained, MlflowClient(f"sqlite:///{database}"), run)


@pytest.mark.soak
def test_an_sqlite_file_on_a_read_only_disk_costs_one_line_and_sync_records_the_run_elsewhere(
    trained: Project, tmp_path: Path
) -> None:
    expected = outputs(trained)
    disk = tmp_path / "disk"
    with small_disk(disk, 16 * ROOM):
        trained.run(*training_command(trained, "train"), MLFLOW_TRACKING_URI=f"sqlite:///{disk}/mlflow.db")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        trained.env["MLFLOW_TRACKING_URI"] = f"sqlite:///{disk}/mlflow.db"
        said = training_beside(trained, lambda: None)
        assert said.count(WARNING) == 1
        assert outputs(trained) == expected
    del trained.env["MLFLOW_TRACKING_URI"]
    trained.command("sync")
    (run,) = runs_of(trained)
    check_run_is_complete(trained, MlflowClient(f"sqlite:///{trained.folder}/mlflow.db"), run)

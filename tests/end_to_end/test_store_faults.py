"""A tracking store that is lost in mid-run: one clear line, the same bits, and `sync` completes the run."""

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
from helpers.disks import ROOM, small_disk
from helpers.interruptions import LONGEST, end_processes, outputs, start, training_command, wait_for_progress
from helpers.project import Project, runs_of
from helpers.servers import tracking_server
from helpers.tracking import WARNING, check_run_is_complete
from mlflow import MlflowClient


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
            end_processes([*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)])
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

"""Full disks, Ctrl-C, ended processes, lost stores: one clear line, nothing half-written, the same bits next time."""

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest
from helpers.disks import fill, small_disk
from helpers.interruptions import LONGEST, OUTPUTS, end_processes, outputs, start, training_command, wait_for_progress
from helpers.project import Project

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
        end_processes([*family, psutil.Process(process.pid)] if process.poll() is None else family)
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

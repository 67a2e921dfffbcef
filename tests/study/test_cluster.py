"""A study in the queue of a cluster. Slurm is not here: programs of its names note how they were called."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.project import PATH, Project
from helpers.study import TOY, command, lines_of, remove_results, run, write_study

from crosscheck.core.errors import InputError
from crosscheck.study.cluster import Queue

JOB = "mine/jobs/12_0"


def program(folder: Path, name: str, says: str) -> None:
    file = folder / name
    file.write_text(f'#!/bin/sh\necho "{name} $@" >> {folder / "calls"}\n{says}\n', encoding="utf-8")
    file.chmod(0o755)


@pytest.fixture
def slurm(copied: Project, tmp_path: Path) -> Project:
    """A project on a machine with Slurm, whose toy study has no results."""
    remove_results(copied)
    programs = tmp_path / "slurm"
    programs.mkdir()
    program(programs, "sbatch", f'cp "$1" {programs}/script\necho "Submitted batch job 12"')
    program(programs, "srun", "")
    program(programs, "scontrol", "")
    copied.env["PATH"] = f"{programs}{os.pathsep}{PATH}"
    return copied


def submit(project: Project, *words: str, check: bool = True, **env: str) -> str:
    done = project.run(*command("submit"), *words, check=check, **env)
    return done.stdout + done.stderr


def work(project: Project, array_task: int = 0) -> subprocess.Popen[bytes]:
    """What Slurm starts on a node."""
    words = [sys.executable, "-u", "-m", "submitit.core._submit", str(project.folder / "mine" / "jobs")]
    env = project.env | {
        "SUBMITIT_EXECUTOR": "slurm",
        "SLURM_JOB_ID": "13",
        "SLURM_ARRAY_JOB_ID": "12",
        "SLURM_ARRAY_TASK_ID": str(array_task),
    }
    return subprocess.Popen(
        words, cwd=project.folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )


def calls(slurm: Project) -> list[str]:
    return (slurm.folder.parent / "slurm" / "calls").read_text(encoding="utf-8").splitlines()


def test_slurm_is_asked_for_an_array_with_a_job_for_each_shard(slurm: Project) -> None:
    said = submit(slurm, "--shards", "2", "--cpus", "3", "--minutes", "90")
    assert "Bars and discs: 4 of 4 runs are missing; they are in the queue as 12_0 to 12_1" in said
    assert "run make study STUDY=mine.yaml" in said
    script = (slurm.folder.parent / "slurm" / "script").read_text(encoding="utf-8").splitlines()
    for option in ("array=0-1%2", "cpus-per-task=3", "time=90", "signal=USR2@90", "open-mode=append"):
        assert f"#SBATCH --{option}" in script
    assert sorted(file.name for file in (slurm.folder / "mine" / "jobs").glob("*.pkl")) == [
        "12_0_submitted.pkl",
        "12_1_submitted.pkl",
    ]


@pytest.mark.slow
def test_a_job_whose_time_is_over_goes_back_into_the_queue_and_on_from_the_runs_that_ended(
    slurm: Project, studied: Project
) -> None:
    write_study(slurm, TOY | {"seeds": 4})
    submit(slurm, "--shards", "2", "--cpus", "1")
    job = work(slurm)
    results, until = slurm.folder / "mine" / "results", time.monotonic() + 600
    while not list(results.glob("*.1-of-2.jsonl")) and time.monotonic() < until:
        time.sleep(0.05)
    # To all processes of the job, as Slurm does.
    os.killpg(job.pid, signal.SIGTERM)
    os.killpg(job.pid, signal.SIGUSR2)
    said = job.communicate(timeout=600)[0].decode()
    assert job.returncode != 0 and calls(slurm)[-1] == "scontrol requeue 12_0", said
    before = lines_of(slurm)
    assert 1 <= len(before) < 4, "the job had nothing left to do"
    again = work(slurm)
    said = again.communicate(timeout=600)[0].decode()
    assert again.returncode == 0 and f"shard 1 of 2: 4 runs, {len(before)} of them cached; 1 at a time" in said, said
    after = lines_of(slurm)
    assert len(after) == 4 and {name: after[name] for name in before} == before
    assert {name: after[name] for name in lines_of(studied).keys() & after} == {
        name: line for name, line in lines_of(studied).items() if name in after
    }
    # What was done is not submitted again.
    assert "4 of 8 runs are missing; they are in the queue as 12\n" in submit(slurm, "--shards", "2")


@pytest.mark.slow
def test_without_slurm_the_jobs_run_here_to_try_them(copied: Project, studied: Project) -> None:
    remove_results(copied)
    submit(copied, "--shards", "2", "--cpus", "1", "--local")
    until = time.monotonic() + 600
    while len(list((copied.folder / "mine" / "jobs").glob("*_result.pkl"))) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    assert "4 runs, 4 of them cached" in run(copied)
    assert lines_of(copied) == lines_of(studied)


def test_nothing_is_submitted_where_nothing_is_missing(slurm: Project, studied: Project) -> None:
    studied_here = Project(studied.folder)
    studied_here.env["PATH"] = slurm.env["PATH"]
    said = submit(studied_here, "--shards", "2")
    assert "all 4 runs are there, so nothing was submitted" in said
    assert not (slurm.folder.parent / "slurm" / "calls").exists()


@pytest.mark.slow
def test_a_job_whose_study_fails_fails_with_its_one_line(slurm: Project) -> None:
    submit(slurm, "--shards", "2")
    (slurm.folder / "mine.yaml").write_text("variants: 3\n", encoding="utf-8")
    job = work(slurm)
    said = job.communicate(timeout=600)[0].decode()
    assert job.returncode == 1 and "error: mine.yaml: " in said and "Traceback" not in said


def test_a_refusal_of_slurm_is_one_line(slurm: Project) -> None:
    program(slurm.folder.parent / "slurm", "sbatch", "echo 'sbatch: error: invalid partition' >&2; exit 1")
    said = submit(slurm, "--shards", "2", check=False)
    assert said == "error: sbatch refused the jobs: sbatch: error: invalid partition\n"


def test_a_machine_without_slurm_is_one_line(copied: Project) -> None:
    said = submit(copied, "--shards", "2", check=False)
    assert said.startswith("error: sbatch and srun: not found, so this is no machine of a Slurm cluster; ")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--shards", "0"], "--shards is 0; set it to a number from 1 to 10000"),
        (["--shards", "2", "--cpus", "0"], "--cpus is 0; set it to 1 or more"),
        (["--shards", "2", "--minutes", "-3"], "--minutes is -3; set it to 1 or more"),
    ],
)
def test_a_wrong_amount_is_one_line(slurm: Project, words: list[str], line: str) -> None:
    assert submit(slurm, *words, check=False) == f"error: {line}\n"


def test_images_that_are_not_packed_are_one_line(slurm: Project) -> None:
    (slurm.folder / "mine" / "dataset").rename(slurm.folder / "elsewhere")
    said = submit(slurm, "--shards", "2", check=False)
    pack = "python -m stages.study.pack --study mine.yaml"
    assert said == f"error: mine/dataset: the study's images are not packed yet; run `{pack}`\n"


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(InputError, match=r"the Python package submitit is missing.*make slurm"):
        Queue(cpus=1, minutes=1, local=True).check()

"""A study that is killed leaves no process behind, and goes on."""

import os
import signal
import subprocess
import time

import pytest
from helpers.project import Project
from helpers.servers import session
from helpers.study import TOY, command, lines_of, remove_results, run, write_study


def start(project: Project) -> subprocess.Popen[bytes]:
    """The runs of the study, in a session of their own."""
    return subprocess.Popen(
        command("run"), cwd=project.folder, env=project.env, stdout=subprocess.DEVNULL, start_new_session=True
    )


@pytest.mark.soak
def test_a_killed_study_leaves_no_process_behind_and_goes_on(studied: Project, copied: Project) -> None:
    remove_results(copied)
    write_study(copied, TOY | {"params": {**TOY["params"], "train.epochs": 60}})
    study = start(copied)
    until = time.monotonic() + 120
    while not lines_of(copied) and time.monotonic() < until:
        time.sleep(0.1)
    os.kill(study.pid, signal.SIGKILL)
    study.wait()
    while session(study) and time.monotonic() < until:
        time.sleep(0.2)
    assert not session(study)
    done = lines_of(copied)
    assert done
    assert f"{len(done)} of them cached" in run(copied)
    after = lines_of(copied)
    assert len(after) == 4 and {name: after[name] for name in done} == done


@pytest.mark.soak
def test_a_cell_that_has_long_to_go_ends_with_a_killed_study(studied: Project, copied: Project) -> None:
    remove_results(copied)
    write_study(copied, TOY | {"params": {**TOY["params"], "train.epochs": 100_000}})
    study = start(copied)
    until = time.monotonic() + 120
    # The study, what tracks its resources, the server that forks, and its two cells.
    while len(session(study)) < 5 and time.monotonic() < until:
        time.sleep(0.1)
    assert len(session(study)) >= 5
    os.kill(study.pid, signal.SIGKILL)
    study.wait()
    until = time.monotonic() + 30
    while session(study) and time.monotonic() < until:
        time.sleep(0.2)
    left = session(study)
    for process in left:
        os.kill(process, signal.SIGKILL)
    assert not left

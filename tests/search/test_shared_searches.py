"""Workers and sessions that share a search, and what becomes of the trials of one that is gone."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest
from helpers.repository import ROOT, packages
from helpers.search import change_space
from helpers.toy_searches import query, run, runs_below_the_parent
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from crosscheck.search import objective, results, runner


def others_trials(folder: Path, count: int, wanted: int) -> tuple[objective.Setup, optuna.Study, list[optuna.Trial]]:
    """A search for `wanted` trials of which another session has begun `count`."""
    change_space(folder / "space.yaml", study={"trials": wanted}, final={"models": 1, "seeds": [0]})
    setup = runner.read_setup(folder / "space.yaml")
    study = runner.open_study(setup)
    return setup, study, [study.ask() for _ in range(count)]


def test_a_trial_that_others_have_left_no_room_for_is_not_trained_and_counts_nowhere(folder: Path) -> None:
    setup, study, (first, second) = others_trials(folder, 2, 2)
    number = objective.run(setup)
    surplus = study.get_trials()[number]
    assert surplus.state == optuna.trial.TrialState.FAIL
    assert results.RESULT not in surplus.user_attrs
    for each in (first, second):
        study.tell(each, state=optuna.trial.TrialState.FAIL)
    assert run(folder)["trials"] == {"complete": 2, "stopped": 0, "over_limit": 0, "failed": 2}


def test_a_session_waits_for_the_last_trials_of_another_and_replaces_one_that_fails(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, study, (theirs,) = others_trials(folder, 1, 2)
    looks: list[int] = []

    def look(_: optuna.Study) -> None:
        looks.append(sum(map(objective.was_trained, study.get_trials())))
        if len(looks) == 2:
            study.tell(theirs, state=optuna.trial.TrialState.FAIL)

    monkeypatch.setattr(runner, "WAIT_SECONDS", 0.01)
    monkeypatch.setattr(runner, "fail_stale_trials", look)
    found = run(folder)
    assert looks == [1, 1]
    assert found["trials"]["complete"] + found["trials"]["stopped"] == 2
    assert found["trials"]["failed"] == 1


def test_a_trial_whose_worker_was_killed_at_its_very_start_holds_nobody_up(folder: Path) -> None:
    others_trials(folder, 1, 2)
    engine = create_engine(f"sqlite:///{folder / 'search.db'}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE trials SET datetime_start = '2020-01-01 00:00:00.000000'"))
    engine.dispose()
    found = run(folder)
    assert found["trials"]["complete"] + found["trials"]["stopped"] == 2


def commands(folder: Path) -> tuple[list[str], dict[str, str]]:
    for name in packages():
        (folder / name).symlink_to(ROOT / name)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "DVC_", "PYTEST_"))}
    return [sys.executable, "-m", "crosscheck", "search", "--space", "space.yaml"], env


@pytest.mark.soak
def test_two_workers_share_one_database(folder: Path) -> None:
    change_space(folder / "space.yaml", study={"trials": 4, "workers": 2}, final={"models": 1})
    words, env = commands(folder)
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith("Winner: trial ")
    assert query(folder, "SELECT count(*), count(DISTINCT number) FROM trials") == [(4, 4)]
    assert {name for name in runs_below_the_parent(folder) if name.startswith("trial")} == {
        f"trial {number}" for number in range(4)
    }


def trained_in(folder: Path) -> int:
    """How many trials have ended; none before the tables are made."""
    with contextlib.suppress(OperationalError):
        return int(query(folder, "SELECT count(*) FROM trials WHERE state IN ('COMPLETE', 'PRUNED')")[0][0])
    return 0


@pytest.mark.soak
def test_two_sessions_share_one_search_and_a_killed_one_is_missed_by_nobody(folder: Path) -> None:
    change_space(folder / "space.yaml", study={"trials": 40}, final={"models": 1, "seeds": [0]})
    words, env = commands(folder)
    victim, other = (subprocess.Popen(words, cwd=folder, env=env, start_new_session=True) for _ in range(2))
    file = folder / "search.db"
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        # So that both are at work, whatever the machine's speed.
        if file.exists() and (folder / "mlflow.db").exists() and trained_in(folder) >= 4:
            break
        time.sleep(0.05)
    assert victim.poll() is None
    os.killpg(victim.pid, signal.SIGKILL)
    victim.wait()
    assert other.wait(timeout=600) == 0
    found = json.loads((folder / "space" / "report.json").read_text(encoding="utf-8"))
    assert found["trials"]["complete"] + found["trials"]["stopped"] == 40

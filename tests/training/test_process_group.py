"""How the processes of a training meet, and what they say when they cannot, or when one of them fails."""

import json
import signal
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
import torch
from helpers.process_groups import kill_a_worker, train_command
from helpers.project import Project
from helpers.servers import free_port
from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

from crosscheck.core.errors import InputError
from crosscheck.training import process_group
from crosscheck.training.trainer import DivergedError

CPU = torch.device("cpu")


@pytest.fixture
def one_of_two(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of the first of two processes, where the other one does not come up."""
    env = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("GLOO_SOCKET_IFNAME", raising=False)
    monkeypatch.setattr(process_group, "PATIENCE", timedelta(seconds=1))
    return monkeypatch


def cause() -> str:
    """The line in which meeting the other process ends."""
    with pytest.raises(InputError) as caught, process_group.join(2, CPU):
        pass
    line = str(caught.value)
    assert len(line.splitlines()) == 1 and line.startswith("the training's 2 processes cannot reach each other (")
    return line


def test_a_port_that_is_taken_is_told_in_the_engines_words(one_of_two: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        one_of_two.setenv("MASTER_PORT", str(port))
        line = cause()
    assert "address already in use" in line
    assert f"; check RANK=0, WORLD_SIZE=2, MASTER_ADDR=127.0.0.1, MASTER_PORT={port}: the port must be free" in line


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("MASTER_PORT", "99999", "port must have value from 0 to 65535 but was 99999"),
        ("MASTER_PORT", "", "environment variable MASTER_PORT expected, but not set"),
        ("RANK", "first", "invalid literal for int"),
    ],
)
def test_a_wrong_variable_of_the_group_is_told_in_the_engines_words(
    name: str, value: str, words: str, one_of_two: pytest.MonkeyPatch
) -> None:
    one_of_two.setenv(name, value)
    line = cause()
    assert words in line and f"{name}={value}" in line


def test_a_host_that_is_not_known_is_told_while_it_is_waited_for(
    one_of_two: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise torch.distributed.DistNetworkError("The client socket has timed out\nframe #1: somewhere")

    one_of_two.setattr(torch.distributed, "init_process_group", refuse)
    one_of_two.setenv("MASTER_ADDR", "nowhere.invalid")
    assert "(The client socket has timed out); check " in cause()
    assert capsys.readouterr().err.startswith("warning: MASTER_ADDR is 'nowhere.invalid', which is not known here (")


def test_a_network_interface_that_is_not_there_is_told_with_those_that_are(one_of_two: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("[enforce fail at /x/gloo/device.cc:84] ifa != nullptr. Unable to find address for: eth77")

    one_of_two.setattr(torch.distributed, "init_process_group", refuse)
    one_of_two.setenv("GLOO_SOCKET_IFNAME", "eth77")
    assert cause() == (
        "the training's 2 processes cannot reach each other (ifa != nullptr. Unable to find address for: eth77); "
        f"GLOO_SOCKET_IFNAME is 'eth77': unset it, or set it to one of {', '.join(sorted(psutil.net_if_addrs()))}"
    )


def test_a_group_that_lost_its_connection_says_so_in_the_engines_words(tmp_path: Path) -> None:
    file = tmp_path / "error.json"
    message = {"message": "InputError: another process of the training was lost (Timed out)", "extraInfo": {}}
    file.write_text(json.dumps({"message": message | {"extraInfo": {"timestamp": "1"}}}), encoding="utf-8")
    failures = {
        0: ProcessFailure(0, 1, -signal.SIGTERM, "none"),
        1: ProcessFailure(1, 2, process_group.LOST_ANOTHER, str(file)),
    }
    with pytest.raises(InputError, match=r"^another process of the training was lost \(Timed out\)$"):
        process_group._report(failures, 2)
    failures[0] = ProcessFailure(0, 1, -signal.SIGKILL, "none")
    with pytest.raises(InputError, match=r"^process 0 of the training's 2 was ended by SIGKILL"):
        process_group._report(failures, 2)


@pytest.mark.soak
@pytest.mark.parametrize(
    "env", [{"GLOO_SOCKET_IFNAME": "eth77"}, {"MASTER_ADDR": "nowhere.invalid", "MASTER_PORT": "1", "WORLD_SIZE": "9"}]
)
def test_two_processes_that_are_started_here_meet_or_say_in_one_line_why_not(
    env: dict[str, str], two_processes: Project
) -> None:
    two_processes.set(train={"epochs": 1})
    done = two_processes.run(sys.executable, *train_command(two_processes), check=False, **env)
    if "GLOO_SOCKET_IFNAME" in env:
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert "Unable to find address for: eth77); GLOO_SOCKET_IFNAME is 'eth77': unset it" in done.stderr
    else:
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", [InputError, DivergedError])
def test_a_mistake_in_a_process_reaches_the_command_that_started_it(
    kind: type[InputError], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "error.json"
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(file))
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda *_, **__: None)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    with pytest.raises(SystemExit), process_group.join(2, CPU):
        raise kind("params.yaml: something is wrong")
    failures = {
        0: ProcessFailure(0, 1, process_group.LOST_ANOTHER, "none"),
        1: ProcessFailure(1, 2, 1, str(file)),
    }
    with pytest.raises(InputError, match=r"^params\.yaml: something is wrong$"):
        process_group._report(failures, 2)


def start(project: Project, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *words],
        cwd=project.folder,
        env=project.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.soak
@pytest.mark.parametrize("number", [0, 1])
def test_a_killed_process_ends_the_training_in_one_line_and_the_next_run_goes_on(
    two_processes: Project, number: int
) -> None:
    command = train_command(two_processes)
    two_processes.run(sys.executable, *command)
    checkpoint = two_processes.folder / "models" / "model.pt"
    expected = checkpoint.read_bytes()
    checkpoint.unlink()
    process = start(two_processes, *command)
    kill_a_worker(two_processes, process, number)
    _, complaints = process.communicate(timeout=240)
    assert process.returncode == 1
    assert complaints.splitlines() == [
        f"error: process {number} of the training's 2 was ended by SIGKILL; "
        "run the same command again: it goes on from the last epoch"
    ]
    assert not checkpoint.exists()
    assert "going on after epoch" in two_processes.run(sys.executable, *command).stderr
    assert checkpoint.read_bytes() == expected


@pytest.mark.soak
def test_torchrun_restarts_the_processes_and_they_go_on_from_the_saved_state(two_processes: Project) -> None:
    command = train_command(two_processes)
    two_processes.run(sys.executable, *command)
    checkpoint = two_processes.folder / "models" / "model.pt"
    expected = checkpoint.read_bytes()
    checkpoint.unlink()
    # Else gloo waits for the addresses of the processes that are gone.
    two_processes.env["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
    elastic = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--max-restarts=2"]
    process = start(two_processes, *elastic, *command)
    kill_a_worker(two_processes, process, 1)
    _, complaints = process.communicate(timeout=240)
    assert process.returncode == 0, complaints
    assert "going on after epoch" in complaints
    assert checkpoint.read_bytes() == expected


@pytest.mark.soak
def test_a_mistake_in_a_group_is_told_once(two_processes: Project) -> None:
    two_processes.set(model={"norm": "batch"})
    done = two_processes.run(sys.executable, *train_command(two_processes), check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1 and "model.norm is 'batch'" in done.stderr

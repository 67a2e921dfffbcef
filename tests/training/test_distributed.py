"""Training in several processes gives what one process gives, but for rounding, and ends cleanly when one dies."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from helpers.project import Project
from helpers.repository import ROOT
from helpers.servers import free_port
from numpy.typing import NDArray
from torch import multiprocessing
from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

from crosscheck.core.errors import InputError
from crosscheck.core.params import Params, load
from crosscheck.data.dataset import DataSet, Subset
from crosscheck.network import model
from crosscheck.pipeline import paths
from crosscheck.training import process_group
from crosscheck.training.distributed import ALONE, Group
from crosscheck.training.trainer import DivergedError, Trainer

CPU = torch.device("cpu")
EPOCHS = 3


def toy(count: int, seed: int) -> Subset:
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    images = random.integers(0, 256, (count, 24, 24, 1), dtype=np.uint8)
    images[labels == 1, :12] //= 4
    return Subset(images, labels)


def training(params: Params, group: Group, **model_changes: Any) -> Trainer:
    """28 images in batches of 9: the last batch holds one image, too few for every process to get one."""
    small = {"channels": 4, "further_channels": [5], "hidden": [40, 20], **model_changes}
    recipe = {"batch_size": 9, "epochs": EPOCHS, "momentum": 0.9, "lr": 0.05}
    torch.manual_seed(1)
    net = model.build(params.model.model_copy(update=small), DataSet(["a", "b"], 24, 24, 1, "stretch", 255))
    return Trainer(net, toy(28, 0), toy(7, 1), params.train.model_copy(update=recipe), CPU, group)


def run(learner: Trainer) -> Trainer:
    while len(learner.history) < EPOCHS:
        learner.run_epoch()
    return learner


def run_in_group(rank: int, folder: str, size: int) -> None:
    """One process of a group: it trains twice, once in one go and once from the state after the first epoch."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=size)
    params, group = load(ROOT / "params.yaml"), Group(rank, size)
    whole = training(params, group)
    whole.run_epoch()
    torch.save(whole.state(), f"{folder}/{rank}.pt")
    run(whole)
    resumed = training(params, group)
    if rank == 0:
        resumed.restore(torch.load(f"{folder}/0.pt", weights_only=True))
    resumed.agree()
    run(resumed)
    if rank == 0:
        torch.save({"whole": whole.state(), "resumed": resumed.state()}, f"{folder}/result.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 3])
def test_a_group_trains_as_one_process_does_and_resumes_to_the_bit(params: Params, tmp_path: Path, size: int) -> None:
    multiprocessing.spawn(run_in_group, (str(tmp_path), size), nprocs=size)
    states = torch.load(tmp_path / "result.pt", weights_only=True)
    alone = run(training(params, ALONE)).state()
    for name, weights in alone["weights"].items():
        torch.testing.assert_close(states["whole"]["weights"][name], weights, rtol=1e-4, atol=1e-6)
        assert torch.equal(states["whole"]["weights"][name], states["resumed"]["weights"][name]), name
    assert states["whole"]["history"] == states["resumed"]["history"]
    for mine, wanted in zip(states["whole"]["history"], alone["history"], strict=True):
        assert mine["train_accuracy"] == wanted["train_accuracy"]
        assert mine["val_accuracy"] == wanted["val_accuracy"]
        assert mine["train_loss"] == pytest.approx(wanted["train_loss"], abs=1e-5)
        assert mine["val_loss"] == pytest.approx(wanted["val_loss"], abs=1e-5)


@pytest.mark.parametrize("count", [1, 2, 7, 64])
@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_the_shares_of_a_batch_are_even_and_together_the_batch(size: int, count: int) -> None:
    batch: NDArray[np.int64] = np.arange(100, 100 + count)
    shares = [Group(rank, size).share_of(batch) for rank in range(size)]
    assert np.array_equal(np.concatenate([rows[:counted] for rows, counted in shares]), batch)
    assert max(counted for _, counted in shares) - min(counted for _, counted in shares) <= 1
    # Every process has something to run, since the others wait for its gradient.
    assert all(len(rows) for rows, _ in shares)


def test_a_group_refuses_batch_normalisation(params: Params) -> None:
    with pytest.raises(InputError, match=r"model\.norm is 'batch'.*train\.processes to 1"):
        training(params, Group(0, 2), norm="batch")


def test_another_number_of_processes_than_train_processes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    with pytest.raises(InputError, match=r"train\.processes is 2, but torchrun started 4"), process_group.join(2, CPU):
        pass


@pytest.mark.parametrize(
    ("processes", "env", "found"),
    [
        (1, {"RANK": "0", "WORLD_SIZE": "4"}, "RANK=0, WORLD_SIZE=4; if these are left over from another job, unset"),
        (2, {"RANK": "0"}, "RANK=0; if these are left over from another job, unset them"),
        (2, {"WORLD_SIZE": "many"}, "WORLD_SIZE=many; if these are left over"),
    ],
)
def test_what_another_job_left_in_the_environment_is_named(
    processes: int, env: dict[str, str], found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=f"but the environment has {found}"), process_group.join(processes, CPU):
        pass


def test_leftovers_that_say_one_process_do_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "nowhere.invalid", "MASTER_PORT": "x"}.items():
        monkeypatch.setenv(name, value)
    with process_group.join(1, CPU) as group:
        assert group == ALONE


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


def train_command(project: Project) -> list[str]:
    """The words of the stage's command after `python`."""
    words = [f"--{name}={path}" for name, path in paths.read_paths("train").items()]
    return ["-m", "stages.train", *words]


@pytest.fixture
def two_processes(copy_of_reproduced: Project) -> Project:
    copy_of_reproduced.set(train={"processes": 2, "epochs": 40, "momentum": 0.9}, split={"val": 3})
    copy_of_reproduced.run("dvc", "repro", "split")
    (copy_of_reproduced.folder / "models" / "model.pt").unlink()
    return copy_of_reproduced


def start(project: Project, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *words],
        cwd=project.folder,
        env=project.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def kill_a_worker(project: Project, process: subprocess.Popen[str], number: int) -> None:
    """Kill process `number` of the group once an epoch is saved."""
    until = time.monotonic() + 240
    while not list((project.folder / ".checkpoints").glob("*/last.pt")):
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.01)
    for child in psutil.Process(process.pid).children():
        if child.environ().get("RANK") == str(number):
            child.send_signal(signal.SIGKILL)


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


def ip(*words: str) -> bool:
    """Whether the command of iproute2 succeeds."""
    return subprocess.run(["ip", *words], capture_output=True, check=False).returncode == 0


@pytest.fixture
def two_hosts() -> Iterator[list[str]]:
    """Two network namespaces that reach each other as 10.77.0.1 and 10.77.0.2, and nothing else."""
    names = [f"crosscheck-{os.getpid()}-{number}" for number in (1, 2)]
    if not shutil.which("ip") or not ip("netns", "add", names[0]):
        pytest.skip("makes network namespaces: wants iproute2 and root's rights")
    try:
        assert ip("netns", "add", names[1])
        assert ip("link", "add", "wire", "netns", names[0], "type", "veth", "peer", "name", "wire", "netns", names[1])
        for number, name in enumerate(names, start=1):
            assert ip("-n", name, "address", "add", f"10.77.0.{number}/24", "dev", "wire")
            for device in ("lo", "wire"):
                assert ip("-n", name, "link", "set", device, "up")
        yield names
    finally:
        for name in names:
            ip("netns", "delete", name)


def start_on(hosts: list[str], projects: list[Project]) -> list[subprocess.Popen[str]]:
    """The commands of docs/how-to/several-hosts.md, one on each host."""
    processes = []
    for number, (host, project) in enumerate(zip(hosts, projects, strict=True)):
        meet = [f"--node-rank={number}", "--nproc-per-node=1", "--master-addr=10.77.0.1", "--master-port=29500"]
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", *meet, *train_command(project)]
        processes.append(
            subprocess.Popen(
                ["ip", "netns", "exec", host, *torchrun],
                cwd=project.folder,
                env={**project.env, "GLOO_SOCKET_IFNAME": "wire"},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    return processes


@pytest.mark.soak
def test_two_hosts_train_what_two_processes_train_also_after_one_was_lost(
    two_processes: Project, two_hosts: list[str], tmp_path: Path
) -> None:
    two_processes.run(sys.executable, *train_command(two_processes))
    checkpoint = two_processes.folder / "models" / "model.pt"
    expected = checkpoint.read_bytes()
    checkpoint.unlink()
    shutil.copytree(two_processes.folder, tmp_path / "second")
    projects = [two_processes, Project(tmp_path / "second")]

    processes = start_on(two_hosts, projects)
    kill_a_worker(two_processes, processes[1], 1)
    complaints = [process.communicate(timeout=240)[1] for process in processes]
    assert all(process.returncode != 0 for process in processes), complaints
    assert not checkpoint.exists()

    processes = start_on(two_hosts, projects)
    complaints = [process.communicate(timeout=240)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], complaints
    assert "going on after epoch" in complaints[0]
    assert checkpoint.read_bytes() == expected
    assert not (tmp_path / "second" / "models" / "model.pt").exists()

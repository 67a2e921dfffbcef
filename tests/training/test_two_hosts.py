"""Two hosts train what two processes of one host train."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.process_groups import kill_a_worker, train_command
from helpers.project import Project


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

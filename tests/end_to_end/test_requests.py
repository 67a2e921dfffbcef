"""What asks for an address outside of this machine."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.project import Project
from helpers.servers import free_port, session, stop, wait_for
from helpers.tracking import client_of

WATCH = """
import os, sys
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        name = arguments[1][0] if event == "socket.connect" and isinstance(arguments[1], tuple) else arguments[0]
        if isinstance(name, str) and name not in ("127.0.0.1", "localhost", "::1", "0.0.0.0", ""):
            with open(os.environ["WATCHED"], "a") as file:
                file.write(f"{event} {name}\\n")
sys.addaudithook(watch)
"""


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Settings with which every Python process notes each address outside of this machine that it asks for."""
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch" / "sitecustomize.py").write_text(WATCH, encoding="utf-8")
    log = tmp_path / "asked.txt"
    log.touch()
    yield {"PYTHONPATH": str(tmp_path / "watch"), "WATCHED": str(log)}
    assert log.read_text(encoding="utf-8") == ""


def test_the_watch_itself_notes_what_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(WATCH, encoding="utf-8")
    code = "import socket\ntry:\n    socket.getaddrinfo('collector.invalid', 443)\nexcept OSError:\n    pass"
    env = os.environ | {"PYTHONPATH": str(tmp_path), "WATCHED": str(tmp_path / "asked.txt")}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
    assert (tmp_path / "asked.txt").read_text(encoding="utf-8") == "socket.getaddrinfo collector.invalid\n"


@pytest.mark.slow
def test_sync_and_promote_ask_nobody(copy_of_reproduced: Project, watched: dict[str, str]) -> None:
    for name in ("sync", "promote"):
        copy_of_reproduced.run(sys.executable, "-m", "crosscheck", name, **watched)
    assert len(client_of(copy_of_reproduced).search_model_versions("name = 'crosscheck'")) == 1


@pytest.mark.slow
def test_make_ui_asks_nobody_and_starts_no_program_with_the_address(
    copy_of_reproduced: Project, watched: dict[str, str], tmp_path: Path
) -> None:
    project = copy_of_reproduced
    project.command("sync")
    port, log = free_port(), tmp_path / "ui.log"
    command = ["make", "-s", "-o", ".venv/.ready", "ui", f"PORT={port}"]
    address = f"sqlite:///{project.folder / 'mlflow.db'}?timeout=5.25"
    env = project.env | watched | {"MLFLOW_TRACKING_URI": address}
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, cwd=project.folder, env=env, stdout=output, stderr=output, start_new_session=True
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/health", server, log)
        words = [Path(f"/proc/{process}/cmdline").read_bytes() for process in session(server)]
        assert any(b"mlflow" in each for each in words)
        assert not [each for each in words if b"timeout=5.25" in each]
    finally:
        stop(server)

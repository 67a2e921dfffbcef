"""The server of the page to draw on, without a browser."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.demo import checkpoint, drawings, picture
from helpers.project import Project, make_project
from helpers.repository import ROOT
from helpers.servers import ask, free_port, stop, wait_for

from crosscheck.app import networks, server
from crosscheck.commands import demo
from crosscheck.network.checkpoint import load_checkpoint, save_checkpoint


def test_the_answer_holds_what_each_layer_computes(address: str, played: Project) -> None:
    pixels = drawings(500, 1).images[1]
    for network, name in enumerate(("model", "other")):
        answer = ask(address, "POST", f"/look?network={network}", picture(pixels[..., 0]), content_type="image/png")
        assert answer.status == 200
        line, _, planes = answer.read().partition(b"\n")
        header = json.loads(line)
        loaded = load_checkpoint(played.folder / "models" / f"{name}.pt")
        net, image = loaded.net, torch.from_numpy(pixels).permute(2, 0, 1)[None]
        with torch.inference_mode():
            expected = {"image": image.float(), "block1": net.block1(net.scale(image))}
            expected["block2"] = net.block2(expected["block1"])
            if name == "model":
                expected["hidden1"] = net.hidden1(net.flatten(expected["block2"]))
            else:
                expected["classify"] = net.classify(expected["block2"])
            odds = net(image).double().softmax(1)[0]
        assert header["probabilities"] == pytest.approx(odds.tolist(), abs=2e-6)
        assert header["label"] == int(odds.argmax())
        assert [layer["name"] for layer in header["layers"]] == list(expected)
        start = 0
        for layer, values in zip(header["layers"], expected.values(), strict=True):
            count = layer["channels"] * layer["height"] * layer["width"]
            levels = np.frombuffer(planes, np.uint8, count, start).astype(float)
            start += count
            shown = (levels / 127.5 - 1 if layer["signed"] else levels / 255) * layer["high"]
            wanted = values[0].numpy().ravel()
            np.testing.assert_allclose(shown[: wanted.size], wanted, atol=layer["high"] / 250 + 1e-6)
            assert layer["total"] == values.shape[1]
        assert start == len(planes)


@pytest.mark.parametrize(
    ("method", "path", "body", "content_type", "status", "said"),
    [
        ("POST", "/look?network=0", b"no image", "image/png", 422, "not an image in a format that Crosscheck reads"),
        ("POST", "/look?network=0", b"", "image/png", 422, "not an image"),
        ("POST", "/look?network=0", picture(np.zeros((9, 9), np.uint8))[:40], "image/png", 422, ""),
        ("POST", "/look?network=0", b"{}", "application/json", 415, "send an image"),
        ("POST", "/look?network=0", b"a=b", "text/plain", 415, "send an image"),
        ("POST", "/look?network=3", b"x", "image/png", 404, "there are 3 networks"),
        ("POST", "/look?network=-1", b"x", "image/png", 422, "greater than or equal to 0"),
        ("POST", "/look?network=0.5", b"x", "image/png", 422, "valid integer"),
        ("POST", "/look?network=0&epoch=7", b"x", "image/png", 404, "no snapshot of model after epoch 7"),
        ("POST", "/look?network=1&epoch=0", b"x", "image/png", 404, "no snapshot of other after epoch 0"),
        ("POST", "/look?network=0&more=1", b"x", "image/png", 422, "not permitted"),
        ("POST", "/look", b"x", "image/png", 422, "required"),
        ("POST", "/explain?network=0", b"no image", "image/png", 422, "not an image in a format that Crosscheck reads"),
        ("POST", "/explain?network=3", b"x", "image/png", 404, "there are 3 networks"),
        ("POST", "/explain?network=0", b"{}", "application/json", 415, "send an image"),
        ("GET", "/look?network=0", b"", "image/png", 404, ""),
        ("GET", "/../params.yaml", b"", "", 404, ""),
        ("GET", "/%2e%2e/server.py", b"", "", 404, ""),
        ("GET", "/docs", b"", "", 404, ""),
        ("GET", "/openapi.json", b"", "", 404, ""),
    ],
)
def test_what_is_wrong_in_a_request_is_said(
    address: str, method: str, path: str, body: bytes, content_type: str, status: int, said: str
) -> None:
    answer = ask(address, method, path, body, content_type=content_type)
    assert (answer.status, said in answer.read().decode()) == (status, True)


def test_an_image_that_is_too_large_is_refused_while_it_is_read(address: str) -> None:
    parts = (b"\0" * 2**20 for _ in range(17))
    answer = ask(address, "POST", "/look?network=0", parts, content_type="image/png")
    assert answer.status == 413
    assert b"up to 16 MiB" in answer.read()


def test_other_sites_and_other_machines_are_not_served(address: str) -> None:
    assert ask(address, "GET", "/networks", host="rebound.example").status == 400
    answer = ask(address, "GET", "/")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'; ")
    assert b"://" not in answer.read()
    port = address.rpartition(":")[2]
    with pytest.raises(ConnectionRefusedError):
        ask(f"http://127.0.0.2:{port}", "GET", "/")


def test_the_socket_is_one_whose_answers_asyncio_sends_without_delay() -> None:
    with demo.listen(0) as listener:
        assert (listener.family, listener.proto) == (socket.AF_INET, socket.IPPROTO_TCP)
        assert listener.getsockname()[0] == "127.0.0.1"


def test_networks_whose_files_have_one_name_are_told_apart_by_their_paths(tmp_path: Path) -> None:
    files = [
        tmp_path / folder / f"{name}.pt" for folder, name in (("models", "model"), ("mine", "model"), ("mine", "b"))
    ]
    for file in files:
        save_checkpoint(checkpoint(), file)
    nothing = tmp_path / "none"
    for first, *others in (files, files[::-1]):
        found = networks.find(first, nothing, nothing, nothing, tuple(others))
        named = {first, *others}
        assert {variant.name for variant in found} == {str(files[0]), str(files[1]), "b"}
        assert len(found) == len(named)
    found = networks.find(files[0], nothing, nothing, nothing, (files[2],))
    assert [variant.name for variant in found] == ["model", "b"]


def test_a_checkpoint_that_is_named_twice_is_listed_once(tmp_path: Path) -> None:
    trained, other, nothing = tmp_path / "model.pt", tmp_path / "other.pt", tmp_path / "none"
    for file in (trained, other):
        save_checkpoint(checkpoint(), file)
    (tmp_path / "link.pt").symlink_to(other)
    detour = tmp_path / "sub" / ".." / "other.pt"
    (tmp_path / "sub").mkdir()
    named = (other, trained, other, detour, tmp_path / "link.pt")
    found = networks.find(trained, nothing, nothing, nothing, named)
    assert [variant.name for variant in found] == ["model", "other"]


def test_only_a_large_network_gets_all_threads() -> None:
    small, large = (torch.nn.Sequential(torch.nn.Linear(n, n, device="meta")) for n in (1000, 10_000))
    assert [server.threads_for(net, 4) for net in (small, large)] == [1, 4]


def test_no_file_of_the_page_names_another_host() -> None:
    files = sorted((ROOT / "crosscheck" / "app" / "static").iterdir())
    assert {file.suffix for file in files} == {".css", ".html", ".js"}
    for file in files:
        assert "//" not in file.read_text(encoding="utf-8").replace("// ", "").replace("\n//", ""), file.name


def test_ctrl_c_ends_it_without_an_error(played: Project, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "demo.log"
    command = [sys.executable, "-m", "crosscheck", "demo", "--port", str(port)]
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, cwd=played.folder, env=played.env, stdout=output, stderr=output, start_new_session=True
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/networks", server, log)
        os.killpg(server.pid, signal.SIGINT)
        assert server.wait(timeout=60) == 0
    finally:
        if server.poll() is None:
            stop(server)
    assert log.read_text(encoding="utf-8").splitlines() == [
        f"http://127.0.0.1:{port} shows model, other, silent; Ctrl-C stops it"
    ]


def test_what_keeps_the_page_from_coming_up_is_one_line(played: Project, address: str, tmp_path: Path) -> None:
    def fault(folder: Path, *words: str) -> str:
        done = Project(folder).run("python", "-m", "crosscheck", "demo", *words, check=False)
        assert done.returncode == 1
        assert not done.stdout
        return done.stderr.strip()

    port = address.rpartition(":")[2]
    assert fault(played.folder, "--port", port) == (
        f"error: a demo runs at http://127.0.0.1:{port} and shows model, other, silent; "
        f"open it, or choose another port: make demo DEMO_PORT={int(port) + 1}"
    )
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        taken = silent.getsockname()[1]
        refused = (
            f"error: port {taken} cannot be used (Address already in use); choose another port: make demo DEMO_PORT="
        )
        assert fault(played.folder, "--port", str(taken)).startswith(refused)
    assert fault(played.folder, "--port", "70000") == (
        "error: port 70000 cannot be used (ports go from 0 to 65535); choose another port: make demo DEMO_PORT=8001"
    )
    bare = make_project(tmp_path / "bare").folder
    missing = "error: models/model.pt: not found; there is no network yet: run `make repro` first"
    assert fault(bare, "--port", "0") == missing
    (bare / "models").mkdir(exist_ok=True)
    (bare / "models" / "mine.pt").write_bytes(b"no checkpoint")
    assert "models/mine.pt: not a readable checkpoint" in fault(bare, "--port", "0")

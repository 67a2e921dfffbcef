"""The page to draw on as a user has it: `make demo`, opened in a real headless Chromium."""

import http.client
import io
import json
import math
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.project import Project, make_project
from helpers.repository import ROOT
from helpers.servers import free_port, stop, wait_for
from PIL import Image
from torch.nn import functional

from crosscheck.app import networks, server
from crosscheck.commands import demo
from crosscheck.core.files import sha256, write_json
from crosscheck.core.params import ModelParams, SynthesizeParams, load
from crosscheck.data import synthetic
from crosscheck.data.dataset import DataSet, Subset
from crosscheck.evaluation import ood
from crosscheck.network import model
from crosscheck.network.checkpoint import Checkpoint, load_checkpoint, save_checkpoint

SIZE = 48
DATA_SET = DataSet(["circles", "crosses"], SIZE, SIZE, 1, "stretch", 255)
PHONE = {"width": 360, "height": 740}


def drawings(first: int, count: int) -> Subset:
    shapes = load(ROOT / "params.yaml").synthesize
    varied = SynthesizeParams.model_validate(
        {**shapes.model_dump(), "size": SIZE, "rotation": 12.0, "stroke_spread": 2.0, "displacement": 6.0}
    )
    ink = [synthetic.draw(varied, label, first + index) for index in range(count) for label in (0, 1)]
    return Subset(np.where(np.stack(ink), 0, 255).astype(np.uint8)[..., None], np.tile([0, 1], count))


def train(net: torch.nn.Module, images: Subset, steps: int) -> None:
    pixels = torch.from_numpy(images.images).permute(0, 3, 1, 2)
    labels = torch.from_numpy(images.labels)
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.003)
    order = torch.Generator().manual_seed(0)
    for _ in range(steps):
        rows = torch.randint(len(labels), (64,), generator=order)
        optimizer.zero_grad()
        functional.cross_entropy(net(pixels[rows]), labels[rows]).backward()
        optimizer.step()
    net.eval()


def checkpoint(**changes: Any) -> Checkpoint:
    shipped = load(ROOT / "params.yaml").model
    small = {"channels": 6, "further_channels": [8], "hidden": [16], "invert": True}
    wanted = ModelParams.model_validate({**shipped.model_dump(), **small, **changes})
    torch.manual_seed(0)
    return Checkpoint(model.build(wanted, DATA_SET), wanted, DATA_SET)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a trained network, its state before training as a snapshot, and another network beside it."""
    project = make_project(tmp_path_factory.mktemp("demo") / "project")
    models, split = project.folder / "models", project.folder / "data" / "split"
    images, val = drawings(0, 150), drawings(150, 60)
    split.mkdir(parents=True)
    write_json(split / "dataset.json", DATA_SET.__dict__)
    for name, subset in (("train", images), ("val", val)):
        np.save(split / f"{name}.npy", subset.images)
        np.save(split / f"{name}_labels.npy", subset.labels)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    made = checkpoint()
    save_checkpoint(made, models / "snapshots" / "epoch_000.pt")
    train(made.net, images, 150)
    torch.set_num_threads(threads)
    save_checkpoint(made, models / "model.pt")
    write_json(models / "snapshots" / "index.json", {"epochs": [0], "left_out": ""})
    digest = sha256(models / "model.pt")
    ood.save_detector(ood.fit_detector(made.net, images, val, digest), models / "ood_detector.npz")
    save_checkpoint(checkpoint(head="convolution", hidden=[], channels=3), models / "other.pt")
    return project


@pytest.fixture(scope="module")
def address(played: Project) -> Iterator[str]:
    """Where `make demo` shows the networks of the project."""
    port, log = free_port(), played.folder.parent / "demo.log"
    # The environment of the tests stands for .venv.
    command = ["make", "-s", "-o", ".venv/.ready", "demo", f"DEMO_PORT={port}"]
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, cwd=played.folder, env=played.env, stdout=output, stderr=output, start_new_session=True
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/networks", server, log)
        yield f"http://127.0.0.1:{port}"
        printed = log.read_text(encoding="utf-8").splitlines()
        assert printed == [f"http://127.0.0.1:{port} shows model, other; Ctrl-C ends it"]
    finally:
        stop(server)


class Page:
    """The page in the browser, with what a user does on it."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self.problems: list[str] = []
        page.set_default_timeout(30_000)
        page.on("console", lambda message: self.problems.append(message.text))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.route(lambda url: not url.startswith(address), lambda route: self.problems.append(route.request.url))
        page.goto(address)
        self.wait("document.body.dataset.answers")

    def wait(self, condition: str) -> None:
        self.page.wait_for_function(f"() => {condition}")

    def text(self, selector: str) -> str:
        return str(self.page.inner_text(selector))

    def see(self, verdict: str) -> None:
        """Wait until all questions are answered, and for this verdict."""
        self.wait(f"document.getElementById('verdict').textContent.startsWith({verdict!r})")

    def stroke(self, points: list[tuple[float, float]]) -> None:
        """Draw with the mouse through points, given as shares of the paper."""
        box = self.page.locator("#drawing").bounding_box()
        at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
        self.page.mouse.move(*at[0])
        self.page.mouse.down()
        for point in at[1:]:
            self.page.mouse.move(*point)
        self.page.mouse.up()

    def maps(self, layer: int) -> list[str]:
        """The pictures of a layer's channels, as PNG."""
        script = "layer => [...document.querySelectorAll('#layers figure')[layer].querySelectorAll('canvas')]"
        found: list[str] = self.page.evaluate(script + ".map(canvas => canvas.toDataURL())", layer)
        return found


@pytest.fixture
def open_page(browser: Any, address: str) -> Iterator[Callable[..., Page]]:
    opened: list[Page] = []

    def run(**options: Any) -> Page:
        opened.append(Page(browser.new_page(**options), address))
        return opened[-1]

    yield run
    for page in opened:
        page.page.close()
    assert [page.problems for page in opened] == [[]] * len(opened)


CIRCLE = [(0.5 + 0.3 * math.cos(turn / 6), 0.48 + 0.31 * math.sin(turn / 6)) for turn in range(39)]
FALLING, RISING = [(0.22, 0.2), (0.5, 0.49), (0.78, 0.78)], [(0.24, 0.8), (0.5, 0.52), (0.76, 0.22)]


def test_a_circle_and_a_cross_that_are_drawn_are_told_apart_and_every_layer_responds(
    open_page: Callable[..., Page], tmp_path: Path
) -> None:
    page = open_page(viewport={"width": 1400, "height": 1000})
    assert page.text("#verdict") == "Nothing is drawn yet."
    seen = [[page.maps(layer) for layer in range(4)]]
    page.stroke(CIRCLE)
    page.see("circles, ")
    page.page.screenshot(path=tmp_path / "circle.png")
    seen.append([page.maps(layer) for layer in range(4)])
    page.page.get_by_role("button", name="Clear").click()
    page.see("Nothing is drawn")
    page.stroke(FALLING)
    page.stroke(RISING)
    page.see("crosses, ")
    page.page.screenshot(path=tmp_path / "cross.png", full_page=True)
    seen.append([page.maps(layer) for layer in range(4)])
    for layer, channels in enumerate([1, 6, 8, 1]):
        shown = [each[layer] for each in seen]
        assert all(len(each) == channels for each in shown)
        assert shown[0] != shown[1] != shown[2]
    page.page.get_by_role("button", name="Undo").click()
    page.page.get_by_role("button", name="Undo").click()
    page.see("Nothing is drawn")


def test_every_network_answers_and_any_can_be_chosen_and_taken_back_in_time(open_page: Callable[..., Page]) -> None:
    page = open_page(viewport={"width": 1400, "height": 1000})
    page.stroke(CIRCLE)
    page.wait("['answer-0', 'answer-1'].every(id => /circles|crosses|unlike/.test(document.getElementById(id).value))")
    trained = page.maps(1)
    slider = page.page.get_by_role("slider", name="Training")
    assert page.text("#epoch-shown") == "trained"
    slider.focus()
    page.page.keyboard.press("Home")
    page.wait("document.getElementById('distance').textContent.startsWith('For this state')")
    assert page.text("#epoch-shown") == "after epoch 0"
    assert page.maps(1) != trained
    page.page.keyboard.press("End")
    page.see("circles, ")
    page.page.get_by_role("radio", name="other").check()
    page.wait("document.querySelectorAll('#layers figure').length === 4")
    page.wait("document.querySelectorAll('#layers figure')[3].textContent.startsWith('classify: a map for each class')")
    assert page.text("#about").startswith("other: convolutions 3, 8; pooling max; head convolution; ")
    assert not slider.is_visible()
    # The drawing is still there.
    assert page.text("#verdict") != "Nothing is drawn yet."


def test_an_odd_image_is_unlike_anything_and_what_is_no_image_is_a_line(
    open_page: Callable[..., Page], tmp_path: Path
) -> None:
    page = open_page(viewport={"width": 1400, "height": 1000})
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    (tmp_path / "text.png").write_text("no image", encoding="utf-8")
    chooser = page.page.get_by_label("Image", exact=True)
    chooser.set_input_files(tmp_path / "noise.png")
    page.see("Unlike anything it was trained on")
    assert page.text("#answer-0") in ("", "unlike all")
    drawn = page.page.evaluate("document.getElementById('drawing').toDataURL()")
    assert drawn == page.maps(0)[0]
    page.page.get_by_role("button", name="Clear").click()
    page.see("Nothing is drawn")
    # Dropped instead of chosen: a circle.
    page.page.evaluate(
        """bytes => {
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([Uint8Array.from(bytes)], "circle.png", { type: "image/png" }));
            document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
        }""",
        list(picture(drawings(700, 1).images[0, ..., 0])),
    )
    page.see("circles, ")
    chooser.set_input_files(tmp_path / "text.png")
    page.wait("document.getElementById('problem').textContent.startsWith('No answer: this file is no image')")
    page.page.get_by_role("button", name="Clear").click()
    page.see("Nothing is drawn")
    assert page.text("#problem") == ""
    # The browser itself notes the refusal.
    assert len(page.problems) == 1
    assert "422" in page.problems.pop()


def test_it_works_by_finger_on_a_phone(open_page: Callable[..., Page], tmp_path: Path) -> None:
    page = open_page(viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2)
    box = page.page.locator("#drawing").bounding_box()
    verdict = page.page.locator("#verdict").bounding_box()
    assert box["y"] + box["height"] <= PHONE["height"]
    assert verdict["y"] + verdict["height"] <= box["y"]
    finger = page.page.context.new_cdp_session(page.page)
    kinds = ["touchStart", *["touchMove"] * (len(CIRCLE) - 1)]
    for kind, (x, y) in zip(kinds, CIRCLE, strict=True):
        at = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [at]})
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.see("circles, ")
    page.page.screenshot(path=tmp_path / "phone.png", full_page=True)
    assert page.page.evaluate("scrollY") == 0
    # Nothing moved under the finger, and nothing sticks out at the side.
    assert page.page.locator("#drawing").bounding_box() == box
    assert page.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    for button in page.page.locator("button, .button").all():
        assert button.bounding_box()["height"] >= 44


def test_it_works_by_keyboard_alone(open_page: Callable[..., Page], tmp_path: Path) -> None:
    page = open_page(viewport={"width": 1400, "height": 1000})
    keys = page.page.keyboard

    def go(first: str, second: str, times: int) -> None:
        keys.down(first)
        for _ in range(times):
            keys.down(second)
        keys.up(first)
        keys.up(second)

    keys.press("Tab")
    assert page.page.evaluate("document.activeElement.id") == "drawing"
    # From the middle to the upper left, down across; then to the lower left, up across.
    go("ArrowLeft", "ArrowUp", 19)
    keys.press("Space")
    assert page.text("#pen-state") == "The pen is down."
    go("ArrowRight", "ArrowDown", 38)
    keys.press("Space")
    for _ in range(10):
        keys.press("Shift+ArrowLeft")
    keys.press("Space")
    go("ArrowRight", "ArrowUp", 38)
    keys.press("Space")
    page.page.screenshot(path=tmp_path / "keyboard.png")
    page.see("crosses, ")
    page.wait("document.getElementById('spoken').textContent.startsWith('crosses, ')")
    drawn = page.maps(0)
    keys.press("Delete")
    page.see("Nothing is drawn")
    keys.press("Backspace")
    page.see("crosses, ")
    assert page.maps(0) == drawn
    reached = []
    for _ in range(7):
        keys.press("Tab")
        reached.append(page.page.evaluate("document.activeElement.id || document.activeElement.name"))
    assert reached[:4] == ["undo", "clear", "file", "width"]
    assert {"network", "epoch"} <= set(reached)


def test_every_picture_and_control_has_a_name(open_page: Callable[..., Page]) -> None:
    page = open_page(viewport={"width": 1400, "height": 1000})
    page.stroke(CIRCLE)
    page.see("circles, ")
    nameless = page.page.evaluate(
        "() => [...document.querySelectorAll('canvas, meter, input, button')].filter(each => !(each.ariaLabel"
        " || [...each.labels ?? []].some(label => label.textContent.trim()) || each.textContent.trim()))"
        ".map(each => each.outerHTML)"
    )
    assert nameless == []
    assert page.page.get_by_role("img", name="block1 0: to").count() == 1
    assert page.page.get_by_role("img", name="Drawing. circles").count() == 1
    assert page.page.evaluate("document.documentElement.lang") == "en"


# The server, without a browser.


def ask(
    address: str, method: str, path: str, body: bytes | Iterator[bytes] = b"", **headers: str
) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, named)
    return connection.getresponse()


def picture(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


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
        ("POST", "/look?network=0", b"no image", "image/png", 422, "no image in a format that is read here"),
        ("POST", "/look?network=0", b"", "image/png", 422, "no image"),
        ("POST", "/look?network=0", picture(np.zeros((9, 9), np.uint8))[:40], "image/png", 422, ""),
        ("POST", "/look?network=0", b"{}", "application/json", 415, "send an image"),
        ("POST", "/look?network=0", b"a=b", "text/plain", 415, "send an image"),
        ("POST", "/look?network=2", b"x", "image/png", 404, "there are 2 networks"),
        ("POST", "/look?network=-1", b"x", "image/png", 422, "greater than or equal to 0"),
        ("POST", "/look?network=0.5", b"x", "image/png", 422, "valid integer"),
        ("POST", "/look?network=0&epoch=7", b"x", "image/png", 404, "no snapshot of model after epoch 7"),
        ("POST", "/look?network=1&epoch=0", b"x", "image/png", 404, "no snapshot of other after epoch 0"),
        ("POST", "/look?network=0&more=1", b"x", "image/png", 422, "not permitted"),
        ("POST", "/look", b"x", "image/png", 422, "required"),
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


def test_only_a_large_network_gets_all_threads() -> None:
    small, large = (torch.nn.Sequential(torch.nn.Linear(n, n, device="meta")) for n in (1000, 10_000))
    assert [server.threads_for(net, 4) for net in (small, large)] == [1, 4]


def test_no_file_of_the_page_names_another_host() -> None:
    files = sorted((ROOT / "crosscheck" / "app" / "static").iterdir())
    assert {file.suffix for file in files} == {".css", ".html", ".js"}
    for file in files:
        assert "//" not in file.read_text(encoding="utf-8").replace("// ", "").replace("\n//", ""), file.name


def test_what_keeps_the_page_from_coming_up_is_one_line(played: Project, address: str, tmp_path: Path) -> None:
    def fault(folder: Path, *words: str) -> str:
        done = Project(folder).run("python", "-m", "crosscheck", "demo", *words, check=False)
        assert done.returncode == 1
        assert not done.stdout
        return done.stderr.strip()

    port = address.rpartition(":")[2]
    assert fault(played.folder, "--port", port) == (
        f"error: a demo runs at http://127.0.0.1:{port} and shows model, other; open it, or choose another: "
        f"make demo DEMO_PORT={int(port) + 1}"
    )
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        taken = silent.getsockname()[1]
        refused = f"error: port {taken} cannot be used (Address already in use); choose another: make demo DEMO_PORT="
        assert fault(played.folder, "--port", str(taken)).startswith(refused)
    assert fault(played.folder, "--port", "70000") == (
        "error: port 70000 cannot be used (ports go from 0 to 65535); choose another: make demo DEMO_PORT=8001"
    )
    bare = make_project(tmp_path / "bare").folder
    missing = "error: models/model.pt: not found; there is no network yet: run `make repro` first"
    assert fault(bare, "--port", "0") == missing
    (bare / "models").mkdir(exist_ok=True)
    (bare / "models" / "mine.pt").write_bytes(b"no checkpoint")
    assert "models/mine.pt: not a readable checkpoint" in fault(bare, "--port", "0")

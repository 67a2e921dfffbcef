"""The page to draw on as a user has it: `make demo`, opened in a real headless Chromium."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.demo import drawings, picture
from PIL import Image

PHONE = {"width": 360, "height": 740}


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
    page.wait("document.getElementById('problem').textContent.startsWith('No answer: this file is not an image')")
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

"""The page to draw on as a user has it: `make demo`, opened in a real headless Chromium."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from helpers.demo import drawings, picture
from helpers.demo_page import CIRCLE, EMPTY, FALLING, RISING, DemoPage
from PIL import Image

SMALL_PHONE = {"width": 360, "height": 740}


def test_a_circle_and_a_cross_that_are_drawn_are_told_apart_and_every_layer_responds(
    open_page: Callable[..., DemoPage], tmp_path: Path
) -> None:
    page = open_page(viewport={"width": 1400, "height": 1000})
    seen = []
    page.stroke(CIRCLE)
    page.see("circles, ")
    page.page.screenshot(path=tmp_path / "circle.png")
    seen.append([page.maps(layer) for layer in range(4)])
    page.clear()
    page.stroke(FALLING)
    page.stroke(RISING)
    page.see("crosses, ")
    page.page.screenshot(path=tmp_path / "cross.png", full_page=True)
    seen.append([page.maps(layer) for layer in range(4)])
    for layer, channels in enumerate([1, 6, 8, 1]):
        shown = [each[layer] for each in seen]
        assert all(len(each) == channels for each in shown)
        assert shown[0] != shown[1]
    page.page.get_by_role("button", name="Undo").click()
    page.page.get_by_role("button", name="Undo").click()
    page.see(EMPTY)


def test_every_network_answers_and_any_can_be_chosen_and_taken_back_in_time(open_page: Callable[..., DemoPage]) -> None:
    page = open_page(viewport={"width": 1400, "height": 1000})
    page.stroke(CIRCLE)
    page.wait("['answer-0', 'answer-1'].every(id => /circles|crosses|unlike/.test(document.getElementById(id).value))")
    trained = page.maps(1)
    slider = page.page.get_by_role("slider", name="Training")
    assert page.text("#epoch-shown") == "trained"
    slider.focus()
    page.page.keyboard.press("Home")
    page.wait("document.getElementById('distance').textContent.startsWith('No detector here')")
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
    assert page.text("#verdict") != EMPTY


def test_an_odd_image_is_unlike_anything_and_what_is_no_image_is_a_line(
    open_page: Callable[..., DemoPage], tmp_path: Path
) -> None:
    page = open_page(viewport={"width": 1400, "height": 1000})
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    (tmp_path / "text.png").write_text("no image", encoding="utf-8")
    chooser = page.page.get_by_label("Image", exact=True)
    chooser.set_input_files(tmp_path / "noise.png")
    page.see("Unlike its training images")
    assert page.text("#answer-0") in ("", "unlike all")
    drawn = page.page.evaluate("document.getElementById('drawing').toDataURL()")
    assert drawn == page.maps(0)[0]
    page.clear()
    # Dropped instead of chosen: a circle.
    page.drop("circle.png", "image/png", picture(drawings(700, 1).images[0, ..., 0]))
    page.see("circles, ")
    chooser.set_input_files(tmp_path / "text.png")
    said = "text.png: it is not an image in a format that Crosscheck reads."
    page.wait(f"document.getElementById('problem').textContent === {said!r}")
    # The answer to the circle still stands.
    page.see("circles, ")
    page.clear()
    assert page.text("#problem") == ""
    # The browser itself notes the refusal.
    assert len(page.problems) == 1
    assert "422" in page.problems.pop()


def test_it_works_by_finger_on_a_phone(open_page: Callable[..., DemoPage], tmp_path: Path) -> None:
    page = open_page(viewport=SMALL_PHONE, has_touch=True, is_mobile=True, device_scale_factor=2)
    box = page.page.locator("#drawing").bounding_box()
    verdict = page.page.locator("#verdict").bounding_box()
    assert box["y"] + box["height"] <= SMALL_PHONE["height"]
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
    assert page.page.evaluate("document.documentElement.scrollWidth") <= SMALL_PHONE["width"]
    for button in page.page.locator("button, .button").all():
        assert button.bounding_box()["height"] >= 44


def test_it_works_by_keyboard_alone(open_page: Callable[..., DemoPage], tmp_path: Path) -> None:
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
    page.see(EMPTY)
    keys.press("Backspace")
    page.see("crosses, ")
    assert page.maps(0) == drawn
    reached = []
    for _ in range(8):
        keys.press("Tab")
        reached.append(page.page.evaluate("document.activeElement.id || document.activeElement.name"))
    assert reached == ["undo", "clear", "file", "width", "explain", "network", "play", "epoch"]


def test_every_picture_and_control_has_a_name(open_page: Callable[..., DemoPage]) -> None:
    page = open_page(viewport={"width": 1400, "height": 1000})
    page.stroke(CIRCLE)
    page.see("circles, ")
    nameless = page.page.evaluate(
        "() => [...document.querySelectorAll('canvas, input, button')].filter(each => !(each.ariaHidden"
        " || each.ariaLabel || [...each.labels ?? []].some(label => label.textContent.trim())"
        " || each.textContent.trim()))"
        ".map(each => each.outerHTML)"
    )
    assert nameless == []
    assert page.page.get_by_role("img", name="block1 0: to").count() == 1
    assert page.page.get_by_role("img", name="Drawing. circles").count() == 0
    assert page.page.get_by_role("application", name="Drawing. circles").count() == 1
    assert page.page.evaluate("document.documentElement.lang") == "en"

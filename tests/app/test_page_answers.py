"""What the page says: nothing on empty paper, undecided, why; what it plays, and what it does not take."""

from collections.abc import Callable

import numpy as np
import pytest
from helpers.demo import drawings, picture
from helpers.demo_page import CIRCLE, DESKTOP, EMPTY, PHONE, DemoPage

CONTROLS = ("#play", "#epoch", "#width", "#explain", "#networks")


def noise() -> bytes:
    return picture(np.random.default_rng(0).integers(0, 256, (60, 60), dtype=np.uint8))


def test_on_empty_paper_it_says_draw_and_nothing_else(open_page: Callable[..., DemoPage]) -> None:
    page = open_page(viewport=DESKTOP)

    def is_empty() -> bool:
        shown = page.text("#answer").split("\n", 1)[1].strip()
        answers = [page.text(f"#answer-{index}") for index in range(3)]
        return shown == EMPTY and answers == [""] * 3 and page.page.locator("#layers canvas").count() == 0

    assert is_empty()
    assert "%" not in page.text("main")
    assert page.page.get_by_role("button", name="Play").is_disabled()
    page.draw_cross()
    page.see("crosses, ")
    page.see_why("speaks for crosses")
    assert not is_empty()
    page.clear()
    assert is_empty()
    assert not page.page.locator("#reasons").is_visible()
    # Nothing was asked, so nothing comes later.
    page.page.wait_for_timeout(900)
    assert is_empty()


def test_where_both_classes_have_the_same_figure_it_is_undecided(open_page: Callable[..., DemoPage]) -> None:
    page = open_page(viewport=DESKTOP)
    page.stroke(CIRCLE)
    page.wait("document.getElementById('answer-2').textContent === 'undecided'")
    page.page.get_by_role("radio", name="silent").check()
    page.wait("document.getElementById('verdict').textContent === 'Undecided'")
    assert page.text("#odds").split() == ["circles", "50.0%", "crosses", "50.0%"]
    page.see_why("No single place matters")
    assert not page.page.locator("#reasons").is_visible()


def test_an_answer_is_explained_on_the_drawing_until_the_next_stroke(open_page: Callable[..., DemoPage]) -> None:
    page = open_page(viewport=DESKTOP)
    overlay = page.page.locator("#reasons")
    page.stroke(CIRCLE)
    page.see("circles, ")
    page.see_why("speaks for circles, most ")
    assert overlay.is_visible()
    assert page.place("#reasons")[2:] == pytest.approx([size - 2 for size in page.place("#sheet")[2:]], abs=1)
    assert page.page.locator("#most-for").is_visible()
    page.stroke([(0.5, 0.5), (0.52, 0.5)])
    page.see_why("circles")
    page.page.get_by_label("Explain on").uncheck()
    assert not overlay.is_visible()
    assert page.text("#why") == ""
    page.stroke([(0.5, 0.5), (0.52, 0.52)])
    page.page.wait_for_timeout(900)
    assert not overlay.is_visible()
    page.page.get_by_label("Explain on").check()
    page.see_why("speaks for")
    # The pen is on the paper, and the colours are gone before the answer comes.
    box = page.page.locator("#drawing").bounding_box()
    page.page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.page.mouse.down()
    assert not overlay.is_visible()
    page.page.mouse.up()


def test_what_it_does_not_know_is_not_explained(open_page: Callable[..., DemoPage]) -> None:
    page = open_page(viewport=DESKTOP)
    page.drop("noise.png", "image/png", noise())
    page.see("Unlike its")
    assert page.text("#distance").endswith("The probabilities mean nothing.")
    page.page.wait_for_timeout(900)
    assert page.text("#why") == ""
    assert not page.page.locator("#reasons").is_visible()


def test_the_training_is_played_from_the_first_snapshot_to_the_trained_network(
    open_page: Callable[..., DemoPage],
) -> None:
    page = open_page(viewport=DESKTOP)
    page.stroke(CIRCLE)
    page.see("circles, ")
    button = page.page.locator("#play")
    button.focus()
    page.page.keyboard.press("Space")
    page.wait("document.getElementById('epoch-shown').textContent === 'after epoch 0'")
    assert button.inner_text() == "Stop"
    page.wait("document.getElementById('distance').textContent.startsWith('No detector')")
    page.wait("document.getElementById('epoch-shown').textContent === 'trained'")
    page.wait("document.getElementById('play').textContent === 'Play'")
    page.see("circles, ")
    button.click()
    button.click()
    assert button.inner_text() == "Play"
    assert page.text("#epoch-shown") == "after epoch 0"
    page.page.wait_for_timeout(700)
    assert page.text("#epoch-shown") == "after epoch 0"


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_control_moves_whatever_the_answer_is(open_page: Callable[..., DemoPage], size: dict[str, int]) -> None:
    page = open_page(viewport=size)

    def places() -> list[list[float]]:
        return [page.place(selector) for selector in CONTROLS]

    before = places()
    page.stroke(CIRCLE)
    page.see("circles, ")
    assert places() == before
    page.see_why("speaks for")
    page.wait("document.getElementById('answer-2').textContent === 'undecided'")
    assert places() == before
    # Dragged along its whole length, the slider stays under the pointer.
    slider = page.page.locator("#epoch")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.page.mouse.move(box["x"] + box["width"] - 8, middle)
    page.page.mouse.down()
    for share in (0.7, 0.3, 0.02):
        page.page.mouse.move(box["x"] + share * box["width"], middle)
    page.wait("document.getElementById('distance').textContent.startsWith('No detector')")
    assert places() == before
    assert page.text("#epoch-shown") == "after epoch 0"
    page.page.mouse.up()
    page.drop("noise.png", "image/png", noise())
    page.page.get_by_role("slider", name="Training").press("End")
    page.see("Unlike its")
    assert places() == before
    page.drop("README.md", "text/markdown", b"# Words")
    assert page.text("#problem")
    assert places() == before


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_what_is_not_an_image_is_said_beside_the_paper(
    open_page: Callable[..., DemoPage], size: dict[str, int]
) -> None:
    page = open_page(viewport=size)
    page.drop("README.md", "text/markdown", b"# Words")
    assert page.text("#problem") == "README.md is not an image."
    assert page.page.get_by_role("alert").inner_text() == "README.md is not an image."
    paper, said = page.place("#sheet"), page.place("#problem")
    assert 0 <= said[1] - (paper[1] + paper[3]) < 20
    assert said[1] + said[3] <= size["height"]
    # A file without a type goes to the server.
    page.drop("notes", "", b"# Words")
    page.wait("document.getElementById('problem').textContent.startsWith('notes: it is not an image')")
    assert "422" in page.problems.pop()
    page.stroke(CIRCLE)
    page.see("circles, ")
    assert page.text("#problem") == ""


def test_a_colour_image_stays_one_where_another_network_or_state_is_asked(open_page: Callable[..., DemoPage]) -> None:
    page = open_page(viewport=DESKTOP)
    sent: list[bytes] = []
    page.page.on("request", lambda request: sent.append(request.post_data_buffer or b""))
    content = picture(np.repeat(drawings(700, 1).images[0], 3, axis=2))
    page.drop("circle.png", "image/png", content)
    page.see("circles, ")
    page.page.get_by_role("radio", name="silent").check()
    page.see("Undecided")
    assert set(sent) == {content}


def test_a_second_finger_draws_nothing(open_page: Callable[..., DemoPage]) -> None:
    page = open_page(viewport=PHONE, has_touch=True, is_mobile=True)
    box = page.page.locator("#drawing").bounding_box()
    finger = page.page.context.new_cdp_session(page.page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        at = [
            {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"], "id": number}
            for number, (x, y) in enumerate(points)
        ]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    def drawn() -> str:
        return str(page.page.evaluate("document.getElementById('drawing').toDataURL()"))

    before = drawn()
    touch("touchStart", (0.2, 0.2))
    touch("touchMove", (0.2, 0.3))
    one = drawn()
    assert one != before
    touch("touchStart", (0.2, 0.3), (0.8, 0.8))
    touch("touchMove", (0.2, 0.3), (0.8, 0.9))
    assert drawn() == one
    touch("touchEnd")

"""Everybody can use the page: names, landmarks, contrasts, targets; light and dark, large and small, on paper."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.accessibility import find_faults
from helpers.demo import picture
from helpers.demo_page import CIRCLE, DESKTOP, PHONE, DemoPage
from helpers.printed import is_blank, print_pages


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_state_of_the_page_keeps_anybody_out(
    open_page: Callable[..., DemoPage], size: dict[str, int], colours: str, tmp_path: Path
) -> None:
    page = open_page(viewport=size, color_scheme=colours)

    def expect_no_fault(state: str) -> None:
        page.page.screenshot(path=tmp_path / f"{state}.png", full_page=True)
        found = find_faults(page.page)
        assert found.faults == [], state
        assert found.passed > 100
        assert page.page.evaluate("document.documentElement.scrollWidth") <= size["width"]

    expect_no_fault("empty")
    page.stroke(CIRCLE)
    page.see("circles, ")
    page.see_why("speaks for")
    expect_no_fault("explained")
    page.page.get_by_role("button", name="Play").click()
    expect_no_fault("playing")
    page.drop("README.md", "text/markdown", b"# Words")
    expect_no_fault("refused")
    page.drop("noise.png", "image/png", picture(np.random.default_rng(0).integers(0, 256, (60, 60), dtype=np.uint8)))
    page.see("Unlike its")
    expect_no_fault("unlike")


def test_many_classes_can_be_scrolled_by_keyboard_on_a_phone(open_page: Callable[..., DemoPage]) -> None:
    page = open_page(viewport=PHONE)
    answer = page.page.locator("#answer")
    height = answer.bounding_box()["height"]
    assert answer.get_attribute("tabindex") is None
    show = "async names => { (await import('/verdict.js')).showClasses(names); }"
    page.page.evaluate(show, [f"class {number}" for number in range(20)])
    page.stroke(CIRCLE)
    page.wait("document.body.dataset.answers")
    assert answer.bounding_box()["height"] == height
    assert find_faults(page.page).faults == []
    answer.focus()
    page.page.keyboard.press("End")
    page.wait("document.getElementById('answer').scrollTop > 0")
    page.page.set_viewport_size(DESKTOP)
    page.wait("!document.getElementById('answer').hasAttribute('tabindex')")


def test_on_paper_there_is_the_answer_and_no_control(open_page: Callable[..., DemoPage]) -> None:
    page = open_page(viewport=DESKTOP, color_scheme="dark")
    page.stroke(CIRCLE)
    page.see("circles, ")
    page.see_why("speaks for")
    page.page.emulate_media(media="print")
    for selector in ("#drawing", "#reasons", "#why", "#verdict", "#odds", "#layers canvas"):
        assert page.page.locator(selector).first.is_visible(), selector
    controls = page.page.locator("button, input, .button, #keys").all()
    assert len(controls) > 8
    assert [control.evaluate("each => each.id") for control in controls if control.is_visible()] == []
    assert page.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.page.evaluate("getComputedStyle(document.body).color") == "rgb(26, 26, 26)"
    pages = print_pages(page.page)
    assert 1 <= len(pages) <= 2
    assert not any(is_blank(each) for each in pages)

"""Everybody can use the page: names, landmarks, contrasts, targets; light and dark, large and small, on paper."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.accessibility import look_for_faults
from helpers.demo import picture
from helpers.demo_page import CIRCLE, DESKTOP, PHONE, DemoPage


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_state_of_the_page_keeps_anybody_out(
    open_page: Callable[..., DemoPage], size: dict[str, int], colours: str, tmp_path: Path
) -> None:
    page = open_page(viewport=size, color_scheme=colours)

    def expect_no_fault(state: str, texts: int) -> None:
        page.page.screenshot(path=tmp_path / f"{state}.png", full_page=True)
        found = look_for_faults(page.page)
        assert found.faults == [], state
        assert found.texts >= texts
        assert found.controls >= 9
        assert found.nodes > 40

    expect_no_fault("empty", 15)
    page.stroke(CIRCLE)
    page.see("circles, ")
    page.see_why("speaks for")
    expect_no_fault("explained", 35)
    page.page.get_by_role("button", name="Play").click()
    expect_no_fault("playing", 30)
    page.drop("README.md", "text/markdown", b"# Words")
    expect_no_fault("refused", 30)
    page.drop("noise.png", "image/png", picture(np.random.default_rng(0).integers(0, 256, (60, 60), dtype=np.uint8)))
    page.see("Unlike its")
    expect_no_fault("unlike", 30)


PLANTED = {
    "contrast": "verdict.style.color = '#999'",
    "contrast 1.": "answer.style.opacity = 0.2",
    "letters of": "verdict.style.fontSize = '9px'",
    "application without a name": "drawing.removeAttribute('aria-label')",
    "slider without a name": "document.querySelector('label[for=epoch]').remove()",
    "button without a name": "undo.textContent = ''",
    "image without a name": "document.querySelector('canvas.map').removeAttribute('aria-label')",
    "target of": "undo.style.cssText = 'min-height: 0; height: 20px; padding: 0'",
    "edge with contrast": "undo.style.borderColor = '#ddd'",
    "jumps the order": "undo.tabIndex = 3",
    "hidden from who listens": "paper.setAttribute('aria-hidden', 'true')",
    "scrolls, but not by keyboard": "odds.style.cssText = 'height: 9px; overflow: auto'",
    "names nowhere": "answer.setAttribute('aria-labelledby', 'nowhere')",
    "stands twice": "undo.id = 'clear'",
    "headings of level 1": "document.querySelector('h1').outerHTML = '<p>Draw</p>'",
    "a level is left out": "document.querySelector('h2').outerHTML = '<h4 id=\"paper-title\">Paper</h4>'",
    "no language": "document.documentElement.removeAttribute('lang')",
    "no title": "document.title = ''",
    "cannot be enlarged": "document.querySelector('meta[name=viewport]').content += ', user-scalable=no'",
    "wider than the window": "paper.style.width = '3000px'",
    "picture without alt": "document.querySelector('main section').append(document.createElement('img'))",
    "outside of every landmark": "document.body.append('lost')",
    "0 main landmarks": "document.querySelector('main').setAttribute('role', 'none')",
    "landmarks region have the name": "document.getElementById('choice-title').textContent = 'Your drawing'",
}


IDS = """const [verdict, answer, drawing, undo, paper, odds] =
    ["verdict", "answer", "drawing", "undo", "paper", "odds"].map(id => document.getElementById(id));"""
KEEP = """() => {
    const viewport = document.querySelector("meta[name=viewport]");
    const [body, title, content] = [document.body.cloneNode(true), document.title, viewport.content];
    window.restore = () => {
        document.body.replaceWith(body);
        document.title = title;
        document.documentElement.lang = "en";
        viewport.content = content;
    };
}"""
RESTORE = "() => window.restore()"


def test_a_planted_fault_is_found(open_page: Callable[..., DemoPage]) -> None:
    page = open_page(viewport=DESKTOP)
    page.stroke(CIRCLE)
    page.see("circles, ")
    for said, fault in PLANTED.items():
        page.page.evaluate(KEEP)
        page.page.evaluate(f"() => {{ {IDS} {fault}; }}")
        faults = look_for_faults(page.page).faults
        assert any(said in each for each in faults), f"{said}: {faults}"
        page.page.evaluate(RESTORE)
        assert look_for_faults(page.page).faults == [], said


def test_on_paper_there_is_the_answer_and_no_control(open_page: Callable[..., DemoPage], tmp_path: Path) -> None:
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
    page.page.pdf(path=tmp_path / "printed.pdf", format="A4", print_background=True)
    pages = len(re.findall(rb"/Type\s*/Page\b", (tmp_path / "printed.pdf").read_bytes()))
    assert 1 <= pages <= 2

"""The report in the browser: of a desk and of a phone, light and dark, by keyboard, printed, and within a frame."""

import itertools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from helpers.accessibility import find_faults
from helpers.printed import is_blank, print_pages
from helpers.project import Project

DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
LAYERS = ["block1", "block2", "hidden1", "classify"]


@pytest.fixture
def show(browser: Any, reproduced: Project) -> Iterator[Callable[..., Any]]:
    """Opens the report of the tiny pipeline; nothing may go wrong in it."""
    opened, problems = [], []

    def run(**options: Any) -> Any:
        page = browser.new_page(**options)
        opened.append(page)
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto((reproduced.folder / "report" / "report.html").as_uri())
        return page

    yield run
    for page in opened:
        page.close()
    assert problems == []


def test_the_page_opens_with_the_test_set_and_has_each_layer_in_the_drawing(
    show: Callable[..., Any], reproduced: Project
) -> None:
    page, test = show(viewport=DESK), json.loads(reproduced.read("metrics/test.json"))["test"]
    opening = page.inner_text(".top")
    shown = [test[key] for key in ("accuracy", "accuracy_low", "accuracy_high", "baseline_1nn", "baseline_majority")]
    assert all(f"{share:.2%}" in opening for share in shown)
    assert page.inner_text("main p").startswith(f"{test['accuracy']:.2%} of n = 6 test images")
    assert page.locator(".diagram li").count() == 1 + len(LAYERS)
    assert page.evaluate("[...document.querySelectorAll('.diagram a')].map(link => link.hash)") == [
        f"#{name}" for name in LAYERS
    ]
    box = page.locator("table").first.bounding_box()
    assert box["y"] + box["height"] < 500


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_contents_are_numbered_with_a_chapter_on_each_line(show: Callable[..., Any], size: dict[str, int]) -> None:
    page = show(viewport=size)
    links = page.locator("nav[aria-label=contents] ol > li > a")
    assert links.all_inner_texts() == page.locator("h2").all_inner_texts()
    assert page.evaluate("getComputedStyle(document.querySelector('nav li')).listStyleType") == "decimal"
    tops = [link.bounding_box()["y"] for link in links.all()]
    assert all(below - above > 15 for above, below in itertools.pairwise(tops))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_page_is_accessible(show: Callable[..., Any], size: dict[str, int], scheme: str) -> None:
    page = show(viewport=size, color_scheme=scheme)
    found = find_faults(page)
    assert found.faults == []
    assert found.passed > 300
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def test_title_caption_and_alternative_say_three_different_things(show: Callable[..., Any]) -> None:
    page = show(viewport=DESK)
    figures = page.evaluate(
        """[...document.querySelectorAll('figure:not(#player)')].map(figure =>
          [figure.querySelector('img').alt, figure.querySelector('figcaption')?.textContent ?? ''])"""
    )
    assert len(figures) > 10
    for alternative, caption in figures:
        assert 20 < len(alternative) < 600
        assert not phrases(alternative) & phrases(caption), (alternative, caption)
    frames = page.evaluate(
        "[...document.querySelectorAll('#player img')].map(frame => [frame.alt, frame.dataset.moment])"
    )
    assert len({alternative for alternative, _ in frames}) == len(frames) == 3
    assert all("Accuracy of the probes: block1 " in alternative for alternative, _ in frames)
    assert not any(phrases(alternative) & phrases(moment) for alternative, moment in frames)


def phrases(text: str) -> set[tuple[str, ...]]:
    """All runs of four words."""
    words = re.findall(r"\w+", text.lower())
    return set(zip(words, words[1:], words[2:], words[3:], strict=False))


def test_words_that_need_a_meaning_lead_to_it(show: Callable[..., Any]) -> None:
    page = show(viewport=PHONE)
    for word in ("kernels", "dead", "probe", "nats"):
        link = page.get_by_role("link", name=re.compile(f"^{word}$", re.IGNORECASE)).first
        link.click()
        meaning = page.locator(page.evaluate("location.hash"))
        box = meaning.bounding_box()
        assert -5 < box["y"] < PHONE["height"]
        assert meaning.locator("+ dd").inner_text().endswith(".md)")


def test_on_a_phone_a_tap_shows_a_picture_at_its_full_size(show: Callable[..., Any], reproduced: Project) -> None:
    page = show(viewport=PHONE, has_touch=True)
    # The pictures of a tiny project are small; this one is as wide as those of the real one.
    page.evaluate("document.querySelector('#block1 ~ figure img').src = document.querySelector('#player img').src")
    figure = page.locator("#block1 ~ figure").first
    figure.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('#block1 ~ figure').classList.contains('small')")
    for target in (figure.locator("img"), figure.get_by_role("button", name="Enlarge")):
        target.tap()
        picture = page.locator("dialog img")
        box = picture.bounding_box()
        assert box["width"] == picture.evaluate("image => image.naturalWidth") > PHONE["width"]
        assert page.evaluate("document.activeElement.closest('dialog') !== null")
        assert find_faults(page).faults == []
        page.keyboard.press("Escape")
        assert not page.locator("dialog").is_visible()


def test_on_a_desk_no_picture_asks_to_be_enlarged(show: Callable[..., Any]) -> None:
    page = show(viewport=DESK)
    assert page.locator("button.enlarge").count() > 10
    assert page.locator("button.enlarge:visible").count() == 0


def test_space_scrolls_the_page_and_plays_only_the_animation_that_has_the_focus(show: Callable[..., Any]) -> None:
    page = show(viewport=DESK)
    page.keyboard.press("Space")
    page.wait_for_function("scrollY > 100")
    assert page.inner_text("#play") == "Play"
    page.locator("#player img:visible").click()
    before = page.evaluate("scrollY")
    page.keyboard.press("Space")
    assert page.inner_text("#play") == "Pause"
    page.keyboard.press("Space")
    assert (page.inner_text("#play"), page.evaluate("scrollY")) == ("Play", before)
    page.locator("#play").focus()
    page.keyboard.press("Space")
    assert page.inner_text("#play") == "Pause"
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#play") == "Play"
    page.locator("#epoch").focus()
    page.keyboard.press("Space")
    assert page.inner_text("#play") == "Pause"


def test_the_slider_says_the_moment_and_not_a_number(show: Callable[..., Any]) -> None:
    page = show(viewport=DESK)
    page.locator("#epoch").focus()
    page.keyboard.press("End")
    assert page.inner_text("#which").startswith("after epoch 2 of 2")
    assert page.get_attribute("#epoch", "aria-valuetext") == page.inner_text("#which")
    assert page.locator("#player img:visible").count() == 1


def test_a_print_has_no_blank_page_and_all_that_is_folded(show: Callable[..., Any]) -> None:
    page = show(viewport=DESK)
    pages = print_pages(page)
    assert len(pages) > 2
    assert [number for number, commands in enumerate(pages, start=1) if is_blank(commands)] == []
    page.emulate_media(media="print")
    assert page.locator("#player .controls").is_hidden()
    assert page.locator("nav").is_hidden()


def test_a_page_without_anything_is_blank(browser: Any) -> None:
    page = browser.new_page()
    page.set_content(
        "<p>One</p><div style='break-before: page; height: 10px'></div><p style='break-before: page'>Three</p>"
    )
    assert [is_blank(commands) for commands in print_pages(page)] == [False, True, False]
    page.close()


def test_in_a_frame_without_an_address_links_scroll_and_none_leads_out(browser: Any, reproduced: Project) -> None:
    html = (reproduced.folder / "report" / "report.html").read_text(encoding="utf-8")
    page = browser.new_page(viewport=DESK)
    page.set_content("<iframe sandbox='allow-scripts' style='width: 100%; height: 800px'></iframe>")
    page.evaluate("html => { document.querySelector('iframe').srcdoc = html; }", html)
    frame = page.frame_locator("iframe")
    frame.locator("nav a", has_text="Training animation").click()
    for _ in range(100):
        if -5 < frame.locator("#animation").bounding_box()["y"] < 700:
            break
        page.wait_for_timeout(50)
    else:
        pytest.fail("the link did not scroll")
    assert frame.locator("a.page").count() > 5
    assert frame.locator("a.page[href]").count() == 0
    page.close()


def test_without_scripts_everything_can_be_read(browser: Any, reproduced: Project) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto((reproduced.folder / "report" / "report.html").as_uri())
    assert page.locator("#player img:visible").count() == 1
    assert page.locator("#player .controls").is_hidden()
    assert page.locator("#words").is_visible()
    page.close()

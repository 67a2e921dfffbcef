"""The helper that looks at pages finds faults that are planted, so that a page without any has none."""

from typing import Any

import pytest
from helpers.accessibility import find_faults

GOOD = """<!DOCTYPE html><html lang="en"><head><title>Page</title></head><body style="background: #fff; color: #222">
<header><h1>Page</h1></header><main><h2>One</h2><p id="one">Words, <a href="#one">a link</a>.</p>
<figure><img alt="A square" src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">
<figcaption>How to read it</figcaption></figure>
<table><tr><th scope="col">a</th></tr><tr><td>1</td></tr></table>
<button style="width: 40px; height: 40px">Go</button><input type="range" aria-label="frame" style="height: 40px">
<!-- here --></main></body></html>"""


@pytest.fixture
def page(browser: Any) -> Any:
    opened = browser.new_page()
    yield opened
    opened.close()


def test_a_good_page_has_no_fault_and_was_looked_at(page: Any) -> None:
    page.set_content(GOOD)
    found = find_faults(page)
    assert found.faults == []
    assert found.passed > 30


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (' lang="en"', "", "html-has-lang"),
        ("main", "div", "landmark-one-main"),
        ("h2", "h4", "heading-order"),
        (' alt="A square"', "", "image-alt"),
        ("<!-- here -->", 2 * "<button style='width: 9px; height: 9px; padding: 0'>x</button>", "target-size"),
        ("#222", "#999", "color-contrast"),
        (">Go<", "><", "button-name"),
        (' aria-label="frame"', "", "label"),
    ],
)
def test_each_planted_fault_is_found(page: Any, old: str, new: str, rule: str) -> None:
    page.set_content(GOOD.replace(old, new))
    assert any(fault.startswith(rule) for fault in find_faults(page).faults)

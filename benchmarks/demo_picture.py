"""The picture of the demo for the documents: a headless Chromium draws on a page that `make demo` serves.

    make demo &
    python -m benchmarks.demo_picture http://127.0.0.1:8000 docs/images/demo.png

Draws a cross, waits until it is explained, and takes the picture.
"""

import shutil
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

WIDTH, HEIGHT = 1240, 800
# Shares of the paper.
STROKES = [[(0.24, 0.22), (0.5, 0.48), (0.78, 0.76)], [(0.25, 0.76), (0.5, 0.5), (0.75, 0.2)]]
EXPLAINED = "() => document.getElementById('why').textContent.includes('speaks for')"


def main(address: str, file: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto(address)
        page.wait_for_selector("body[data-ready]")
        draw(page)
        page.wait_for_function(EXPLAINED)
        page.screenshot(path=file, full_page=True)
        browser.close()


def draw(page: Any) -> None:
    box = page.locator("#drawing").bounding_box()
    for stroke in STROKES:
        at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*at[0])
        page.mouse.down()
        for x, y in at[1:]:
            page.mouse.move(x, y, steps=8)
        page.mouse.up()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

"""How quickly the page to draw on answers: a headless Chromium draws circles on a page that `make demo` serves.

    make demo &
    python -m benchmarks.strokes http://127.0.0.1:8000

Moves the pen every 100 ms and prints, for each network: what the server took for an answer, and what passed from the
stroke until verdict and maps were drawn, the request included. Medians and 95th percentiles in milliseconds.
"""

import math
import shutil
import sys
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

ROUNDS, POINTS = 3, 40
PAUSE = 100
TIMES = """() => performance.getEntriesByType("resource").filter(each => each.name.includes("/look"))
    .map(each => each.serverTiming[0].duration)"""


def main(address: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.goto(address)
        page.wait_for_selector("#layers figure")
        print("network           server             stroke to picture")
        for radio in page.get_by_role("radio").all():
            radio.check()
            page.wait_for_timeout(10 * PAUSE)
            page.evaluate("performance.clearResourceTimings(); performance.setResourceTimingBufferSize(10000)")
            drawn = [took for _ in range(ROUNDS) for took in draw(page)]
            name = radio.evaluate("radio => radio.nextElementSibling.textContent")
            print(f"{name:<16}  {summary(page.evaluate(TIMES))}  {summary(drawn)}")
        browser.close()


def draw(page: Any) -> list[float]:
    """Draw a circle on clean paper; the milliseconds that each of its strokes took to be answered."""
    page.get_by_role("button", name="Clear").click()
    page.wait_for_timeout(10 * PAUSE)
    box = page.locator("#drawing").bounding_box()
    took = []
    for step in range(POINTS + 1):
        turn = 2 * math.pi * step / POINTS
        x, y = (0.5 + 0.3 * along for along in (math.cos(turn), math.sin(turn)))
        answers = int(page.evaluate("document.body.dataset.answers"))
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        if step == 0:
            page.mouse.down()
        page.wait_for_timeout(PAUSE)
        # An answer that is late must not be taken for the one before it.
        page.wait_for_function("answers => document.body.dataset.answers > answers", arg=answers)
        took.append(float(page.evaluate("document.body.dataset.milliseconds")))
    page.mouse.up()
    return took


def summary(milliseconds: list[float]) -> str:
    median, high = np.percentile(milliseconds, [50, 95])
    return f"{median:5.1f} / {high:5.1f} (n={len(milliseconds)})"


if __name__ == "__main__":
    main(sys.argv[1])

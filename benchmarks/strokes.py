"""How quickly the page to draw on answers: a headless Chromium draws circles on a page that `make demo` serves.

    make demo &
    python -m benchmarks.strokes http://127.0.0.1:8000

Prints for each network what the server took for an answer, and what passed from a stroke until verdict and maps were
drawn, the request included: once with a stroke every 100 ms, once with a pen that never rests. Where several strokes
wait for one answer, the time counts from the first. Medians and 95th percentiles in milliseconds.
"""

import math
import shutil
import sys
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

ROUNDS, POINTS = 3, 40
PACES = (100, 0)
REST = 1000
# The page writes down what each answer took; this keeps all of them.
LISTEN = """() => {
    window.took = [];
    new MutationObserver(() => window.took.push(Number(document.body.dataset.milliseconds)))
        .observe(document.body, { attributeFilter: ["data-milliseconds"] });
    performance.setResourceTimingBufferSize(10000);
}"""
SERVER = """() => performance.getEntriesByType("resource").filter(each => each.name.includes("/look"))
    .map(each => each.serverTiming[0].duration)"""


def main(address: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.goto(address)
        page.wait_for_selector("body[data-ready]")
        page.evaluate(LISTEN)
        print("network          pen             server             stroke to picture")
        for radio in page.get_by_role("radio").all():
            radio.check()
            name = radio.evaluate("radio => radio.nextElementSibling.textContent")
            for pause in PACES:
                page.wait_for_timeout(REST)
                page.evaluate("performance.clearResourceTimings()")
                drawn = [took for _ in range(ROUNDS) for took in draw(page, pause)]
                pace = f"every {pause} ms" if pause else "without rest"
                print(f"{name:<15}  {pace:<12}  {summary(page.evaluate(SERVER))}  {summary(drawn)}")
        browser.close()


def draw(page: Any, pause: int) -> list[float]:
    """Draw a circle on clean paper; the milliseconds that each answer took."""
    page.get_by_role("button", name="Clear").click()
    page.wait_for_timeout(REST)
    page.evaluate("window.took = []")
    box = page.locator("#drawing").bounding_box()
    for step in range(POINTS + 1):
        turn = 2 * math.pi * step / POINTS
        x, y = (0.5 + 0.3 * along for along in (math.cos(turn), math.sin(turn)))
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        if step == 0:
            page.mouse.down()
        page.wait_for_timeout(pause)
    page.mouse.up()
    page.wait_for_timeout(REST)
    found: list[float] = page.evaluate("window.took")
    return found


def summary(milliseconds: list[float]) -> str:
    median, high = np.percentile(milliseconds, [50, 95])
    return f"{median:5.1f} / {high:5.1f} (n={len(milliseconds)})"


if __name__ == "__main__":
    main(sys.argv[1])

"""The page to draw on in a browser, with what a user does on it."""

import math
from typing import Any

Point = tuple[float, float]

# Shares of the paper.
CIRCLE: list[Point] = [(0.5 + 0.3 * math.cos(turn / 6), 0.48 + 0.31 * math.sin(turn / 6)) for turn in range(39)]
FALLING: list[Point] = [(0.22, 0.2), (0.5, 0.49), (0.78, 0.78)]
RISING: list[Point] = [(0.24, 0.8), (0.5, 0.52), (0.76, 0.22)]
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
EMPTY = "Draw, or choose an image."

DROP = """([name, type, bytes]) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([Uint8Array.from(bytes)], name, { type }));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
}"""


class DemoPage:
    """One page; `problems` are what the browser complains of, and requests that would leave this machine."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self.problems: list[str] = []
        page.set_default_timeout(30_000)
        page.on("console", lambda message: self.problems.append(message.text))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.route(lambda url: not url.startswith(address), lambda route: self.problems.append(route.request.url))
        page.goto(address)
        self.wait("document.body.dataset.ready")

    def wait(self, condition: str) -> None:
        self.page.wait_for_function(f"() => {condition}")

    def text(self, selector: str) -> str:
        return str(self.page.inner_text(selector))

    def see(self, verdict: str) -> None:
        """Wait for an answer that begins so."""
        self.wait(f"document.getElementById('verdict').textContent.startsWith({verdict!r})")

    def see_why(self, words: str) -> None:
        """Wait for an explanation with these words."""
        self.wait(f"document.getElementById('why').textContent.includes({words!r})")

    def stroke(self, points: list[Point]) -> None:
        """Draw with the mouse through points, given as shares of the paper."""
        box = self.page.locator("#drawing").bounding_box()
        at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
        self.page.mouse.move(*at[0])
        self.page.mouse.down()
        for point in at[1:]:
            self.page.mouse.move(*point)
        self.page.mouse.up()

    def draw_cross(self) -> None:
        self.stroke(FALLING)
        self.stroke(RISING)

    def clear(self) -> None:
        self.page.get_by_role("button", name="Clear").click()
        self.see(EMPTY)

    def drop(self, name: str, kind: str, content: bytes) -> None:
        """Drop a file of this MIME type on the page."""
        self.page.evaluate(DROP, [name, kind, list(content)])

    def maps(self, layer: int) -> list[str]:
        """The pictures of a layer's channels, as PNG."""
        script = "layer => [...document.querySelectorAll('#layers figure')[layer].querySelectorAll('canvas')]"
        found: list[str] = self.page.evaluate(script + ".map(canvas => canvas.toDataURL())", layer)
        return found

    def place(self, selector: str) -> list[float]:
        """Where an element is on the page, wherever that is scrolled to: left, top, width and height in px."""
        script = """selector => {
            const { x, y, width, height } = document.querySelector(selector).getBoundingClientRect();
            return [x + scrollX, y + scrollY, width, height];
        }"""
        found: list[float] = self.page.evaluate(script, selector)
        return found

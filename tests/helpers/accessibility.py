"""What is wrong with a page for people who cannot see it, see little, or use no mouse.

The rules are those of axe-core that our pages can break, by axe's names, as far as a page without frames and with few
controls needs them. What controls are called is read from the browser's own accessibility tree. axe-core itself is not
installed here; it would be one more dependency with a browser script of half a megabyte.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RULES = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
# Where a name is missing, nobody is told what it is.
NAMED = {
    "button": "button-name",
    "dialog": "aria-dialog-name",
    "image": "image-alt",
    "link": "link-name",
    "slider": "label",
    "spinbutton": "label",
    "textbox": "label",
    "combobox": "select-name",
    "checkbox": "label",
    "radio": "label",
    "progressbar": "aria-progressbar-name",
    "meter": "aria-meter-name",
}


@dataclass(frozen=True)
class Findings:
    """How many elements and how many texts were looked at, how many names were read, and what is wrong with which."""

    looked: int
    texts: int
    named: int
    faults: list[str]


def find_faults(page: Any) -> Findings:
    """Looks at the page of playwright that is open now, with all that is folded unfolded."""
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    seen = page.evaluate(RULES)
    roles = list(read_roles(page))
    faults = [f"{NAMED[role]}: a {role} has no name" for role, name in roles if role in NAMED and not name.strip()]
    return Findings(seen["looked"], seen["texts"], len(roles), [*seen["faults"], *faults])


def read_roles(page: Any) -> Iterator[tuple[str, str]]:
    """The role and the name of each node in the browser's accessibility tree."""
    session = page.context.new_cdp_session(page)
    try:
        for node in session.send("Accessibility.getFullAXTree")["nodes"]:
            if not node["ignored"]:
                yield node["role"]["value"], node.get("name", {}).get("value", "")
    finally:
        session.detach()

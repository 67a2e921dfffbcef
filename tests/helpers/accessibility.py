"""What keeps people from reading and using a page, as a browser computes it: after WCAG 2.2, level AA.

Names and roles come from the browser's own accessibility tree. Contrasts are computed from the computed colours, with
what lies below and with opacity.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Without a name, nobody who listens knows what these are.
NAMED = {
    "application",
    "button",
    "checkbox",
    "combobox",
    "dialog",
    "form",
    "img",
    "image",
    "link",
    "listbox",
    "meter",
    "progressbar",
    "radio",
    "radiogroup",
    "region",
    "slider",
    "spinbutton",
    "switch",
    "tab",
    "textbox",
    "video",
}
LANDMARKS = {"banner", "main", "complementary", "contentinfo", "navigation", "region", "search", "form"}

LOOK = Path(__file__).with_suffix(".js")


@dataclass(frozen=True)
class Found:
    """The faults of a page, and how much of it was looked at: texts, controls, nodes of the accessibility tree."""

    faults: list[str]
    texts: int
    controls: int
    nodes: int


def look_for_faults(page: Any) -> Found:
    """Look at a page of playwright as it is now: its size, its colours, what it shows."""
    seen = page.evaluate(LOOK.read_text(encoding="utf-8"))
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    heard = [node for node in nodes if not node["ignored"]]
    return Found([*seen["faults"], *_faults_of(nodes)], seen["texts"], seen["controls"], len(heard))


def _faults_of(nodes: list[dict[str, Any]]) -> Iterator[str]:
    by_id = {node["nodeId"]: node for node in nodes}
    landmarks: Counter[tuple[str, str]] = Counter()
    for node in nodes:
        if node["ignored"]:
            continue
        role, name = _value(node, "role"), _value(node, "name").strip()
        if role in NAMED and not name:
            yield f"{role} without a name, in {_value(by_id.get(node.get('parentId', ''), {}), 'name')!r}"
        if role in LANDMARKS:
            landmarks[role, name] += 1
        if role == "StaticText" and name and not _is_within(node, by_id, LANDMARKS | {"alert", "status"}):
            yield f"text outside of every landmark: {name[:60]!r}"
    mains = sum(count for (role, _), count in landmarks.items() if role == "main")
    if mains != 1:
        yield f"{mains} main landmarks"
    for (role, name), count in landmarks.items():
        if count > 1:
            yield f"{count} landmarks {role} have the name {name!r}"


def _is_within(node: dict[str, Any], by_id: dict[str, dict[str, Any]], roles: set[str]) -> bool:
    parent = by_id.get(node.get("parentId", ""))
    return parent is not None and (_value(parent, "role") in roles or _is_within(parent, by_id, roles))


def _value(node: dict[str, Any], name: str) -> str:
    return str(node.get(name, {}).get("value", ""))

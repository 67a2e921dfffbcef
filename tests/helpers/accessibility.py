"""What axe-core finds wrong with a page: WCAG 2.2 at level AA, and axe's best practices."""

from dataclasses import dataclass
from typing import Any

from axe_playwright_python.sync_playwright import Axe

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@dataclass(frozen=True)
class Findings:
    """A line for each fault, the rule first; and how many elements passed a rule, so that none means nothing seen."""

    faults: list[str]
    passed: int


def find_faults(page: Any) -> Findings:
    """Look at a page of playwright as it is now, with all that is folded unfolded."""
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": TAGS}}).response
    faults = [
        f"{rule['id']}: {node['html'][:80]}: {' '.join(node['failureSummary'].split())}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
    return Findings(faults, sum(len(rule["nodes"]) for rule in found["passes"]))

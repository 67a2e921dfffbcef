"""Tables that documents quote between two comments: `<!-- answers -->` and `<!-- end of answers -->`."""

import re
from collections.abc import Sequence

from crosscheck.study import answers_table
from crosscheck.study.answers_table import Row

BEGIN, END = "<!-- answers -->", "<!-- end of answers -->"
CHINESE = {"Better": "更好", "Worse": "更差", "Equivalent": "相当", "Hint": "线索", "Inconclusive": "未定"}
NUMBER = r"[-+]?\d[\d,]*(?:\.\d+)?"


def quoted(document: str) -> str | None:
    """What stands between the comments; None where the document has none."""
    # A line of its own: a document may also speak of the comment, within a sentence.
    found = re.search(rf"^{BEGIN}$(.*?)^{END}$", document, re.DOTALL | re.MULTILINE)
    return found[1].strip() if found else None


def differs(document: str, rows: Sequence[Row], chinese: bool = False) -> str:
    """How the table that a document quotes differs from these answers; empty where it does not, or there is none.

    A Chinese one has the same rows in the same order, the same words and the same numbers in its evidence.
    """
    found = quoted(document)
    if found is None:
        return ""
    if not chinese:
        return "" if found == answers_table.markdown(rows) else "run `python -m crosscheck answers --markdown`"
    lines = found.splitlines()[2:]
    if len(lines) != len(rows):
        return f"{len(lines)} rows of {len(rows)}"
    for line, row in zip(lines, rows, strict=True):
        *_, answer, evidence, _ = line.split("|")
        numbers = re.findall(NUMBER, "\n".join(pair.evidence for pair in row.pairs))
        if not answer.strip().startswith(f"**{CHINESE[row.word]}") or re.findall(NUMBER, evidence) != numbers:
            return f"the row of {row.question}"
    return ""

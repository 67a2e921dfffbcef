"""Tables that documents quote between two comments: `<!-- answers -->` and `<!-- end of answers -->`."""

import re
from collections.abc import Sequence

from crosscheck.study import answers_table
from crosscheck.study.answers_table import Row

BEGIN, END = "<!-- answers -->", "<!-- end of answers -->"
CHINESE = {"Better": "更好", "Worse": "更差", "Equivalent": "等效", "Hint": "提示", "Inconclusive": "尚无定论"}
NUMBER = r"[-+]?\d+(?:,\d{3})*(?:\.\d+)?"


def quoted(document: str) -> str | None:
    """What stands between the comments; None where the document has none."""
    # A line of its own: a document may also speak of the comment, within a sentence.
    found = re.search(rf"^{BEGIN}$(.*?)^{END}$", document, re.DOTALL | re.MULTILINE)
    return found[1].strip() if found else None


def differs(document: str, rows: Sequence[Row], chinese: bool = False) -> str:
    """How the table that a document quotes differs from these answers; empty where it does not, or there is none.

    A document may leave rows out, and has the others in their order. A Chinese one has the same words and the same
    numbers in its evidence.
    """
    found = quoted(document)
    if found is None:
        return ""
    heading, ruler, *lines = found.splitlines()
    whole = answers_table.markdown(rows).splitlines()
    if not lines or not (chinese or [heading, ruler] == whole[:2]):
        return "no rows, or another heading; run `python -m crosscheck answers --markdown`"
    left = iter(zip(rows, whole[2:], strict=True))
    for line in lines:
        if not any(_is_chinese(line, row) if chinese else line == english for row, english in left):
            return f"the row {line}"
    return ""


def _is_chinese(line: str, row: Row) -> bool:
    *_, answer, evidence, _ = line.split("|")
    numbers = re.findall(NUMBER, "\n".join(pair.evidence for pair in row.pairs))
    return answer.strip().startswith(f"**{CHINESE[row.word]}") and re.findall(NUMBER, evidence) == numbers

"""The answers that documents quote are those of the study's report."""

from pathlib import Path

import pytest
from helpers.pages import analyse, make_plan
from helpers.quotes import BEGIN, CHINESE, END, differs, quoted
from helpers.repository import ROOT

from crosscheck.study import answers_table, at_a_glance

DOCUMENTS = [ROOT / "README.md", ROOT / "README.zh-CN.md", *sorted((ROOT / "docs").rglob("*.md"))]
ANSWERS = ROOT / "study" / "variants" / "answers.json"


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.name)
def test_a_quoted_table_is_that_of_the_study(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    if quoted(text) is not None:
        chinese = file.name.endswith("zh-CN.md") or "zh" in file.relative_to(ROOT).parts
        assert differs(text, answers_table.read(ANSWERS).rows, chinese) == ""


def test_a_table_that_was_changed_by_hand_is_noticed(tmp_path: Path) -> None:
    plan = make_plan(tmp_path)
    found = analyse(plan)
    rows = at_a_glance.tabulate(plan, found.runs, found.answers).rows
    table = answers_table.markdown(rows)
    document = f"# Title\n\n{BEGIN}\n{table}\n{END}\n\nMore."
    assert differs(document, rows) == ""
    assert differs(document.replace("-5.89", "-5.88"), rows) != ""
    assert differs("# Title", rows) == ""
    assert quoted(f"A table stands between `{BEGIN}` and `{END}`.") is None
    fewer = document.replace(table.splitlines()[2] + "\n", "")
    assert differs(fewer, rows) == "" and differs(fewer, rows[:1]) != ""
    swapped = [*table.splitlines()[:2], *table.splitlines()[:1:-1]]
    assert differs(document.replace(table, "\n".join(swapped)), rows) != ""
    assert differs(document.replace(table, "\n".join(swapped[:2])), rows) != ""
    translated = document
    for word, chinese in CHINESE.items():
        translated = translated.replace(f"**{word}.**", f"**{chinese}。**")
    assert differs(translated, rows, chinese=True) == ""
    assert "largest value" in differs(translated.replace("-5.89", "-5.88"), rows, chinese=True)
    assert differs(translated.replace(CHINESE["Better"], CHINESE["Worse"]), rows, chinese=True) != ""

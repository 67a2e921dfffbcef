"""The Chinese documents say what the English ones say: the same headings, commands, figures and pictures."""

import re
from pathlib import Path

import pytest
from helpers.repository import ROOT

DOCS = ROOT / "docs"
TRANSLATED = sorted((DOCS / "zh").rglob("*.md"))
NAMES = [str(file.relative_to(DOCS / "zh")) for file in TRANSLATED]


def english_of(file: Path) -> Path:
    return DOCS / file.relative_to(DOCS / "zh")


def blocks(text: str) -> list[str]:
    return re.findall(r"^```\w*\n(.*?)^```", text, re.S | re.M)


def figures(text: str) -> set[str]:
    """The numbers of two digits or more outside of blocks, code and links; smaller ones may be written as words."""
    text = re.sub(r"```.*?```|`[^`]*`|\]\([^)]*\)", " ", text, flags=re.S)
    found = re.findall(r"(?<![A-Za-z0-9_.])\d[\d,]*(?:\.\d+)?", text)
    return {number.rstrip(",") for number in found if len(number.rstrip(",")) > 1}


def levels(text: str) -> list[int]:
    text = re.sub(r"```.*?```", "", text, flags=re.S)
    return [len(marks) for marks in re.findall(r"^(#+) ", text, re.M)]


def english_words(paragraph: str) -> int:
    """How many words of running English there are outside of code, links, comments and tags."""
    plain = re.sub(r"`[^`]*`|<[^>]*>|\]\([^)]*\)|https?://\S+", " ", paragraph)
    return len(re.findall(r"\b[a-z]{2,}\b", plain))


def test_there_are_chinese_pages() -> None:
    concepts = {file.name for file in (DOCS / "concepts").glob("*.md")}
    assert {file.name for file in (DOCS / "zh" / "concepts").glob("*.md")} == concepts
    tutorials = {file.name for file in (DOCS / "tutorials").glob("*.md")}
    assert {file.name for file in (DOCS / "zh" / "tutorials").glob("*.md")} == tutorials


@pytest.mark.parametrize("file", TRANSLATED, ids=NAMES)
def test_a_chinese_page_is_in_step_with_the_english_one(file: Path) -> None:
    ours, theirs = file.read_text(encoding="utf-8"), english_of(file).read_text(encoding="utf-8")
    assert levels(ours) == levels(theirs)
    assert blocks(ours) == blocks(theirs)
    assert figures(ours) == figures(theirs)
    pictures = [re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text) for text in (ours, theirs)]
    assert [Path(name).name for name in pictures[0]] == [Path(name).name for name in pictures[1]]
    assert len(re.findall(r"^\|", ours, re.M)) == len(re.findall(r"^\|", theirs, re.M))


@pytest.mark.parametrize("file", TRANSLATED, ids=NAMES)
def test_a_chinese_page_holds_no_english_paragraph_and_its_links_lead_somewhere(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    for paragraph in re.sub(r"```.*?```", "", text, flags=re.S).split("\n\n"):
        assert english_words(paragraph) <= 6, paragraph
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert "://" in target or (file.parent / target).exists(), target


def test_an_english_paragraph_would_be_seen() -> None:
    assert english_words("This paragraph was left in English and nobody saw it.") > 6
    assert english_words("用 `dvc exp run --temp` 运行，见 [研究](../study.md)。") == 0

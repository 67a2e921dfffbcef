"""The words of the report mean what the documentation says, and lead there."""

import re

from helpers.repository import ROOT

from crosscheck.explain.glossary import ENTRIES, link_words, write_glossary
from crosscheck.reporting.document import Link, Page, Terms, plain_text

GLOSSARY = (ROOT / "docs" / "reference" / "glossary.md").read_text(encoding="utf-8")


def linked(sentence: str) -> list[tuple[str, str]]:
    return [(part.text, part.anchor) for part in link_words(sentence) if isinstance(part, Link)]


def test_each_meaning_is_that_of_the_glossary() -> None:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in GLOSSARY.splitlines() if line[:2] == "| "]
    meanings = {row[0]: row[2] for row in rows}
    assert {entry.name: entry.meaning for entry in ENTRIES}.items() <= meanings.items()


def test_each_word_names_a_page_of_the_documentation_that_speaks_of_it() -> None:
    (block,) = write_glossary().blocks
    assert isinstance(block, Terms)
    for entry, term in zip(ENTRIES, block.terms, strict=True):
        (page,) = (part for part in term.meaning if isinstance(part, Page))
        file = (ROOT / "report" / page.path).resolve()
        assert file == ROOT / page.text and re.search(entry.forms, file.read_text(encoding="utf-8"), re.IGNORECASE)


def test_the_first_appearance_of_each_word_is_a_link() -> None:
    assert linked("No channel is dead; the other channels see kernels.") == [
        ("channel", "word-channel"),
        ("dead", "word-dead-unit"),
        ("kernels", "word-convolution-kernel"),
    ]
    assert linked("Linear probes: 0.7 nats, 95 % interval.") == [
        ("Linear probes", "word-linear-probe"),
        ("nats", "word-nat"),
        ("95 % interval", "word-confidence-interval"),
    ]
    sentence = "The nearest neighbour (1-NN) on pixels."
    assert linked(sentence) == [("nearest neighbour (1-NN)", "word-nearest-neighbour-1-nn")]
    assert plain_text(link_words(sentence)) == sentence


def test_parts_of_other_words_are_no_links() -> None:
    assert link_words("A natural deadline in alternate kernelspace.") == "A natural deadline in alternate kernelspace."

"""The figures of a document: which there are, and how it may write a number of a file of results."""

import re


def spellings(value: float) -> set[str]:
    """The ways in which a page may write a number of its JSON file."""
    return {
        f"{value:,.0f}" if value == round(value) else "",
        *(f"{value:.{digits}f}" for digits in (1, 2, 3) if value != round(value)),
        *(f"{100 * value:.{digits}f}" for digits in (0, 1) if 0 <= value <= 1),
    }


def quoted(text: str) -> list[str]:
    """Every number of a page, but for those in code, links and picture names."""
    text = re.sub(r"2 cores|AVX2|CVPR \d{4}|```.*?```|`[^`]*`|\]\([^)]*\)", " ", text, flags=re.S)
    return [number.rstrip(",") for number in re.findall(r"(?<![\w.])\d[\d,]*(?:\.\d+)?", text)]


def flat(text: str) -> str:
    """The text with its lines joined, so that a sentence is found wherever it is wrapped."""
    return re.sub(r"\s+", " ", text)

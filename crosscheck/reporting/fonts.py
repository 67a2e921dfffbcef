"""The letters of pictures: matplotlib's own font draws them, and a font of this machine only those that it lacks."""

import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path

import matplotlib
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

# It comes with matplotlib, so that the same letters have the same pixels on every machine.
OWN = "DejaVu Sans"
OWN_FILE = Path("fonts", "ttf", "DejaVuSans.ttf")
# Tried in this order for what the own one lacks, where they are installed.
OTHERS = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "WenQuanYi Zen Hei",
    "Hiragino Sans",
    "PingFang SC",
    "Yu Gothic",
    "Microsoft YaHei",
    "Malgun Gothic",
    "Noto Sans Arabic",
    "Noto Sans Devanagari",
    "Noto Emoji",
)
MOST_NAMES, LONGEST = 3, 20


def families(text: str) -> list[str]:
    """The fonts to draw `text` with: the own one, and those of this machine that have letters which it lacks."""
    return [OWN, *_helpers(lacking(text))]


def lacking(text: str) -> str:
    """The letters of `text` that matplotlib's own font lacks, each once, in their order."""
    return "".join(letter for letter in dict.fromkeys(text) if letter.isprintable() and ord(letter) not in _own())


def tell(names: Iterable[str]) -> None:
    """Say on stderr, in one line of each kind, which `names` pictures show with boxes, or with a font of this machine.

    The second matters because the bytes of such pictures are those of this machine.
    """
    lacked = {name: letters for name in names if (letters := lacking(_printable(name)))}
    helpers = _helpers("".join(lacked.values()))
    has = {letter for helper in helpers.values() for letter in helper}
    boxes = {name: "".join(letter for letter in letters if letter not in has) for name, letters in lacked.items()}
    boxes = {name: letters for name, letters in boxes.items() if letters}
    if boxes:
        print(
            f"warning: pictures show boxes for {_listed(boxes)}: no font here has these letters; install one, such as "
            "Noto Sans CJK or Noto Emoji (docs/reference/outputs.md), or rename the class",
            file=sys.stderr,
        )
    if drawn := {name: letters for name, letters in lacked.items() if name not in boxes}:
        print(
            f"note: {', '.join(helpers)} of this machine draws {_listed(drawn)} in pictures; where another font is "
            "installed, they have other bytes",
            file=sys.stderr,
        )


def _printable(name: str) -> str:
    """`name` without half characters, which stand for bytes that are not UTF-8: pictures show them as digits."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _listed(found: dict[str, str]) -> str:
    shown = [
        f"{letters[:LONGEST]} in {name[:LONGEST] + ('…' if len(name) > LONGEST else '')!r}"
        for name, letters in list(found.items())[:MOST_NAMES]
    ]
    more = len(found) - MOST_NAMES
    return ", ".join(shown) + (f" and in {more} more names" if more > 0 else "")


@cache
def _own() -> frozenset[int]:
    return _letters(str(Path(matplotlib.get_data_path()) / OWN_FILE))


@cache
def _letters(file: str) -> frozenset[int]:
    return frozenset(FT2Font(file).get_charmap())


@cache
def _helpers(letters: str) -> dict[str, str]:
    """The installed fonts that have some of `letters` that none before them has, each with these."""
    if not letters:
        return {}
    found: dict[str, str] = {}
    for family, file in _installed().items():
        known = _letters(file)
        if has := "".join(letter for letter in letters if ord(letter) in known):
            found[family] = has
            letters = "".join(letter for letter in letters if letter not in has)
    return found


@cache
def _installed() -> dict[str, str]:
    """The files of those of `OTHERS` that this machine has, in their order."""
    listed = {entry.fname for entry in font_manager.fontManager.ttflist}
    # The list was made when matplotlib first ran here: a font that was installed since is not on it.
    for file in sorted(set(font_manager.findSystemFonts()) - listed):
        # One that matplotlib cannot draw with, as of coloured emoji, is passed over.
        with suppress(OSError, RuntimeError, ValueError):
            font_manager.fontManager.addfont(file)
    files = {entry.name: entry.fname for entry in reversed(font_manager.fontManager.ttflist)}
    return {family: files[family] for family in OTHERS if family in files}

"""Class names that somebody, or another file system, would take for one another."""

import unicodedata
from collections import defaultdict
from pathlib import Path

from crosscheck.core.errors import InputError
from crosscheck.data.layout import listed, subset_named


def check(where: Path, names: list[str], kind: str = "class folders") -> None:
    """Raise InputError where two of the `names`, of what `kind` says, look the same to a reader."""
    first_of: dict[str, str] = {}
    for name in names:
        first = first_of.setdefault(_as_seen(name), name)
        if first != name:
            raise InputError(
                f"{where}: the {kind} {first!a} and {name!a} look the same: both read {_as_seen(name)!r}; put "
                "the images of both into one of them, or rename one"
            )


def _as_seen(name: str) -> str:
    """`name` in one Unicode normal form, without what nobody sees: invisible characters, spaces at its ends."""
    visible = "".join(character for character in name if unicodedata.category(character) != "Cf")
    return unicodedata.normalize("NFC", " ".join(visible.split()))


def remarks(names: list[str]) -> list[str]:
    """What is worth a warning about the names of classes, a sentence each."""
    found = []
    alike = defaultdict(list)
    for name in names:
        alike[name.casefold()].append(name)
    in_case_only = [same for same in alike.values() if len(same) > 1]
    if in_case_only:
        found.append(
            f"the classes {listed(in_case_only[0])} differ in upper and lower case only; macOS and Windows would put "
            f"them into one folder ({len(in_case_only)} such groups)"
        )
    spaced = [name for name in names if name != name.strip()]
    if spaced:
        found.append(
            f"the names of {len(spaced)} classes begin or end with a space, such as {spaced[0]!r}; rename their folders"
        )
    if len({subset_named(name) for name in names} - {None}) == len(names):
        found.append(
            f"the classes are called {listed(names)}, like ready-made subsets; if they are subsets, the network learns "
            "to tell one from the other; make a sub-folder for each class instead"
        )
    return found

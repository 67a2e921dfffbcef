"""The commands that bring a user's folder into the project and train on it, word by word."""

import json
import os
import re
import shlex
from collections.abc import Iterable, Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

from crosscheck.core.errors import InputError
from crosscheck.core.params import Params
from crosscheck.core.project import root
from crosscheck.pipeline.recipe import Setting

# Texts that need no quotes: words and plain paths, but for those that are another value.
PLAIN = re.compile(r"(?!(null|true|false|nan|inf)$)[a-z_/][\w/.-]*", re.ASCII | re.IGNORECASE)


def place(folder: Path) -> str:
    """How `data.images` names `folder`: from the project's root where it lies inside, else by its whole path.

    Raises InputError for a path that DVC would take for something else.
    """
    whole = folder.resolve()
    inside = whole.is_relative_to(root())
    named = whole.relative_to(root()).as_posix() if inside else whole.as_posix()
    if inside and whole == root():
        raise InputError(f"{folder}: is the project itself; put the images into a separate folder")
    if "${" in named:
        raise InputError(f"{folder}: has '${{' in its path, which DVC takes for a variable; rename the folder")
    if not named.isprintable() or os.fsencode(named).decode("utf-8", "replace") != named:
        raise InputError(f"{folder}: has letters in its path that no file can hold; rename the folder")
    # DVC takes `~` at the front for a home folder.
    return f"./{named}" if named.startswith("~") else named


def commands(images: str, values: dict[str, Any], is_tracked: bool) -> list[list[str]]:
    """What to run, one after the other: DVC keeps the folder `images` where it may, trains, and the result shows."""
    adding = [] if is_tracked or Path(images).is_absolute() else [["dvc", "add", images]]
    overrides = [word for name, value in values.items() for word in ("-S", f"{name}={hydra(value)}")]
    return [*adding, ["dvc", "exp", "run", *overrides], ["python", "-m", "crosscheck", "summary"]]


def hydra(value: Any) -> str:
    """`value` as the grammar of `dvc exp run -S` writes it, which is Hydra's."""
    if not isinstance(value, str):
        return json.dumps(value, separators=(",", ":"))
    if not PLAIN.fullmatch(value):
        # A backslash stands for itself, but not before a quote or at the end.
        escaped = re.sub(r'(\\*)"', lambda found: found[1] * 2 + r"\"", value)
        return '"' + re.sub(r"\\+$", lambda found: found[0] * 2, escaped) + '"'
    return value


def is_tracked(folder: Path) -> bool:
    """Whether DVC or git keeps `folder` already, or cannot: it lies outside, or there is no repository."""
    # DVC takes half a second to load.
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    whole = folder.resolve()
    try:
        repository = Repo(str(root()))
        known = [Path(out.fs_path) for out in repository.index.outs]
        kept_by_git = repository.scm.is_tracked(str(whole)) or repository.scm.is_ignored(f"{whole}.dvc")
    except (DvcException, OSError):
        return True
    return kept_by_git or any(whole.is_relative_to(out) or out.is_relative_to(whole) for out in known)


def explain(settings: Iterable[Setting], params: Params) -> Iterator[str]:
    """A line for each setting that differs from `params`: name, value, reason."""
    others = [each for each in settings if attrgetter(each.name)(params) != each.value]
    rows = [(each.name, hydra(each.value), each.reason) for each in others]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    return (f"{name:{widths[0]}}  {value:{widths[1]}}  {reason}" for name, value, reason in rows)


def to_run(commands: Iterable[list[str]]) -> Iterator[str]:
    """The commands as a shell takes them, with no more than a few overrides a line."""
    for words in commands:
        lines = [" "]
        for word in _pairs(words):
            if len(lines[-1]) + len(word) > 110:
                lines.append("     ")
            lines[-1] += f" {word}"
        yield " \\\n".join(lines)


def _pairs(words: list[str]) -> Iterator[str]:
    """The words, quoted, an option together with its value."""
    rest = iter(words)
    for word in rest:
        yield f"-S {shlex.quote(next(rest))}" if word == "-S" else shlex.quote(word)

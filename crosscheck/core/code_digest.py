"""A hash of the code that decides a result: of a definition and of all that it refers to in this project.

A reference counts by what it resolves to. So a definition or a module can be renamed or moved, and a hash is still the
same. What importing a module does besides defining things counts as well. `syntax.py` says what does not count.
The `__init__` of a package that lies in no other does not: it sets the environment. What of this decides results is a
function that is to be among the `entries`.
"""

import hashlib
from collections.abc import Collection, Iterable
from pathlib import Path

from crosscheck.core.definitions import Definition, Project, find_root
from crosscheck.core.errors import InputError
from crosscheck.core.syntax import Text, read_text

# They carry and check values and files, word errors, or name code; what passes through them comes out as it went in.
PLAIN_CARRIERS = frozenset(
    f"crosscheck.core.{name}"
    for name in (
        "code_digest",
        "errors",
        "files",
        "ownership",
        "param_types",
        "params",
        "project",
        "records",
        "tables",
        "validation_messages",
        "yaml_files",
    )
)
# Of a study: images, and how they are split, are hashed as they arrive; a group of one process hands every batch on
# as it is.
CARRIERS = PLAIN_CARRIERS | {
    "crosscheck.data.dataset",
    "crosscheck.data.splitting",
    "crosscheck.study.resplit",
    "crosscheck.training.distributed",
}


def digest(entries: Iterable[str], carriers: Collection[str] = CARRIERS, root: Path | None = None) -> str:
    """A hash of the `entries`, dotted names, with all that they refer to in the packages under `root`.

    The modules `carriers`, dotted names, count no further than that they are used. Raises InputError for an entry that
    is not there, and for imports that cannot be followed.
    """
    code = Code(root or find_root(Path(__file__)), carriers)
    names = [code.definition(entry) for entry in entries]
    code.follow(names)
    found = [code.digest_of(name) for name in names], sorted({code.digest_of(effect) for effect in code.effects})
    return _sha256(found)


def reached(entries: Iterable[str], carriers: Collection[str] = CARRIERS, root: Path | None = None) -> set[str]:
    """The dotted names of all that counts in `digest`; effects end in # and the number of their statement."""
    code = Code(root or find_root(Path(__file__)), carriers)
    code.follow([code.definition(entry) for entry in entries])
    return {f"{each.module}.{each.name}" for each in code.texts if each.name}


class Code:
    """Definitions with their texts, and what these refer to."""

    def __init__(self, root: Path, carriers: Collection[str]) -> None:
        self.project = Project(root)
        self.carriers = carriers
        self.texts: dict[Definition, Text] = {}
        self.effects: list[Definition] = []
        self._beyond: dict[Definition, set[Definition]] = {}
        self._digests: dict[Definition, str] = {}

    def definition(self, entry: str) -> Definition:
        """What a dotted name stands for. Raises InputError where that is nothing of the project."""
        found, attributes = self.project.look_up(entry)
        if isinstance(found, str) or attributes:
            raise InputError(f"{entry}: is not a definition of this project; correct the name")
        return found

    def follow(self, names: list[Definition]) -> None:
        """Read the definitions `names`, what they refer to, and the effects of the modules that this loads."""
        waiting = list(names)
        seen: set[str] = set()
        while waiting:
            found = waiting.pop()
            if found in self.texts:
                continue
            self.texts[found] = text = self._text(found)
            waiting += [each for each in text if isinstance(each, Definition)]
            effects = self._effects_of_loading(found.module, seen)
            self.effects += effects
            waiting += effects

    def _text(self, found: Definition) -> Text:
        module = self.project.module(found.module)
        if module is None:
            raise InputError(f"{found.module}: is not a module of this project; correct the name")
        if not found.name:
            return [Definition(found.module, name) for name in module.statements]
        carried: list[Definition] = []
        text: Text = []
        for part in read_text(found, module, self.project):
            if isinstance(part, Definition) and self._carries(part.module):
                # By its place among those that are used here: its name may change.
                carried += [] if part in carried else [part]
                part = f"carried:{carried.index(part)}"
            text.append(part)
        return text

    def _carries(self, module: str) -> bool:
        return module in self.carriers

    def _effects_of_loading(self, name: str, seen: set[str]) -> list[Definition]:
        waiting, found = [name], []
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            waiting += self.project.loaded_by(name)
            module = self.project.module(name)
            if module and "." in name and not self._carries(name):
                found += [Definition(name, effect) for effect in module.effects]
        return found

    def digest_of(self, found: Definition) -> str:
        """The hash of a definition that was followed."""
        if found not in self._digests:
            circle = [each for each in self._reached_from(found) if found in self._reached_from(each)]
            self._digests |= self._digests_of_circle(circle) if circle else {found: self._hash(found, {})}
        return self._digests[found]

    def _reached_from(self, found: Definition) -> set[Definition]:
        if found not in self._beyond:
            beyond: set[Definition] = set()
            waiting = [found]
            while waiting:
                for each in self.texts[waiting.pop()]:
                    if isinstance(each, Definition) and each not in beyond:
                        beyond.add(each)
                        waiting.append(each)
            self._beyond[found] = beyond
        return self._beyond[found]

    def _digests_of_circle(self, circle: list[Definition]) -> dict[Definition, str]:
        """Of definitions that refer to each other: each round knows the others as of the round before."""
        known = dict.fromkeys(circle, "circle")
        # Two circles of this size that differ at all do so by then.
        for _ in range(2 * len(circle)):
            known = {each: self._hash(each, known) for each in circle}
        return {each: _sha256([known[each], sorted(known.values())]) for each in circle}

    def _hash(self, found: Definition, known: dict[Definition, str]) -> str:
        parts = [
            part if isinstance(part, str) else known[part] if part in known else self.digest_of(part)
            for part in self.texts[found]
        ]
        return _sha256(parts)


def _sha256(content: object) -> str:
    return hashlib.sha256(repr(content).encode()).hexdigest()

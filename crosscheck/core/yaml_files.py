"""Reads YAML files as DVC does, and checks that a section of one is what it has to be.

YAML 1.2, so `1e-05` is a number and `yes` is a text. To the core schema of `yamlcore` come the few things that DVC
reads on top of it: dates, `<<` and `_` within numbers. Two equal keys, and tags that make Python objects, are errors.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.error import MarkedYAMLError, YAMLError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yamlcore import CoreLoader

from crosscheck.core import validation_messages
from crosscheck.core.errors import InputError

NOT_HERE = "run this from the project's root folder"
MERGE, INT, FLOAT, TIMESTAMP = (f"tag:yaml.org,2002:{name}" for name in ("merge", "int", "float", "timestamp"))
DIGITS = list("-+0123456789")
MAX_PROBLEM = 400


class _Loader(CoreLoader, SafeConstructor):  # type: ignore[misc]
    """The safe loader of YAML 1.2, with what DVC reads on top, and with the line of each error."""

    def construct_object(self, node: Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError):
            kind = node.tag.rpartition(":")[2]
            problem = f"expected a value of the kind {kind}, got {validation_messages.shown(node.value)}"
            raise ConstructorError(None, None, problem, node.start_mark) from None

    def construct_mapping(self, node: Node, deep: bool = False) -> Any:
        if isinstance(node, MappingNode):
            self._merge(node)
        return super().construct_mapping(node, deep)

    def _merge(self, node: MappingNode) -> None:
        """Put what `<<` names in its place: the keys that `node` does not have itself, each once."""
        own = [pair for pair in node.value if pair[0].tag != MERGE]
        merges = [value for key, value in node.value if key.tag == MERGE]
        # First, so that a mapping that is merged into itself ends.
        node.value = own
        known = {_key(key) for key, _ in own}
        merged = []
        for source in [each for value in merges for each in _sources(value)]:
            self._merge(source)
            merged += [pair for pair in source.value if _key(pair[0]) not in known]
            known |= {_key(key) for key, _ in source.value}
        node.value = [*merged, *own]


def _key(node: Node) -> tuple[str, Any]:
    return node.tag, node.value if isinstance(node, ScalarNode) else id(node)


def _sources(value: Node) -> list[MappingNode]:
    sources = value.value if isinstance(value, SequenceNode) else [value]
    for source in sources:
        if not isinstance(source, MappingNode):
            raise ConstructorError(None, None, "expected a mapping, or a list of them, after <<", source.start_mark)
    return sources


_Loader.add_implicit_resolver(MERGE, re.compile(r"<<$"), ["<"])
_Loader.add_implicit_resolver(TIMESTAMP, SafeConstructor.timestamp_regexp, list("0123456789"))
_Loader.add_implicit_resolver(INT, re.compile(r"[-+]?(?:0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9_]+)$"), DIGITS)
_Loader.add_implicit_resolver(FLOAT, re.compile(r"[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?$"), DIGITS)
_Loader.add_constructor(TIMESTAMP, SafeConstructor.construct_yaml_timestamp)


def read_yaml(file: Path, key: str = "stages", remedy: str = NOT_HERE) -> dict[str, Any]:
    """The keys and values of a YAML file, as DVC reads them.

    `key`: one that such a file has, and `remedy`: what to do where there is no file; both are for errors. Raises
    InputError, in one line, for a file that cannot be read, is not YAML or does not consist of keys and values.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{file}: not found; {remedy}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: not readable as YAML; fix this: {_one_line(str(error))}") from None
    return parse_yaml(text, file, key)


def parse_yaml(text: str, source: Path | str, key: str = "stages") -> dict[str, Any]:
    """As `read_yaml`, of the `text` of the file `source`."""
    try:
        content = _load(text)
    except RecursionError:
        raise InputError(f"{source}: not readable as YAML: nested too deeply; remove some brackets") from None
    except MarkedYAMLError as error:
        raise InputError(f"{source}: not readable as YAML; fix this: {_describe(error, text)}") from None
    except YAMLError as error:
        raise InputError(f"{source}: not readable as YAML; fix this: {_one_line(str(error))}") from None
    if not isinstance(content, dict):
        raise InputError(f"{source}: must hold sections such as '{key}:', got {validation_messages.shown(content)}")
    return content


def _load(text: str) -> Any:
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _describe(error: MarkedYAMLError, text: str) -> str:
    """What PyYAML says, with the number of each line that it points to, and the last of these lines itself."""
    steps = [(error.context, error.context_mark), (error.problem, error.problem_mark)]
    words = [f"{said} (line {mark.line + 1})" if mark else said for said, mark in steps if said]
    marks = [mark for _, mark in steps if mark]
    lines = text.splitlines()
    if marks and marks[-1].line < len(lines):
        words.append(f"in {lines[marks[-1].line].strip()[:60]!r}")
    return _one_line(" ".join(words))


def _one_line(problem: str) -> str:
    return " ".join(problem.split())[:MAX_PROBLEM]


def check_section(
    kind: type[BaseModel],
    content: Any,
    source: Path | str,
    where: tuple[str, ...] = (),
    guide: str = validation_messages.GUIDE,
) -> Any:
    """The `content` of the file `source` as a `kind`.

    `where` it stands in the file, and the `guide` that lists its keys, are for errors. Raises InputError, in one line.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{source}: {validation_messages.describe_error(error, kind, where, guide)}") from None

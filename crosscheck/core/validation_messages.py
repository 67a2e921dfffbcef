"""Says in one line what is wrong with a parameter: the key, what it must be, its value, the remedy."""

from __future__ import annotations

import difflib
import math
import reprlib
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

GUIDE = "docs/reference/parameters.md"


def describe_error(error: ValidationError, kind: type[BaseModel], where: tuple[str, ...], guide: str = GUIDE) -> str:
    """The most telling problem of `error`, which arose when `kind` was read from the section `where`.

    `guide` is the page that lists every key.
    """
    # A mistyped key is both unknown and missing: the unknown one is the news.
    problems = sorted(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    problem = problems[0]
    location = [str(part) for part in problem["loc"] if not _is_union_tag(part)]
    key = ".".join(map(_printable, [*where, *location])) or "the file"
    field = _field(kind, location)
    if problem["type"] == "missing":
        return f"{key} is missing; add it{f' ({field})' if field else ''}"
    if problem["type"] == "invalid_key":
        return f"{key} is not a parameter (its name is not a text); remove it; {guide} lists every key"
    if problem["type"] == "extra_forbidden":
        if renamed := new_name(_model_at(kind, location[:-1]), location[-1]):
            return f"{key} is called {renamed!r} now; rename it"
        near = difflib.get_close_matches(location[-1], _fields_of(_model_at(kind, location[:-1])), n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"remove it; {guide} lists every key"
        return f"{key} is not a parameter (its value is {shown(problem['input'])}); {hint}"
    same_value = [_requirement(other) for other in problems if other["loc"][:2] == problem["loc"][:2]]
    must = " or ".join(dict.fromkeys(same_value)).replace(" or be ", " or ")
    remedy = _remedy(problem) or (f"change it ({field})" if field else f"{guide} shows an example")
    return f"{key} must {must}, got {shown(problem['input'])}; {remedy}"


def describe_damage(error: ValidationError) -> str:
    """The first problem of `error` in a file that the project wrote, and that nobody should fix by hand."""
    problem = error.errors()[0]
    key = ".".join(_printable(str(part)) for part in problem["loc"] if not _is_union_tag(part)) or "the file"
    if problem["type"] == "missing":
        return f"{key} is missing"
    if problem["type"] == "extra_forbidden":
        return f"{key} is unknown"
    return f"{key} must {_requirement(problem)}, got {shown(problem['input'])}"


def _requirement(problem: Any) -> str:
    """What the value must be, in the words of YAML rather than of Python."""
    words = {
        "bool_type": "be true or false",
        "int_type": "be a whole number",
        "string_type": "be a text",
        "model_type": "be a section, with lines such as 'key: value'",
    }
    message = str(problem["msg"]).removeprefix("Input should ").replace("a valid ", "a ")
    return words.get(problem["type"], message.replace("List should", "").replace("String should", "").strip())


def _is_union_tag(part: Any) -> bool:
    """Pydantic names the branch of a union in an error's location, as in ('hidden', 'list[...]', 0)."""
    return isinstance(part, str) and (part == "bool" or part.startswith(("list[", "literal[", "constrained-")))


def _remedy(problem: Any) -> str:
    """How to write what was most likely meant, or ''."""
    value = problem["input"]
    if not isinstance(value, str):
        return ""
    if problem["type"] == "bool_type":
        truth = {"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false", "off": "false"}
        meant = truth.get(value.strip().lower())
        return f"write {meant}, without quotes" if meant else ""
    try:
        number = float(value)
    except ValueError:
        return ""
    if not math.isfinite(number):
        return ""
    whole = problem["type"] in ("int_type", "count_or_share") and number.is_integer()
    return f"write it without quotes, as {int(number) if whole else number!r}"


def new_name(kind: Any, name: str) -> str:
    """What the key `name` of an earlier version is called in the section `kind` now, or ''.

    A field that was renamed says so: `json_schema_extra={"formerly": name}`.
    """
    for key, field in _fields_of(kind).items():
        if isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("formerly") == name:
            return key
    return ""


def _fields_of(kind: Any) -> dict[str, FieldInfo]:
    return getattr(kind, "model_fields", {})


def _model_at(kind: Any, path: list[str]) -> Any:
    for name in path:
        # A key of the user's own, such as the name of a variant, leads to the type of its values.
        kind = kind.model_fields[name].annotation if hasattr(kind, "model_fields") else get_args(kind)[-1]
    return kind


def _field(kind: type[BaseModel], path: list[str]) -> str:
    """The description of the field at `path`, or ''."""
    description = ""
    for name in path:
        if not (isinstance(kind, type) and issubclass(kind, BaseModel) and name in kind.model_fields):
            break
        field = kind.model_fields[name]
        description, kind = field.description or "", field.annotation  # type: ignore[assignment]
    return description


class _Short(reprlib.Repr):
    """Bounded in time and length: a tree of YAML aliases may stand for billions of values."""

    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to write huge numbers in decimals, for they take long.
        digits = repr(x) if x.bit_length() < 128 else hex(x)
        return digits if len(digits) <= 40 else f"{digits[:20]}..."


def shown(value: Any) -> str:
    """A value as it may stand in an error: one line, short, whatever it is."""
    if value is None:
        return "nothing"
    short = _Short()
    short.maxstring = short.maxother = 60
    text = f"the text {short.repr(value)}" if isinstance(value, str) else short.repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _printable(name: str) -> str:
    return name if name.isprintable() and len(name) <= 60 else ascii(name[:60])

"""Typed records of what the project writes as JSON and reads again."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from crosscheck.core.errors import InputError
from crosscheck.core.files import read_json
from crosscheck.core.validation_messages import describe_damage


class Record(BaseModel):
    """Strict: no unknown keys, no text where a number belongs, no 1 for true, no infinities."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


Kind = TypeVar("Kind", bound=Record)


def read_record(kind: type[Kind], file: Path, remedy: str) -> Kind:
    """The JSON in `file` as a `kind`.

    Raises InputError, in one line, where the file is missing or something else; it then ends in `remedy`.
    """
    content = read_json(file)
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{file}: {describe_damage(error)}; {remedy}") from None

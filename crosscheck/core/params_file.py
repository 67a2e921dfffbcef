"""Changes values in the user's params.yaml, and nothing else: comments, order and other values stay."""

import io
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from crosscheck.core.errors import InputError
from crosscheck.core.files import write_text
from crosscheck.core.params import PARAMS_FILE

# ruamel.yaml would fold what is longer.
NEVER_FOLD = 1 << 20


def change(values: dict[str, Any], file: Path = PARAMS_FILE) -> None:
    """Set these `values`, by dotted name such as `train.lr`, in `file`; a missing key is added at its section's end.

    Raises InputError where the file cannot be read, or has no such section.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = NEVER_FOLD
    try:
        content = yaml.load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise InputError(f"{file}: cannot be changed ({' '.join(str(error).split())}); correct it first") from None
    for name, value in values.items():
        section, _, key = name.partition(".")
        if not isinstance(content, CommentedMap) or not isinstance(content.get(section), CommentedMap):
            raise InputError(f"{file}: has no section {section!r} to set {name} in; add a line '{section}:'")
        if content[section].get(key) != value:
            content[section][key] = _in_one_line(value) if isinstance(value, list) else value
    stream = io.StringIO()
    yaml.dump(content, stream)
    # It is the user's file, and the user has asked for this. Through a link, the file itself is changed.
    write_text(file.resolve(), stream.getvalue(), vouched=True)


def _in_one_line(values: list[Any]) -> CommentedSeq:
    sequence = CommentedSeq(values)
    sequence.fa.set_flow_style()
    return sequence

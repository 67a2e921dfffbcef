"""A result of a study's run as one line of text, and back.

The line is JSON. What a reader may want to see or to search for stands in it as it is: the seed, the key, the releases,
the mode and the instruction set that it was computed with, and how many test images were right. The rest is packed:
JSON, compressed, as text. Nothing is lost but the order of the test images, which are those of their places.
"""

import base64
import json
import lzma
import operator
from itertools import accumulate, pairwise
from typing import Any

from crosscheck.core.records import Record
from crosscheck.study.results import RunResult, StoredResult

# A run's JSON has some kilobytes. The default dictionary is a thousand times as large, and takes as much memory.
FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 2**16}]


class Line(Record):
    """A line of a file of results. `right` of `tested` test images were right; 0 of 0 where the run diverged."""

    seed: int
    key: str
    bits: dict[str, str]
    instructions: str
    right: int
    tested: int
    packed: str


def encode(stored: StoredResult) -> str:
    """The result as one line, without its end."""
    content = stored.result.content()
    content["test"] = _by_place(content["test"])
    line = Line(
        seed=stored.seed,
        key=stored.key,
        bits=stored.bits,
        instructions=stored.instructions,
        right=_count_right(stored.result),
        tested=len(stored.result.test.row),
        packed=_pack(content),
    )
    return line.model_dump_json()


def decode(text: str) -> StoredResult:
    """The result that `encode` made this line of. Raises ValueError where it is not such a line, or was changed."""
    line = Line.model_validate(json.loads(text))
    try:
        content = _unpack(line.packed)
        content["test"] = _with_places(content["test"])
    except (lzma.LZMAError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"packed holds something else: {error}") from None
    result = RunResult.model_validate(content)
    right, tested = _count_right(result), len(result.test.row)
    if (right, tested) != (line.right, line.tested):
        raise ValueError(f"{line.right} of {line.tested} are said to be right, and packed has {right} of {tested}")
    named = line.model_dump(include={"seed", "key", "bits", "instructions"})
    return StoredResult(**named, result=result)


def _count_right(result: RunResult) -> int:
    return sum(map(operator.eq, result.test.actual, result.test.predicted))


def _by_place(test: dict[str, Any]) -> dict[str, Any]:
    """The answers in the order of the images' places, of which only the steps between them are kept: small numbers."""
    if not test.get("row"):
        return test
    answers = sorted(zip(test["row"], test["actual"], test["predicted"], strict=True))
    steps = [after - before for before, after in pairwise([0, *(row for row, _, _ in answers)])]
    return test | {"row": steps, "actual": [each[1] for each in answers], "predicted": [each[2] for each in answers]}


def _with_places(test: dict[str, Any]) -> dict[str, Any]:
    return test | {"row": list(accumulate(test["row"]))} if test.get("row") else test


def _pack(content: dict[str, Any]) -> str:
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    return base64.b85encode(lzma.compress(text.encode(), lzma.FORMAT_RAW, filters=FILTERS)).decode()


def _unpack(packed: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(lzma.decompress(base64.b85decode(packed), lzma.FORMAT_RAW, filters=FILTERS))
    return content

"""Columns of texts in little memory: there may be millions, and Python takes about 80 bytes for a short text.

Each is a sequence: it gives texts, and can be compared with a list of them.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

# File names that are not UTF-8 come back as they went in.
CODEC = ("utf-8", "surrogateescape")
# What an end of 4 bytes can say.
LARGEST = 2**32 - 1


class _Texts(Sequence[str]):
    """What the columns have in common; `_text` gives one text by its place from 0."""

    def _text(self, at: int) -> str:
        raise NotImplementedError

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return [self._text(place) for place in range(*at.indices(len(self)))]
        place = at + len(self) if at < 0 else at
        if not 0 <= place < len(self):
            raise IndexError(f"there is no text {at} among {len(self)}")
        return self._text(place)

    def __iter__(self) -> Iterator[str]:
        return map(self._text, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]


class PackedTexts(_Texts):
    """Texts of any number, one behind the other: each takes its own bytes and 4 more, or 8 of more than 4 GiB."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._bytes = bytearray()
        self._ends = array("I", [0])
        for text in texts:
            self.append(text)

    def append(self, text: str) -> None:
        """Add a text at the end."""
        self._bytes += text.encode(*CODEC)
        if len(self._bytes) > LARGEST and self._ends.typecode == "I":
            self._ends = array("Q", self._ends)
        self._ends.append(len(self._bytes))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def _text(self, at: int) -> str:
        return self._bytes[self._ends[at] : self._ends[at + 1]].decode(*CODEC)


class FewTexts(_Texts):
    """Texts of which at most 256 differ: each takes one byte."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._texts: list[str] = []
        self._codes = bytearray()
        for text in texts:
            self.append(text)

    @classmethod
    def from_codes(cls, known: Sequence[str], codes: NDArray[np.uint8]) -> "FewTexts":
        """The texts `known` at the places `codes`, uint8 (n,)."""
        column = cls()
        column._texts = list(known)
        column._codes = bytearray(codes)
        return column

    def append(self, text: str, times: int = 1) -> None:
        """Add a text at the end, once or several times."""
        if times and text not in self._texts:
            self._texts.append(text)
        self._codes += bytes([self._texts.index(text)]) * times if times else b""

    def equal(self, text: str) -> NDArray[np.bool_]:
        """Which of them are `text`, bool (n,)."""
        codes: NDArray[np.uint8] = np.frombuffer(self._codes, dtype=np.uint8)
        return codes == self._texts.index(text) if text in self._texts else np.zeros(len(codes), dtype=bool)

    def count(self, value: object) -> int:
        """How many of them are `value`."""
        return int(self.equal(value).sum()) if isinstance(value, str) else 0

    def __contains__(self, value: object) -> bool:
        return self.count(value) > 0

    def __len__(self) -> int:
        return len(self._codes)

    def _text(self, at: int) -> str:
        return self._texts[self._codes[at]]


class ChosenTexts(_Texts):
    """Of another column, those in the places `rows`, which may grow."""

    def __init__(self, texts: Sequence[str], rows: "array[int]") -> None:
        self._all, self._rows = texts, rows

    def __len__(self) -> int:
        return len(self._rows)

    def _text(self, at: int) -> str:
        return self._all[self._rows[at]]

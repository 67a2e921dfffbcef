"""The images that `split` has read, in columns: there may be millions, and an object for each would fill the memory."""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

DIGEST = 32


@dataclass(frozen=True, slots=True)
class ReadImage:
    """One image.

    `content` is the SHA-256 of the file's bytes, `pixels` that of the converted pixels, `look` their fingerprint.
    `given` and `listed`: the subset and the group that the folder names for it, or empty texts.
    """

    path: str
    label: int
    content: str
    pixels: str
    look: int
    given: str = ""
    listed: str = ""


class Digests:
    """SHA-256 digests, in 32 bytes each; they go in and come out as texts of 64 hexadecimal digits."""

    def __init__(self, digests: Iterable[str] = ()) -> None:
        self._bytes = bytearray().join(map(bytes.fromhex, digests))

    def append(self, digest: str) -> None:
        """Add a digest at the end."""
        self._bytes += bytes.fromhex(digest)

    def __len__(self) -> int:
        return len(self._bytes) // DIGEST

    def __getitem__(self, at: int) -> str:
        if not 0 <= at < len(self):
            raise IndexError(f"there is no digest {at} among {len(self)}")
        return self._bytes[at * DIGEST : (at + 1) * DIGEST].hex()

    def __iter__(self) -> Iterator[str]:
        return map(self.__getitem__, range(len(self)))


class ReadImages:
    """Images in the order in which they were added, each in about a hundred bytes besides its path.

    Each attribute is a column, named as in `ReadImage`, but in the plural where there is one.
    """

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.labels = array("q")
        self.contents = Digests()
        self.pixels = Digests()
        self.looks = array("Q")
        self.given: list[str] = []
        self.listed: list[str] = []

    def append(self, image: ReadImage) -> None:
        """Add an image at the end."""
        self.paths.append(image.path)
        self.labels.append(image.label)
        self.contents.append(image.content)
        self.pixels.append(image.pixels)
        self.looks.append(image.look)
        self.given.append(image.given)
        self.listed.append(image.listed)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, at: int) -> ReadImage:
        hashes = self.contents[at], self.pixels[at], self.looks[at]
        return ReadImage(self.paths[at], self.labels[at], *hashes, self.given[at], self.listed[at])

    def __iter__(self) -> Iterator[ReadImage]:
        return map(self.__getitem__, range(len(self)))

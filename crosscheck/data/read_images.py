"""The images that `split` has read, in columns: there may be millions, and an object for each would fill the memory."""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from crosscheck.data.decoding import Decoded
from crosscheck.data.image_folder import Listing
from crosscheck.data.packed_texts import ChosenTexts

DIGEST = 32
# So much of a digest is enough to tell images apart.
PIXEL_DIGEST = 16


@dataclass(frozen=True, slots=True)
class ReadImage:
    """One image.

    `content` is the SHA-256 of the file's bytes, `pixels` half of that of the converted pixels, `look` their
    fingerprint.
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
    """Digests of which the first `size` bytes are kept; they go in and come out as texts of hexadecimal digits."""

    def __init__(self, digests: Iterable[str] = (), size: int = DIGEST) -> None:
        self._bytes, self._size = bytearray(), size
        for digest in digests:
            self.append(digest)

    def append(self, digest: str) -> None:
        """Add a digest at the end."""
        self._bytes += bytes.fromhex(digest)[: self._size]

    def __len__(self) -> int:
        return len(self._bytes) // self._size

    def __getitem__(self, at: int) -> str:
        if not 0 <= at < len(self):
            raise IndexError(f"there is no digest {at} among {len(self)}")
        return self._bytes[at * self._size : (at + 1) * self._size].hex()

    def __iter__(self) -> Iterator[str]:
        return map(self.__getitem__, range(len(self)))


class ReadImages:
    """Images of a listing in the order in which they were added, each in 64 bytes besides those of the listing.

    Each attribute is a column, named as in `ReadImage`, but in the plural where there is one.
    """

    def __init__(self, listing: Listing) -> None:
        self._labels = listing.labels
        # Which of the listing's files they are.
        self._rows = array("I")
        self.paths = ChosenTexts(listing.paths, self._rows)
        self.given = ChosenTexts(listing.subsets, self._rows)
        self.listed = ChosenTexts(listing.groups, self._rows)
        self.labels = array("i")
        self.contents = Digests()
        self.pixels = Digests(size=PIXEL_DIGEST)
        self.looks = array("Q")

    def append(self, row: int, decoded: Decoded) -> None:
        """Add the image that the listing's file `row` was decoded to."""
        self._rows.append(row)
        self.labels.append(self._labels[row])
        self.contents.append(decoded.sha256)
        self.pixels.append(decoded.pixels_sha256)
        self.looks.append(decoded.look)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, at: int) -> ReadImage:
        hashes = self.contents[at], self.pixels[at], self.looks[at]
        return ReadImage(self.paths[at], self.labels[at], *hashes, self.given[at], self.listed[at])

    def __iter__(self) -> Iterator[ReadImage]:
        return map(self.__getitem__, range(len(self)))

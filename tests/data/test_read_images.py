"""The images that were read, in columns: what went in comes out, in little memory."""

import hashlib
import tracemalloc
from dataclasses import replace

import pytest

from crosscheck.data.decoding import Decoded
from crosscheck.data.image_folder import Listing
from crosscheck.data.read_images import PIXEL_DIGEST, Digests, ReadImage, ReadImages


def image(index: int) -> ReadImage:
    content, pixels = (hashlib.sha256(f"{kind}{index}".encode()).hexdigest() for kind in ("content", "pixels"))
    hashes = content, pixels[: 2 * PIXEL_DIGEST], 2**64 - 1 - index
    return ReadImage(f"a/{index}.png", index % 3, *hashes, ("", "test")[index % 2], "g")


def decoded(image: ReadImage) -> Decoded:
    return Decoded("image", image.content, 2 * image.pixels, image.look)


def test_what_went_in_comes_out_by_image_and_by_column() -> None:
    expected = [image(index) for index in range(5)]
    # Files that are not images lie between them.
    files = [file for each in expected for file in (each, replace(each, path="no image", label=9, given="train"))]
    columns = ([getattr(file, name) for file in files] for name in ("path", "label", "given", "listed"))
    paths, labels, subsets, groups = columns
    images = ReadImages(Listing(list("abc"), paths, labels, subsets=subsets, groups=groups))
    for row, each in enumerate(expected):
        images.append(2 * row, decoded(each))
    assert (len(images), list(images), images[3]) == (5, expected, expected[3])
    assert list(images.contents) == [each.content for each in expected]
    assert list(images.pixels) == [each.pixels for each in expected]
    assert list(images.labels) == [0, 1, 2, 0, 1]
    assert images.given == ["", "test", "", "test", ""]


@pytest.mark.parametrize("place", [2, -1])
def test_there_is_no_digest_beyond_the_last(place: int) -> None:
    digests = Digests([image(0).content, image(1).content])
    assert digests[1] == image(1).content
    with pytest.raises(IndexError, match=f"no digest {place} among 2"):
        digests[place]


def test_an_image_takes_less_than_eighty_bytes_besides_its_path() -> None:
    count = 20_000
    listing = Listing(["a", "b"], ["a/0.png"] * count, [0, 1] * (count // 2))
    tracemalloc.start()
    images = ReadImages(listing)
    for index in range(count):
        images.append(index, decoded(image(index)))
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(images) == count
    assert taken < 80 * count

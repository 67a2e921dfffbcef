"""The images that were read, in columns: what went in comes out, in little memory."""

import hashlib
import tracemalloc

import pytest

from crosscheck.data.read_images import Digests, ReadImage, ReadImages


def image(index: int) -> ReadImage:
    content, pixels = (hashlib.sha256(f"{kind}{index}".encode()).hexdigest() for kind in ("content", "pixels"))
    return ReadImage(f"a/{index}.png", index % 3, content, pixels, 2**64 - 1 - index, ("", "test")[index % 2], "g")


def test_what_went_in_comes_out_by_image_and_by_column() -> None:
    images, expected = ReadImages(), [image(index) for index in range(5)]
    for each in expected:
        images.append(each)
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


def test_an_image_takes_less_than_two_hundred_bytes_besides_its_path() -> None:
    count = 20_000
    paths = [f"a/{index}.png" for index in range(count)]
    digest = hashlib.sha256(b"").hexdigest()
    tracemalloc.start()
    images = ReadImages()
    for index, path in enumerate(paths):
        images.append(ReadImage(path, index % 2, digest, digest, 2**63 + index))
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(images) == count
    assert taken < 200 * count

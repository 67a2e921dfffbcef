"""An image takes little memory beside its pixels, whatever is asked of a folder: counted in bytes, on made-up lists."""

import hashlib
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crosscheck.core import processes
from crosscheck.core.params import Params
from crosscheck.data import duplicates, group_hints, image_folder, packing, sightings
from crosscheck.data.decoding import Decoded
from crosscheck.data.image_folder import Listing
from crosscheck.data.packed_texts import FewTexts, PackedTexts

FEWER, MORE = 5000, 20_000
LIMIT = 200
GROUP_SIZE = 4
BY_NAME = "(patient[0-9]+)_"


def named(count: int) -> Listing:
    """A listing of `count` images, four of each patient, half of them in each class; there are no files."""
    paths, few, labels = PackedTexts(), FewTexts(), []
    for index in range(count):
        label = 2 * index // count
        paths.append(f"{('circles', 'crosses')[label]}/patient{index // GROUP_SIZE:06d}_{index % GROUP_SIZE}.png")
        few.append("")
        labels.append(label)
    return Listing(["circles", "crosses"], paths, labels, subsets=few, groups=few)


class FakePool:
    """A pool that decodes nothing: every path has an image, of one pixel, that is unlike all others."""

    def map(self, _: object, paths: list[str], chunksize: int) -> Iterator[Decoded]:
        for path in paths:
            digest = hashlib.sha256(path.encode()).digest()
            pixel = np.full((1, 1, 1), digest[0], dtype=np.uint8)
            yield Decoded("image", digest.hex(), digest[::-1].hex(), int.from_bytes(digest[:8], "big"), pixel)


@contextmanager
def fake_pool(**_: object) -> Iterator[FakePool]:
    yield FakePool()


def peak(work: Callable[[], object]) -> int:
    """The most bytes that were taken at once while `work` ran."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def takes_little(work: Callable[[int], Callable[[], object]]) -> bool:
    """Whether the peak grows by less than LIMIT with each image; what is loaded or set up once does not count.

    A thread that another test has left running may take memory meanwhile, so one good measurement of three is enough.
    """
    work(MORE)()
    return any((peak(work(MORE)) - peak(work(FEWER))) / (MORE - FEWER) < LIMIT for _ in range(3))


@pytest.mark.slow
@pytest.mark.parametrize("group_by", ["none", BY_NAME])
def test_split_takes_less_than_two_hundred_bytes_an_image(
    group_by: str, params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "pool", fake_pool)
    data = params.data.model_copy(update={"images": str(tmp_path), "height": 1, "width": 1})
    split = params.split.model_copy(update={"test": 0.15, "val": 0.1, "group_by": group_by})

    def work(count: int) -> Callable[[], Any]:
        monkeypatch.setattr(image_folder, "find", lambda *_: named(count))
        return lambda: packing.split_and_pack(data, split, tmp_path / "out" / str(count))

    (tmp_path / "out").mkdir()
    monkeypatch.setattr(image_folder, "check_apart", lambda *_: None)
    assert takes_little(work)


def test_listing_a_folder_takes_less_than_two_hundred_bytes_an_image(tmp_path: Path) -> None:
    for name in ("circles", "crosses"):
        (tmp_path / name).mkdir()
        for index in range(FEWER):
            (tmp_path / name / f"patient{index:06d}.png").touch()
    image_folder.find(tmp_path)
    assert peak(lambda: image_folder.find(tmp_path)) < LIMIT * 2 * FEWER


def test_inspecting_takes_less_than_two_hundred_bytes_an_image(tmp_path: Path) -> None:
    def work(count: int) -> Callable[[], Any]:
        listing = named(count)
        return lambda: (
            duplicates.find_duplicates(tmp_path, listing),
            group_hints.guess(listing),
            sightings.draw(listing),
        )

    assert takes_little(work)

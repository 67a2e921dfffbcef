"""A study splits packed images again by what the folder itself names: its subsets and its groups."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crosscheck.core.errors import InputError
from crosscheck.core.params import Params, SplitParams
from crosscheck.data import image_folder
from crosscheck.data.splitting import SUBSETS
from crosscheck.study import resplit

Pack = Callable[..., resplit.PackedImages]


@pytest.fixture
def pack(split_images: Callable[..., Path], toy_images: Path, monkeypatch: pytest.MonkeyPatch) -> Pack:
    """Packs the toy images as if their folder named these subsets and groups, by the number of each image."""
    find = image_folder.find

    def packed(
        subset: Callable[[int], str] | None = None, group: Callable[[int], str] | None = None, **changes: Any
    ) -> Any:
        def found(*arguments: Any) -> image_folder.Listing:
            listing = find(*arguments)
            numbers = [int(Path(path).stem) for path in listing.paths]
            nothing = [""] * len(numbers)
            return replace(
                listing,
                subsets=list(map(subset, numbers)) if subset else nothing,
                groups=list(map(group, numbers)) if group else nothing,
            )

        monkeypatch.setattr(image_folder, "find", found)
        return resplit.read(split_images(toy_images, **changes))

    return packed


@pytest.fixture
def split(params: Params) -> SplitParams:
    return params.split.model_copy(update={"test": 3, "val": 2})


def numbers(packed: resplit.PackedImages, rows: np.ndarray) -> list[int]:
    """The numbers of these images."""
    return sorted(int(Path(packed.paths[row]).stem) for row in rows)


def rows_of(packed: resplit.PackedImages, subset: Any) -> np.ndarray:
    """Where the images of a subset stand among the packed."""
    known = {image.tobytes(): row for row, image in enumerate(packed.images)}
    return np.array([known[image.tobytes()] for image in subset.images])


def test_the_folders_own_test_part_stays_and_seeds_draw_only_val(pack: Pack, split: SplitParams) -> None:
    packed = pack(lambda number: "test" if number < 4 else "train", val=1)
    drawn = set()
    for seed in range(5):
        again = resplit.split_again(packed, split.model_copy(update={"seed": seed}))
        assert numbers(packed, again.test_rows) == [0, 0, 1, 1, 2, 2, 3, 3]
        assert (len(again.val), len(again.train)) == (4, 12)
        drawn.add(tuple(numbers(packed, rows_of(packed, again.val))))
    assert len(drawn) > 1


def test_a_folder_that_names_all_parts_is_split_by_no_seed(pack: Pack, split: SplitParams) -> None:
    packed = pack(lambda number: ("test", "val", "train", "train")[number % 4])
    for seed in range(3):
        again = resplit.split_again(packed, split.model_copy(update={"seed": seed}))
        assert numbers(packed, again.test_rows) == [0, 0, 4, 4, 8, 8]
        assert numbers(packed, rows_of(packed, again.val)) == [1, 1, 5, 5, 9, 9]


def test_groups_of_a_table_hold_for_every_seed(pack: Pack, split: SplitParams) -> None:
    packed = pack(group=lambda number: f"p{number // 3}", test=3, val=3)
    assert set(packed.listed) == {"p0", "p1", "p2", "p3"}
    for seed in range(5):
        again = resplit.split_again(packed, split.model_copy(update={"seed": seed, "val": 3}))
        found = numbers(packed, again.test_rows)
        assert len({number // 3 for number in found}) == 1 and len(found) == 6


def test_a_variant_may_group_by_paths_and_another_may_not_group(pack: Pack, split: SplitParams) -> None:
    by_path = split.model_copy(update={"group_by": "/0[0-9]([0-9])[.]"})
    packed = pack(group_by="/0[0-9]([0-9])[.]")
    assert set(packed.listed) == {""}
    grouped = resplit.split_again(packed, by_path)
    found = numbers(packed, grouped.test_rows)
    # The numbers 0 and 10 are of one group, and so are 1 and 11; both classes are in it.
    assert all(found.count(number) == 2 for number in found)
    assert (0 in found) == (10 in found) and (1 in found) == (11 in found)
    alone = resplit.split_again(packed, split)
    assert np.bincount(alone.test.labels).tolist() == [3, 3]
    assert not np.array_equal(alone.test_rows, grouped.test_rows)


def test_a_variant_may_not_group_by_paths_over_the_groups_of_a_table(pack: Pack, split: SplitParams) -> None:
    packed = pack(group=lambda number: f"p{number // 3}", test=3, val=3)
    with pytest.raises(InputError, match=r"split.group_by is 'folder', but the table of data.labels"):
        resplit.split_again(packed, split.model_copy(update={"group_by": "folder"}))


@pytest.mark.parametrize(
    ("subset", "group", "changes"),
    [
        (lambda number: "test" if number < 4 else "", None, {"val": 0.25}),
        (lambda number: "val" if number < 4 else "train", None, {"test": 0.25}),
        (None, lambda number: f"p{number // 2}", {"test": 0.3, "val": 0.2}),
        (None, None, {"test": 0.25, "val": 0.1, "group_by": "/0([0-9][0-9])[.]"}),
        (None, lambda number: f"p{number // 2}", {"folds": 3, "fold": 2, "val": 0.2}),
        (None, None, {"folds": 4, "fold": 1, "val": 2}),
    ],
)
def test_it_splits_as_split_does(pack: Pack, params: Params, subset: Any, group: Any, changes: dict[str, Any]) -> None:
    """What `split` wrote with some seed is what another packing is split into with that seed."""
    wanted = params.split.model_copy(update={"seed": 5, "test": 1, "val": 1} | changes)
    expected = resplit.split_again(pack(subset, group, **changes, seed=1), wanted)
    packed = pack(subset, group, **changes, seed=5)
    for name in SUBSETS:
        folder = Path("data/split")
        assert (np.load(folder / f"{name}.npy") == getattr(expected, name).images).all()
        assert (np.load(folder / f"{name}_labels.npy") == getattr(expected, name).labels).all()
    assert packed.listed == [group(int(Path(path).stem)) if group else "" for path in packed.paths]


def test_what_an_earlier_release_packed_is_read(split_images: Callable[..., Path], toy_images: Path) -> None:
    folder = split_images(toy_images)
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as lines:
        rows = [row[:5] for row in csv.reader(lines)]
    assert rows[0] == ["path", "class_name", "subset", "row", "sha256"]
    now = resplit.read(folder)
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as lines:
        csv.writer(lines).writerows(rows)
    (folder / "report.json").write_text("{}", encoding="utf-8")
    before = resplit.read(folder)
    assert (before.given, before.listed) == ([""] * 24, [""] * 24)
    assert before.paths == now.paths and (before.images == now.images).all()

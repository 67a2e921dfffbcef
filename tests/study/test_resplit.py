"""Images that were packed once are dealt out again by another seed."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from crosscheck.core.params import Params
from crosscheck.data import dataset
from crosscheck.data.splitting import SUBSETS
from crosscheck.study import resplit


@pytest.mark.parametrize("seed", [0, 7])
def test_it_deals_as_split_does_with_that_seed(
    split_images: Callable[..., Path], toy_images: Path, params: Params, seed: int
) -> None:
    stock = resplit.read(split_images(toy_images, seed=3))
    wanted = params.split.model_copy(update={"seed": seed, "test": 4, "val": 2})
    dealt = resplit.split_again(stock, wanted)
    folder = split_images(toy_images, seed=seed, test=4, val=2)
    for name in SUBSETS:
        expected = dataset.read(folder, name, stock.data_set)
        found: dataset.Subset = getattr(dealt, name)
        assert (found.images == expected.images).all() and (found.labels == expected.labels).all()
    assert (stock.images[dealt.test_rows] == dealt.test.images).all()


def test_fewer_training_images_leave_the_other_subsets_alone(
    split_images: Callable[..., Path], toy_images: Path, params: Params
) -> None:
    stock = resplit.read(split_images(toy_images))
    wanted = params.split.model_copy(update={"test": 3, "val": 2})
    few, every = resplit.split_again(stock, wanted, 2), resplit.split_again(stock, wanted)
    assert np.bincount(few.train.labels).tolist() == [2, 2]
    assert (few.test.images == every.test.images).all() and (few.val.images == every.val.images).all()


def test_its_hash_tells_other_images_labels_and_seeds_apart(
    split_images: Callable[..., Path], toy_images: Path, params: Params
) -> None:
    stock = resplit.read(split_images(toy_images))
    wanted = params.split.model_copy(update={"test": 3, "val": 2})

    def digest(stock: resplit.PackedImages = stock, seed: int = 0, count: int = 5) -> str:
        dealt = resplit.split_again(stock, wanted.model_copy(update={"seed": seed}), count)
        return resplit.digest(dealt, stock.data_set)

    pixels, labels = stock.images.copy(), 1 - stock.labels
    pixels[0, 0, 0, 0] ^= 1
    others = [
        resplit.PackedImages(stock.data_set, pixels, stock.labels, stock.paths, stock.contents),
        resplit.PackedImages(stock.data_set, stock.images, labels, stock.paths, stock.contents),
    ]
    found = [digest(), digest(seed=1), digest(count=4), *map(digest, others)]
    assert len(set(found)) == len(found)
    assert digest() == found[0]


def test_its_hash_does_not_depend_on_what_the_class_is_called(
    split_images: Callable[..., Path], toy_images: Path, params: Params
) -> None:
    stock = resplit.read(split_images(toy_images))
    dealt = resplit.split_again(stock, params.split.model_copy(update={"test": 3, "val": 2}))
    renamed = type("Renamed", (type(stock.data_set),), {})(**vars(stock.data_set))
    assert repr(renamed) != repr(stock.data_set)
    assert resplit.digest(dealt, renamed) == resplit.digest(dealt, stock.data_set)

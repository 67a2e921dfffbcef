"""The recipe gives values that the project takes, and that fit what was found."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers.image_folders import draw_toy_images, fill
from PIL import Image

from crosscheck.core.errors import InputError
from crosscheck.core.params import Params
from crosscheck.data import inspection
from crosscheck.data.image_folder import Listing
from crosscheck.data.inspection import Inspection
from crosscheck.network.shapes import map_size
from crosscheck.pipeline import recipe


@pytest.fixture
def found(tmp_path: Path) -> Inspection:
    return inspection.inspect_folder(draw_toy_images(tmp_path / "mine", 10, size=40))


def with_counts(found: Inspection, *counts: int, **subsets: int) -> Inspection:
    """`found` with so many files of each class, and in subsets of these sizes."""
    labels = [label for label, count in enumerate(counts) for _ in range(count)]
    paths = [f"{label}/{number}.png" for number, label in enumerate(labels)]
    parts = [name for name, count in subsets.items() for _ in range(count)] or [""] * len(paths)
    listing = Listing([f"class {label}" for label in range(len(counts))], paths, labels, [], False, parts, parts)
    return replace(found, listing=listing)


def with_photos(found: Inspection, size: int = 200, names: tuple[str, ...] = ("cat", "dog")) -> Inspection:
    """`found` as if its images were coloured photos of `size` px."""
    seen = [replace(each, colourful=True) for each in found.sample.seen]
    headers = [replace(each, width=size, height=size, stores_colour=True) for each in found.headers]
    listing = replace(found.listing, classes=list(names))
    return replace(found, sample=replace(found.sample, seen=seen), headers=headers, listing=listing)


def values(found: Inspection) -> dict[str, Any]:
    return {each.name: each.value for each in recipe.recommend(found)}


def without_backbones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "BACKBONE_MODULES", ("no_such_module",))


@pytest.mark.parametrize("size", [(8, 8), (28, 28), (45, 36), (64, 64), (200, 20), (300, 200), (20, 200)])
def test_the_values_are_parameters_of_a_network_that_fits(
    tmp_path: Path, params: Params, size: tuple[int, int]
) -> None:
    fill(tmp_path, "a/", "b/")
    for name in ("a", "b"):
        for number in range(3):
            Image.new("L", size, number).save(tmp_path / name / f"{number}.png")
    wanted = recipe.apply(recipe.recommend(inspection.inspect_folder(tmp_path)), params)
    assert min(map_size(wanted.model, wanted.data.height, wanted.data.width)) >= 1
    assert wanted.train.epochs >= 10


def test_every_value_has_a_reason_and_stands_once(found: Inspection) -> None:
    settings = recipe.recommend(found)
    names = [each.name for each in settings]
    assert len(set(names)) == len(names)
    assert all(0 < len(each.reason) < 70 for each in settings)
    fields = [
        f"{section}.{name}" for section, kind in Params.model_fields.items() for name in kind.annotation.model_fields
    ]
    assert names == [name for name in fields if name in names]


def test_a_class_with_one_image_stops_and_one_with_two_has_no_validation(found: Inspection) -> None:
    with pytest.raises(InputError, match="the class 'class 1' has only 1 image"):
        recipe.recommend(with_counts(found, 5, 1))
    two = values(with_counts(found, 5, 2))
    assert (two["split.val"], two["train.keep"]) == (0, "last")
    three = values(with_counts(found, 5, 3))
    assert (three["split.val"], three["train.keep"]) == (0.15, "best")


def test_unequal_classes_are_weighted(found: Inspection) -> None:
    assert values(with_counts(found, 30, 10))["train.class_weights"] == "none"
    assert values(with_counts(found, 31, 10))["train.class_weights"] == "balanced"


def test_more_images_need_fewer_epochs_and_larger_batches(found: Inspection) -> None:
    small, middle, large = (values(with_counts(found, count, count)) for count in (50, 2000, 50_000))
    epochs, batches = ([each[name] for each in (small, middle, large)] for name in ("train.epochs", "train.batch_size"))
    assert epochs == [150, 17, 5]
    assert batches == [32, 32, 64]


@pytest.mark.parametrize(("images", "batch"), [(4, 8), (11, 8), (22, 16), (23, 16), (24, 32)])
def test_an_epoch_of_a_tiny_folder_has_two_steps_where_it_can(found: Inspection, images: int, batch: int) -> None:
    tiny = with_counts(found, images, images)
    assert values(tiny)["train.batch_size"] == batch
    steps = recipe.train_images(tiny) / batch
    assert steps > 1 or batch == recipe.SMALLEST_BATCH


def test_the_folders_own_subsets_are_kept(found: Inspection) -> None:
    own = replace(with_counts(found, 60, 60, train=80, val=20, test=20), layout="subsets")
    assert values(own)["data.layout"] == "subsets"
    assert recipe.train_images(own) == 80
    assert recipe.train_images(with_counts(found, 60, 60, train=100, test=20)) == 85


def test_photos_may_be_mirrored_unless_their_classes_have_sides(
    found: Inspection, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_backbones(monkeypatch)
    assert values(found)["augment.fliplr"] == 0
    assert values(with_photos(found))["augment.fliplr"] == 0.5
    for names in (("turn left", "turn right"), ("3", "8"), ("b", "d"), ("left_hand", "right_hand")):
        assert values(with_photos(found, names=names))["augment.fliplr"] == 0, names
    assert values(with_photos(found, names=("bright", "cleft")))["augment.fliplr"] == 0.5


def test_few_photos_get_a_frozen_backbone_where_it_is_installed(
    found: Inspection, monkeypatch: pytest.MonkeyPatch, params: Params
) -> None:
    monkeypatch.setattr(recipe, "BACKBONE_MODULES", ("numpy",))
    photos = with_photos(found)
    wanted = recipe.apply(recipe.recommend(photos), params)
    assert (wanted.model.backbone, wanted.model.pretrained, wanted.model.freeze) == (recipe.BACKBONE, True, True)
    assert (wanted.data.height, wanted.data.width, wanted.data.channels) == (224, 224, 3)
    assert not any(wanted.augment.model_dump().values())
    assert recipe.remarks(photos) == []
    for others in (found, with_photos(found, size=32)):
        assert values(others)["model.backbone"] == "none"


def test_without_the_extra_photos_get_convolutions_and_its_name(
    found: Inspection, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_backbones(monkeypatch)
    photos = with_photos(found)
    assert values(photos)["model.backbone"] == "none"
    assert "install the extra backbones" in recipe.remarks(photos)[0]
    assert recipe.remarks(found) == []

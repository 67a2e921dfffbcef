"""Distorted test images."""

import numpy as np
import pytest

from crosscheck.data.dataset import Subset
from crosscheck.study import corruptions

SIZE = 40


@pytest.fixture
def squares() -> Subset:
    """Six white images with a dark square of 10 px in the middle."""
    images = np.full((6, SIZE, SIZE, 1), 255, np.uint8)
    images[:, 15:25, 15:25] = 0
    return Subset(images, np.array([0, 1] * 3))


def dark(subset: Subset) -> np.ndarray:
    """The dark pixels of each image, as if each level of grey were a part of one."""
    return (255 - subset.images.astype(float)).sum((1, 2, 3)) / 255


@pytest.mark.parametrize("kind", list(corruptions.GRID))
def test_the_untouched_level_is_in_the_grid_and_changes_nothing(squares: Subset, kind: str) -> None:
    level = corruptions.UNTOUCHED[kind]
    assert level in corruptions.GRID[kind]
    assert (corruptions.distort(squares, kind, level, 255).images == squares.images).all()


@pytest.mark.parametrize(
    ("kind", "level"), [(kind, level) for kind, levels in corruptions.GRID.items() for level in levels]
)
def test_every_level_keeps_shape_type_labels_and_is_the_same_again(squares: Subset, kind: str, level: float) -> None:
    first, second = (corruptions.distort(squares, kind, level, 255) for _ in range(2))
    assert first.images.shape == squares.images.shape and first.images.dtype == np.uint8
    assert (first.images == second.images).all()
    assert (first.labels == squares.labels).all()


def test_a_shift_moves_the_centre_by_its_share_of_the_width(squares: Subset) -> None:
    moved = corruptions.distort(squares, "shift", 0.1, 255)
    weights = 255 - moved.images[..., 0].astype(float)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    centres = np.stack([(weights * axis).sum((1, 2)) / weights.sum((1, 2)) for axis in (rows, columns)], axis=1)
    assert np.linalg.norm(centres - 19.5, axis=1) == pytest.approx([4.0] * 6, abs=0.05)
    assert len({tuple(centre.round(3)) for centre in centres}) == 6


def test_scaling_changes_the_area_by_the_square(squares: Subset) -> None:
    assert dark(corruptions.distort(squares, "scale", 0.5, 255)) == pytest.approx([25.0] * 6, rel=0.05)
    assert dark(corruptions.distort(squares, "scale", 1.2, 255)) == pytest.approx([144.0] * 6, rel=0.05)


def test_a_quarter_turn_is_one(squares: Subset) -> None:
    corner = np.full((6, SIZE, SIZE, 1), 255, np.uint8)
    corner[:, :12, :6] = 0
    turned = corruptions.distort(Subset(corner, squares.labels), "rotation", 90.0, 255).images
    sides = [np.rot90(corner[0], times) for times in (1, 3)]
    assert all(any(np.abs(image.astype(int) - side).max() <= 1 for side in sides) for image in turned)


@pytest.mark.parametrize(("level", "side"), [(-2.0, 6), (-1.0, 8), (1.0, 12), (4.0, 18)])
def test_strokes_grow_and_shrink_on_each_side(squares: Subset, level: float, side: int) -> None:
    assert dark(corruptions.distort(squares, "stroke", level, 255)) == pytest.approx([side**2] * 6)


def test_on_a_dark_background_it_is_the_bright_strokes_that_grow() -> None:
    images = np.zeros((1, SIZE, SIZE, 1), np.uint8)
    images[:, 15:25, 15:25] = 255
    grown = corruptions.distort(Subset(images, np.array([0])), "stroke", 1.0, 0).images
    assert (grown > 0).sum() == 144


def test_noise_flips_its_share_of_pixels(squares: Subset) -> None:
    noisy = corruptions.distort(squares, "noise", 0.2, 255).images
    # Half of the noise is white, as most pixels are anyway.
    assert (noisy != squares.images).mean() == pytest.approx(0.1, abs=0.02)


def test_what_moves_in_is_background(squares: Subset) -> None:
    grey = Subset(np.full_like(squares.images, 200), squares.labels)
    moved = corruptions.distort(grey, "shift", 0.3, 200).images
    assert (moved == 200).all()

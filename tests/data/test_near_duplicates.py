"""Near-duplicates: re-encoded and slightly changed images are found, other images that look alike are not."""

import io

import numpy as np
import pytest
from PIL import Image

from crosscheck.core.params import Params
from crosscheck.data import near_duplicates, synthetic


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """A smooth scene with some texture, uint8 (64, 64, 1)."""
    y, x = np.mgrid[0:64, 0:64]
    texture = np.random.default_rng(0).normal(0, 2, (64, 64))
    scene = 128 + 60 * np.sin(x / 9) * np.cos(y / 13) + 40 * (x > y) + texture
    return np.clip(scene, 0, 255).astype(np.uint8)[..., np.newaxis]


def as_jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(pixels.squeeze(-1)).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))[..., np.newaxis]


def pairs(pixels: list[np.ndarray], subset_of: list[str]) -> list[tuple[int, int]]:
    looks = [near_duplicates.fingerprint(image) for image in pixels]
    digests = [image.tobytes().hex() for image in pixels]
    return [(p.first, p.second) for p in near_duplicates.across_subsets(np.stack(pixels), looks, digests, subset_of)]


def test_a_re_encoded_image_is_a_near_duplicate(photo: np.ndarray) -> None:
    assert pairs([photo, as_jpeg(photo, 60)], ["train", "test"]) == [(0, 1)]


def test_a_few_changed_pixels_make_a_near_duplicate(photo: np.ndarray) -> None:
    changed = photo.copy()
    changed[:4, :4] = 0

    assert pairs([changed, photo], ["train", "test"]) == [(0, 1)]


def test_near_duplicates_in_the_same_subset_are_no_leak(photo: np.ndarray) -> None:
    assert pairs([photo, as_jpeg(photo, 60)], ["train", "train"]) == []


def test_equal_pixels_are_taken_once(photo: np.ndarray) -> None:
    again = as_jpeg(photo, 60)

    assert pairs([photo, photo, again, again], ["train", "train", "test", "test"]) == [(0, 2)]


def test_colour_images_are_compared_in_colour(photo: np.ndarray) -> None:
    grey = np.repeat(photo, 3, axis=2)
    slightly, quite = grey.copy(), grey.copy()
    slightly[..., 0] = np.clip(slightly[..., 0].astype(int) + 3, 0, 255)
    quite[..., 0], quite[..., 2] = 255 - grey[..., 0], 255 - grey[..., 2]
    looks = [5, 5, 5]

    found = near_duplicates.across_subsets(
        np.stack([grey, slightly, quite]), looks, ["a", "b", "c"], ["train", "val", "test"]
    )

    assert [(pair.first, pair.second) for pair in found] == [(0, 1)]


def test_drawings_that_merely_look_alike_are_not_near_duplicates(params: Params) -> None:
    sheets = [
        np.where(synthetic.draw(params.synthesize, 0, index), 0, 255).astype(np.uint8)[..., np.newaxis]
        for index in range(300)
    ]

    assert pairs(sheets, ["train", "test"] * 150) == []


def test_a_drawing_saved_as_jpeg_is_a_near_duplicate(params: Params) -> None:
    sheet = np.where(synthetic.draw(params.synthesize, 1, 0), 0, 255).astype(np.uint8)[..., np.newaxis]

    assert pairs([sheet, as_jpeg(sheet, 60)], ["train", "val"]) == [(0, 1)]


def test_flat_images_of_different_grey_are_two_images() -> None:
    sheets = [np.full((8, 8, 1), grey, dtype=np.uint8) for grey in (0, 120, 255)]

    assert pairs(sheets, ["train", "val", "test"]) == []


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 300, 3), (300, 1, 1), (8192, 2, 3)])
def test_every_shape_has_a_fingerprint_of_64_bits(shape: tuple[int, int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)

    assert 0 <= near_duplicates.fingerprint(pixels) < 2**64


def test_the_pixels_compared_are_bounded_where_everything_looks_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_duplicates, "MOST_COMPARED", 50)
    pixels = np.zeros((1000, 2, 2, 1), dtype=np.uint8)

    found = near_duplicates.across_subsets(pixels, [0] * 1000, [str(n) for n in range(1000)], ["train", "test"] * 500)

    assert len(found) == 50

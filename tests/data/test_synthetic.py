"""The built-in images: the same everywhere, with the geometry of the originals, and harder only as asked."""

import hashlib

import numpy as np
import pytest
from scipy import ndimage

from crosscheck.core.params import Params, SynthesizeParams
from crosscheck.data import synthetic

CLASSES = list(synthetic.CLASSES)
# Measured on the originals: percentiles 1, 25, 50, 75 and 99 of 1000 images of each class, in px.
PERCENTILES = (1, 25, 50, 75, 99)
ORIGINAL = {
    "circles": {
        "left": (13, 22, 31, 40, 48),
        "right": (66, 87, 97, 105, 106),
        "top": (9, 10, 18, 29, 48),
        "bottom": (66, 76, 84, 93, 102),
        "width": (50, 58, 64, 72, 84),
        "height": (50, 58, 64, 71, 84),
        "ink": (442, 624, 700, 772, 920),
    },
    "crosses": {
        "left": (15, 20, 27, 36, 54),
        "right": (65, 82, 91, 99, 105),
        "top": (10, 16, 23, 33, 51),
        "bottom": (62, 79, 87, 94, 101),
        "width": (24, 51, 63, 73, 88),
        "height": (25, 51, 63, 73, 88),
        "ink": (272, 448, 513, 584, 746),
    },
}
WHITE = {"circles": 0.948, "crosses": 0.962}


@pytest.fixture
def plain(params: Params) -> SynthesizeParams:
    return params.synthesize


def images(params: SynthesizeParams, class_index: int, count: int = 300) -> np.ndarray:
    return np.stack([synthetic.draw(params, class_index, index) for index in range(count)])


def measured(ink: np.ndarray) -> dict[str, np.ndarray]:
    """The edges, sizes and ink of each image of bool (n, height, width)."""
    columns, rows = ink.any(axis=1), ink.any(axis=2)
    last = ink.shape[1] - 1
    left, right = columns.argmax(axis=1), last - columns[:, ::-1].argmax(axis=1)
    top, bottom = rows.argmax(axis=1), last - rows[:, ::-1].argmax(axis=1)
    width, height = right - left + 1, bottom - top + 1
    return {
        "left": left,
        "right": right,
        "top": top,
        "bottom": bottom,
        "width": width,
        "height": height,
        "ink": ink.sum(axis=(1, 2)),
    }


def test_the_same_parameters_draw_the_same_bits_on_every_machine(plain: SynthesizeParams) -> None:
    found = {
        (name, index): hashlib.sha256(np.packbits(synthetic.draw(plain, label, index)).tobytes()).hexdigest()[:16]
        for label, name in enumerate(CLASSES)
        for index in (0, 1, 999)
    }

    assert found == {
        ("circles", 0): "f52e96bd30b8a8ae",
        ("circles", 1): "fd2f12d6f06004af",
        ("circles", 999): "bbe2ba814ff97493",
        ("crosses", 0): "bf050920a3c71f6d",
        ("crosses", 1): "6bf34e2d677bcb5f",
        ("crosses", 999): "edc8a1e95f0283d3",
    }


def test_an_image_depends_on_its_own_number_and_not_on_the_count(plain: SynthesizeParams) -> None:
    more = plain.model_copy(update={"images_per_class": 5000})

    assert np.array_equal(synthetic.draw(plain, 1, 7), synthetic.draw(more, 1, 7))
    assert not np.array_equal(synthetic.draw(plain, 1, 7), synthetic.draw(plain, 1, 8))


def test_the_seed_changes_every_image(plain: SynthesizeParams) -> None:
    other = images(plain.model_copy(update={"seed": 1}), 0, 20)

    assert (images(plain, 0, 20) != other).any(axis=(1, 2)).all()


@pytest.mark.parametrize("label", [0, 1], ids=CLASSES)
def test_geometry_is_that_of_the_original_images(plain: SynthesizeParams, label: int) -> None:
    ink = images(plain, label)

    for figure, values in measured(ink).items():
        expected = ORIGINAL[CLASSES[label]][figure]
        # A percentile of 300 images moves by a few px from seed to seed, more so in the tails.
        tolerances = np.array([40, 30, 30, 30, 40] if figure == "ink" else [7, 6, 5, 6, 7])
        assert (np.abs(np.percentile(values, PERCENTILES) - expected) <= tolerances).all(), figure
    assert 1 - ink.mean() == pytest.approx(WHITE[CLASSES[label]], abs=0.003)


def test_about_half_of_the_circles_and_hardly_a_cross_enclose_white(plain: SynthesizeParams) -> None:
    closed = [
        np.mean([ndimage.label(~image)[1] > 1 for image in images(plain, label)]) for label in range(len(CLASSES))
    ]

    assert 0.4 < closed[0] < 0.7
    assert closed[1] < 0.06


def test_no_ink_leaves_the_window(plain: SynthesizeParams) -> None:
    moved = plain.model_copy(update={"displacement": 60.0, "rotation": 180.0})
    ink = np.concatenate([images(moved, label, 100) for label in range(len(CLASSES))]).any(axis=0)
    rows, columns = np.nonzero(ink)

    assert rows.min() >= synthetic.TOP - 1
    assert rows.max() <= synthetic.BOTTOM
    assert columns.min() >= synthetic.LEFT - 1
    assert columns.max() <= synthetic.RIGHT


@pytest.mark.parametrize("key", ["rotation", "stroke_spread", "noise", "displacement"])
def test_each_difficulty_changes_the_images_and_none_of_them_is_on_by_default(
    plain: SynthesizeParams, key: str
) -> None:
    assert getattr(plain, key) == 0
    harder = plain.model_copy(update={key: 0.1 if key == "noise" else 10.0})

    for label in range(len(CLASSES)):
        assert (images(plain, label, 10) != images(harder, label, 10)).any(axis=(1, 2)).all()


def test_noise_flips_that_share_of_the_pixels_and_leaves_the_shape(plain: SynthesizeParams) -> None:
    noisy = plain.model_copy(update={"noise": 0.05})
    flipped = images(plain, 0, 20) ^ images(noisy, 0, 20)

    assert flipped.mean() == pytest.approx(0.05, abs=0.003)
    assert flipped[:, :8].any(), "the noise is on the whole paper, not in the window only"


def test_displacement_moves_the_shape_by_at_most_so_many_px(plain: SynthesizeParams) -> None:
    moved = plain.model_copy(update={"displacement": 6.0})
    before, after = measured(images(plain, 1, 100)), measured(images(moved, 1, 100))
    clear = (before["left"] > 22) & (before["right"] < 97)
    shift = after["left"][clear] - before["left"][clear]

    assert np.abs(shift).max() <= 7
    assert shift.min() < -3
    assert shift.max() > 3


def test_rotation_turns_a_shape_by_up_to_so_many_degrees(plain: SynthesizeParams) -> None:
    turned = plain.model_copy(update={"rotation": 8.0})
    angles = []
    for index in range(60):
        falling = _stroke_angle(synthetic.draw(plain, 1, index))
        angles.append(_stroke_angle(synthetic.draw(turned, 1, index)) - falling)
    changes = np.abs(np.array(angles))

    assert 1.0 < np.median(changes) < 8.0


def _stroke_angle(ink: np.ndarray) -> float:
    """The direction of the axis with the most ink, in degrees: that of a principal component."""
    y, x = np.nonzero(ink)
    vectors = np.linalg.eigh(np.cov(x, y))[1]
    return float(np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1])) % 180)


def test_stroke_spread_makes_thin_and_thick_pens(plain: SynthesizeParams) -> None:
    spread = plain.model_copy(update={"stroke_spread": 3.0})
    ratio = images(spread, 1, 100).sum(axis=(1, 2)) / images(plain, 1, 100).sum(axis=(1, 2))

    assert ratio.min() < 0.5
    assert ratio.max() > 1.5
    assert ratio.mean() == pytest.approx(1.0, abs=0.1)


def test_a_wider_pen_leaves_more_ink(plain: SynthesizeParams) -> None:
    wide = plain.model_copy(update={"stroke_width": 8.0})

    assert images(wide, 1, 50).sum() == pytest.approx(2 * images(plain, 1, 50).sum(), rel=0.1)


def test_another_size_draws_the_same_shapes_smaller(plain: SynthesizeParams) -> None:
    small = images(plain.model_copy(update={"size": 58}), 0, 50)
    large = images(plain, 0, 50)

    assert small.shape == (50, 58, 58)
    assert np.abs(2 * measured(small)["left"] - measured(large)["left"]).max() <= 2
    assert small.mean() == pytest.approx(large.mean(), rel=0.05)


@pytest.mark.parametrize("changes", [{"size": 16}, {"stroke_width": 40.0, "stroke_spread": 40.0}, {"noise": 0.5}])
def test_extreme_parameters_still_draw(plain: SynthesizeParams, changes: dict[str, float]) -> None:
    ink = images(plain.model_copy(update=changes), 0, 5)

    assert ink.any(axis=(1, 2)).all()

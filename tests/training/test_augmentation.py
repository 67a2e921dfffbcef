"""Random changes of images: what each parameter does, against torchvision, and that their bits hang on nothing else."""

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from helpers.repository import ROOT
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as oracle

from crosscheck.core.params import AugmentParams
from crosscheck.training import augmentation
from crosscheck.training.augmentation import DRAWS, Augmentation, Changes, build_augmentation

BACKGROUND = 200
ALL: dict[str, float] = {
    "fliplr": 0.5, "flipud": 0.5, "degrees": 30.0, "translate": 0.2, "scale": 0.4,
    "brightness": 0.3, "contrast": 0.3, "erasing": 0.5,
}  # fmt: skip
SHAPES = pytest.mark.parametrize("shape", [(9, 1, 20, 20), (9, 3, 17, 31), (9, 1, 16, 5), (9, 1, 1, 1)])
pytestmark = pytest.mark.usefixtures("one_thread")


def noise(*shape: int) -> Tensor:
    """uint8 images, channels last in memory as those of a file."""
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0)).contiguous(
        memory_format=torch.channels_last
    )


def drawn(images: Tensor, wanted: dict[str, float], **draws: float) -> Tensor:
    """`images` changed by `wanted` with chosen draws, the same for all; the others are in the middle of their range."""
    row = [draws.get(name, 0.5) for name in DRAWS]
    numbers = np.array([row] * len(images), dtype=np.float32)
    return Changes(AugmentParams(**wanted), BACKGROUND, numbers).apply(images, np.arange(len(images)))


def at_random(images: Tensor, epoch: int = 1, seed: int = 0, **wanted: float) -> Tensor:
    changes = Augmentation(AugmentParams(**wanted), seed, BACKGROUND).draw(epoch, len(images))
    return changes.apply(images, np.arange(len(images)))


def test_with_every_value_at_0_there_is_nothing_that_runs() -> None:
    assert build_augmentation(AugmentParams(), 0, 255) is None
    for name in AugmentParams.model_fields:
        assert build_augmentation(AugmentParams(**{name: 0.5}), 0, 255) is not None


@SHAPES
def test_flips_are_exact(shape: tuple[int, ...]) -> None:
    images = noise(*shape)
    assert torch.equal(at_random(images, fliplr=1.0), images.flip(3))
    assert torch.equal(at_random(images, flipud=1.0), images.flip(2))
    assert torch.equal(at_random(images, fliplr=1.0, flipud=1.0), images.flip(2, 3))


def test_a_flip_comes_as_often_as_asked_for_and_leaves_the_other_images_as_they_are() -> None:
    images = noise(400, 1, 4, 6)
    changed = at_random(images, fliplr=0.3)
    flipped = (changed == images.flip(3)).all((1, 2, 3))
    assert ((changed == images).all((1, 2, 3)) ^ flipped).all()
    assert 0.22 < flipped.double().mean() < 0.38


@SHAPES
def test_an_image_is_flipped_before_it_moves(shape: tuple[int, ...]) -> None:
    images = noise(*shape)
    moves = {name: ALL[name] for name in ("degrees", "translate", "scale")}
    changed = at_random(images, fliplr=0.5, flipud=0.5, **moves)
    assert torch.equal(changed, at_random(at_random(images, fliplr=0.5, flipud=0.5), **moves))


def test_the_images_of_the_training_set_stay_as_they_are() -> None:
    images = noise(9, 3, 17, 31)
    for wanted in (ALL, *({name: value} for name, value in ALL.items())):
        at_random(images, **wanted)
        assert torch.equal(images, noise(9, 3, 17, 31))


@SHAPES
def test_a_resampling_that_moves_nothing_changes_nothing(shape: tuple[int, ...]) -> None:
    assert torch.equal(drawn(noise(*shape), {"degrees": 90.0, "translate": 0.5, "scale": 0.5}), noise(*shape))


def test_a_quarter_and_a_half_of_a_turn_are_exact() -> None:
    images = noise(3, 1, 20, 20)
    assert torch.equal(drawn(images, {"degrees": 90.0}, degrees=1.0), images.rot90(-1, (2, 3)))
    assert torch.equal(drawn(images, {"degrees": 90.0}, degrees=0.0), images.rot90(1, (2, 3)))
    assert torch.equal(drawn(images, {"degrees": 180.0}, degrees=1.0), images.flip(2, 3))


def test_a_shift_is_a_share_of_the_size_and_what_moves_in_is_background() -> None:
    images = noise(2, 3, 20, 40)
    moved = drawn(images, {"translate": 0.25}, across=1.0, down=0.0)
    assert torch.equal(moved[:, :, :15, 10:], images[:, :, 5:, :30])
    assert (moved[:, :, 15:] == BACKGROUND).all() and (moved[:, :, :, :10] == BACKGROUND).all()


def test_zoom_is_about_the_centre() -> None:
    image = torch.full((1, 1, 40, 40), 255, dtype=torch.uint8)
    image[:, :, 10:30, 10:30] = 0
    for draw, low, high in ((1.0, 5, 35), (0.0, 15, 25)):
        # The outermost pixels are mixed with what lies beyond them.
        dark = (drawn(image, {"scale": 0.5}, scale=draw)[0, 0, 1:-1, 1:-1] < 128).nonzero() + 1
        assert (dark.min().item(), dark.max().item() + 1) == (low, high)


@pytest.mark.parametrize("channels", [1, 3])
def test_turn_zoom_and_shift_are_those_of_torchvision(channels: int) -> None:
    # Smooth, since a grid that differs by a hundredth of a pixel is no other grid.
    smooth = torch.nn.functional.interpolate(noise(1, channels, 6, 8).float(), (42, 60), mode="bicubic").clamp(0, 255)
    images = smooth.to(torch.uint8)
    wanted = {"degrees": 40.0, "translate": 0.2, "scale": 0.5}
    for turn, zoom, across, down in ((0.9, 0.2, 0.75, 0.1), (0.1, 0.9, 0.1, 0.6), (0.6, 0.5, 0.5, 0.5)):
        mine = drawn(images, wanted, degrees=turn, scale=zoom, across=across, down=down)
        settings: dict[str, Any] = {
            "angle": 40 * (2 * turn - 1),
            "translate": [0.2 * 60 * (2 * across - 1), 0.2 * 42 * (2 * down - 1)],
            "scale": 1 + 0.5 * (2 * zoom - 1),
            "shear": [0.0, 0.0],
            "interpolation": InterpolationMode.BILINEAR,
        }
        theirs = oracle.affine(images.float(), fill=[float(BACKGROUND)] * channels, **settings)
        covered = oracle.affine(torch.ones_like(theirs), fill=[0.0] * channels, **settings)
        # At the edge torchvision counts the background twice.
        inside, outside = covered > 0.999, covered == 0
        assert (mine.float() - theirs)[inside].abs().max() <= 1
        assert (mine[outside] == BACKGROUND).all()
        assert inside[0, 0].sum() > 500 and (inside | outside)[0, 0].sum() > 0.9 * 42 * 60


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("draw", [0.0, 0.2, 0.5, 1.0])
def test_brightness_and_contrast_are_those_of_torchvision(channels: int, draw: float) -> None:
    images = noise(4, channels, 20, 24)
    factor = 1 + 0.6 * (2 * draw - 1)
    for name, adjust in (("brightness", oracle.adjust_brightness), ("contrast", oracle.adjust_contrast)):
        theirs = adjust(images, factor).float()
        # They cut off what is behind the point, and take 0.2989 of red.
        assert (drawn(images, {name: 0.6}, **{name: draw}).float() - theirs).abs().max() <= 1


def test_an_erased_rectangle_is_background_and_of_the_size_that_torchvision_draws() -> None:
    images = noise(500, 1, 40, 30).clamp(max=BACKGROUND - 1)
    changed = at_random(images, erasing=0.4)
    erased = (changed == BACKGROUND)[:, 0]
    assert torch.equal(changed[~erased[:, None]], images[~erased[:, None]])
    areas = erased.sum((1, 2)).double() / (40 * 30)
    heights, widths = (erased.any(axis).sum(1) for axis in (2, 1))
    assert torch.equal(heights * widths, erased.sum((1, 2)))
    assert 0.33 < (areas > 0).double().mean() < 0.47
    assert 0.01 < areas[areas > 0].min() < 0.05 and 0.25 < areas.max() < 0.36
    ratios = (heights / widths)[areas > 0]
    assert 0.2 < ratios.min() < 0.6 and 2 < ratios.max() < 4


def test_every_draw_stays_within_its_range_and_reaches_its_ends() -> None:
    image = torch.full((300, 1, 8, 8), 100, dtype=torch.uint8)
    grey = at_random(image, brightness=0.5)[:, 0, 0, 0]
    assert 50 <= grey.min() < 54 and 146 < grey.max() <= 150
    draws = dict(zip(DRAWS, np.random.default_rng(0).random((len(DRAWS), 300)), strict=True))
    places = augmentation._places(AugmentParams(translate=0.25), draws, 8, 16)
    across = places.columns[0][:, 0]
    assert -4 <= across.min() < -3.8 and 3.8 < across.max() <= 4


def test_draws_follow_from_seed_epoch_and_row_and_from_nothing_else() -> None:
    wanted = AugmentParams(degrees=10.0)
    first = Augmentation(wanted, 3, 255).draw(2, 50).numbers
    assert np.array_equal(first, Augmentation(AugmentParams(**ALL), 3, 0).draw(2, 50).numbers)
    assert np.array_equal(first[:20], Augmentation(wanted, 3, 255).draw(2, 20).numbers)
    for seed, epoch in ((3, 1), (2, 2), (2, 3)):
        assert not np.isclose(first, Augmentation(wanted, seed, 255).draw(epoch, 50).numbers).any(1).all()
    assert first.min() >= 0 and first.max() < 1
    # As numpy has given them from the first release that has Philox.
    assert hashed(first) == "e43c"


def hashed(values: NDArray[Any]) -> str:
    return (
        f"{int(np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint16).astype(np.uint64).sum()) % 65536:04x}"
    )


@SHAPES
def test_an_image_comes_out_the_same_in_any_batch(shape: tuple[int, ...]) -> None:
    images = noise(*shape)
    changes = Augmentation(AugmentParams(**ALL), 0, BACKGROUND).draw(1, len(images))
    whole = changes.apply(images, np.arange(len(images)))
    order = np.random.default_rng(1).permutation(len(images))
    parts = [changes.apply(images[rows], rows) for rows in np.array_split(order, 4)]
    assert torch.equal(torch.cat(parts), whole[order])
    assert (whole.dtype, whole.shape) == (torch.uint8, images.shape)
    assert whole.is_contiguous(memory_format=torch.channels_last)


def test_everything_is_computed_where_the_images_are() -> None:
    """On the device `meta`, which computes shapes only and mixes with no other one, as a GPU does not."""
    images = noise(5, 3, 17, 31).to("meta")
    changed = Augmentation(AugmentParams(**ALL), 0, BACKGROUND).draw(1, 5).apply(images, np.arange(5))
    assert (changed.device, changed.dtype, changed.shape) == (images.device, torch.uint8, images.shape)


# The libraries choose their instructions when they are first used, hence processes.
CHANGE = """
import hashlib, json, os, sys
from crosscheck.core import bits
for name in bits.PORTABLE:
    os.environ.pop(name, None)
os.environ.update(json.loads(sys.argv[1]))
import numpy as np, torch
from crosscheck.core.params import AugmentParams
from crosscheck.training.augmentation import Augmentation
torch.set_num_threads(int(sys.argv[2]))
wanted = AugmentParams(**json.loads(sys.argv[3]))
found = hashlib.sha256()
for shape in ((40, 1, 116, 116), (20, 3, 45, 37)):
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    changed = Augmentation(wanted, 0, 255).draw(1, len(images)).apply(images, np.arange(len(images)))
    found.update(changed.contiguous().numpy().tobytes())
assert "torchvision" not in sys.modules, "as long to load as an epoch of base"
print(found.hexdigest(), torch.backends.cpu.get_cpu_capability())
"""


def test_the_bits_hang_neither_on_the_instructions_nor_on_the_threads() -> None:
    found, instructions = set(), set()
    for capability, threads in (("default", "1"), ("avx2", "3"), ("avx512", "2"), ("avx2", "1")):
        environment = json.dumps({"ATEN_CPU_CAPABILITY": capability})
        words = [sys.executable, "-c", CHANGE, environment, threads, json.dumps(ALL)]
        done = subprocess.run(words, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True)
        digest, used = done.stdout.split()
        found.add(digest)
        instructions.add(used)
    assert len(instructions) > 1
    # As from the first release that has these changes: what was trained with them is trained so again.
    assert {digest[:8] for digest in found} == {"3ad578ae"}


def test_no_sum_of_an_interpolation_is_rounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """In float64, whose sums have twice the digits, the same comes out to the last bit."""
    values: list[Tensor] = []
    monkeypatch.setattr(augmentation, "_round", lambda found: values.append(found.clone()) or found)
    images = noise(30, 1, 116, 90)
    wanted = {name: ALL[name] for name in ("degrees", "translate", "scale")}
    at_random(images, **wanted)
    sample = torch.nn.functional.grid_sample
    doubled = lambda ink, grid, **options: sample(ink.double(), grid.double(), **options)  # noqa: E731
    monkeypatch.setattr(torch.nn.functional, "grid_sample", doubled)
    at_random(images, **wanted)
    assert values[1].dtype == torch.float64
    assert torch.equal(values[0].double(), values[1])
    assert (values[0] != values[0].round()).double().mean() > 0.5

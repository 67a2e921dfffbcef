"""Values of more than 8 bits are scaled to 8, with a warning where they use so little of their range that few stay."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.image_bytes import GREY, encoded, png_16, tiff, tiff_12
from PIL import Image

from crosscheck.core.params import DataParams, Params
from crosscheck.data import depth
from crosscheck.data.decoding import Decoded, decode_bytes

Split = Callable[..., Path]
RAMP = GREY.astype(np.uint16)


@pytest.fixture
def data(params: Params) -> DataParams:
    return params.data.model_copy(update={"height": 16, "width": 16})


def pgm(values: np.ndarray, top: int = 65535) -> bytes:
    return f"P5 16 16 {top}\n".encode() + values.astype(">u2").tobytes()


def colours(values: np.ndarray) -> np.ndarray:
    return np.stack([values] * 3, axis=-1)


@pytest.mark.parametrize(
    ("content", "used"),
    [
        (png_16(RAMP * 16), (16, 255 * 16, 17)),
        (png_16(RAMP * 16 + 30000), (16, 255 * 16, 17)),
        (png_16(RAMP * 4), (16, 255 * 4, 5)),
        (png_16(RAMP * 64), (16, 255 * 64, 65)),
        (png_16(colours(RAMP * 16)), (16, 4095, 16)),
        (pgm(RAMP * 4), (16, 255 * 4, 5)),
        (pgm(RAMP // 16, 1023), (16, None, None)),
        (encoded(Image.fromarray(RAMP * 16), "TIFF"), (16, 255 * 16, 17)),
        (tiff((65535 - RAMP * 16).astype("<u2").tobytes(), white_is_zero=True), (16, 255 * 16, 17)),
        (tiff_12(RAMP), (16, 4080, 17)),
        (encoded(Image.fromarray(GREY // 16), "PNG"), (8, 15, 16)),
        (encoded(Image.fromarray(colours(GREY // 64)), "PNG"), (8, 3, 4)),
        (encoded(Image.new("L", (16, 16), 255), "PNG"), (8, 0, 1)),
    ],
    ids=[
        "12 bits",
        "12 bits around a middle",
        "10 bits",
        "14 bits",
        "12 bits in colour",
        "10 bits in a PGM",
        "a dark PGM of 10 bits",
        "12 bits in a TIFF",
        "12 bits upside down",
        "a dark TIFF of 12 bits",
        "a dark image",
        "a dark image in colour",
        "a blank image",
    ],
)
def test_images_that_use_little_of_their_range_are_told(
    data: DataParams, content: bytes, used: tuple[int, int | None, int | None]
) -> None:
    found = decode_bytes(content, ".png", data).narrow

    assert found is not None
    bits, width, levels = used
    assert found.bits == bits
    if width is not None:
        assert (found.width, found.levels) == (width, levels)


def test_the_levels_that_are_told_are_those_that_the_pixels_have(data: DataParams) -> None:
    for content in (
        png_16(RAMP * 16),
        png_16(RAMP * 4 + 31000),
        pgm(RAMP * 64),
        encoded(Image.fromarray(GREY // 32), "PNG"),
    ):
        found = decode_bytes(content, ".png", data)
        assert found.pixels is not None and found.narrow is not None
        assert len(np.unique(found.pixels)) == found.narrow.levels


@pytest.mark.parametrize(
    "content",
    [
        png_16(RAMP * 257),
        png_16(colours(RAMP * 257)),
        png_16(RAMP * 128),
        pgm(RAMP * 4, 1023),
        tiff_12(RAMP * 16),
        encoded(Image.fromarray(GREY), "PNG"),
        encoded(Image.fromarray(GREY // 8), "PNG"),
        encoded(Image.fromarray(GREY > 99), "PNG"),
    ],
    ids=[
        "16 bits",
        "16 bits in colour",
        "15 bits",
        "PGM of 10 bits",
        "TIFF of 12 bits",
        "grey",
        "rather dark",
        "1 bit",
    ],
)
def test_images_that_use_enough_of_their_range_are_not(data: DataParams, content: bytes) -> None:
    assert decode_bytes(content, ".png", data).narrow is None


@pytest.mark.parametrize("order", ["<", ">"])
def test_signed_values_are_called_signed_and_not_32_bits(data: DataParams, order: str) -> None:
    found = decode_bytes(tiff(RAMP.astype(f"{order}i2").tobytes(), order=order, sample_format=2), ".tif", data)

    expected = "signed 16-bit values have no agreed black and white; save it with unsigned 16 bits or 8 bits"
    assert found == Decoded("bad", note=expected)


def test_split_warns_of_narrow_ranges_and_the_report_names_the_images(
    toy_images: Path, split_images: Split, capsys: pytest.CaptureFixture[str]
) -> None:
    for index in range(3):
        (toy_images / "bars" / f"x {index}.png").write_bytes(png_16(RAMP * 16 + index))
    Image.fromarray(GREY // 100).save(toy_images / "discs" / "y.png")

    report = json.loads((split_images(toy_images) / "report.json").read_text(encoding="utf-8"))

    assert report["narrow_ranges"] == [
        {
            "bits": 16,
            "images": 3,
            "values_used": 4080,
            "grey_levels_left": 17,
            "paths": [f"bars/x {index}.png" for index in range(3)],
        },
        {"bits": 8, "images": 1, "values_used": 2, "grey_levels_left": 3, "paths": ["discs/y.png"]},
    ]
    said = capsys.readouterr().out
    assert "warning: 3 images use at most 4080 of 65535: only 17 of 256 grey levels are left; rescale" in said
    assert "warning: 1 images use at most 3 of 256 grey levels, so they look blank or very dark; rescale" in said


def test_only_the_first_of_very_many_paths_are_listed() -> None:
    (group,) = depth.found({str(index): depth.Used(16, 4095, 17) for index in range(1000)})
    assert (group["images"], len(group["paths"])) == (1000, depth.MOST_PATHS)

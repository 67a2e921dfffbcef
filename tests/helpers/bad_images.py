"""A corpus of files as users have them: whole, odd, broken and hostile. Each maker writes one file.

`ODD` are kinds that must be read, with the pixels they must give; `BAD` must end in one line; `OTHER` are no images.
"""

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageDraw

from helpers.image_bytes import (
    GREY,
    bomb,
    encoded,
    frames,
    icon_with_a_bomb,
    png_16_transparent,
    rotated,
    tiff,
    tiff_12,
)

Array = np.ndarray
BACKGROUND = 200
RAMP = np.stack([GREY, GREY.T, 255 - GREY], axis=-1)
LUMA = np.array(Image.fromarray(RAMP).convert("L"))


@dataclass(frozen=True)
class Odd:
    """A file that must be read: its name, its bytes, the grey 16 x 16 pixels within `off` levels, and a note."""

    name: str
    content: bytes
    pixels: Array
    off: int = 0
    note: str = ""


def _mode(mode: str) -> Image.Image:
    return Image.fromarray(RAMP).convert(mode)


def _over_background(alpha: Array, grey: Array) -> Array:
    share = alpha.astype(float) / 255
    return np.rint(grey * share + BACKGROUND * (1 - share))


def _palette() -> Image.Image:
    image = Image.fromarray(GREY, "P")
    image.putpalette([level for index in range(256) for level in (index, 255 - index, 0)])
    return image


def _palette_luma() -> Array:
    colours = np.stack([GREY, 255 - GREY, np.zeros_like(GREY)], axis=-1)
    return np.array(Image.fromarray(colours).convert("L"))


def odd_images() -> list[Odd]:
    """Every kind of file that must be read."""
    grey, colour = Image.fromarray(GREY), Image.fromarray(RAMP)
    rgba = colour.copy()
    rgba.putalpha(Image.fromarray(GREY))
    la = grey.copy()
    la.putalpha(Image.fromarray(GREY.T.copy()))
    see_through = _palette()
    one_bit = np.array(grey.convert("1")).astype(np.uint8) * 255
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    sixteen = Image.fromarray(GREY.astype(np.uint16) * 257)
    jpeg = {"quality": 100, "subsampling": 0}
    clear_black = np.where(GREY == 0, BACKGROUND, GREY)
    first = "the first of 3 frames is used"
    return [
        *(
            Odd(f"grey.{kind.lower()}", encoded(grey, kind), GREY)
            for kind in ("PNG", "BMP", "TIFF", "PPM", "PCX", "SGI", "DIB", "GIF")
        ),
        Odd("lossless.webp", encoded(colour, "WEBP", lossless=True), LUMA),
        Odd("grey.jp2", encoded(grey, "JPEG2000"), GREY),
        Odd("grey.avif", encoded(grey, "AVIF", quality=100), GREY, 4),
        Odd("icon.ico", encoded(rgba, "ICO", sizes=[(16, 16)]), _over_background(GREY, LUMA), 1),
        Odd("a png in spite of its name.jpg", encoded(grey, "PNG"), GREY),
        Odd("a jpeg in spite of its name.png", encoded(grey, "JPEG", quality=100), GREY, 2),
        Odd("no suffix", encoded(grey, "PNG"), GREY),
        Odd("capitals.PNG", encoded(grey, "PNG"), GREY),
        Odd("two.dots.text.txt", encoded(grey, "PNG"), GREY),
        Odd("colour.png", encoded(colour, "PNG"), LUMA),
        Odd("colour.jpg", encoded(colour, "JPEG", **jpeg), LUMA, 3),
        Odd("progressive.jpg", encoded(grey, "JPEG", progressive=True, quality=100), GREY, 2),
        Odd("cmyk.jpg", encoded(_mode("CMYK"), "JPEG", quality=100), LUMA, 6),
        Odd("ycbcr.tiff", encoded(_mode("YCbCr"), "TIFF"), LUMA, 3),
        Odd("lab.tiff", encoded(_mode("LAB"), "TIFF"), LUMA, 12),
        Odd("16 bits.png", encoded(sixteen, "PNG"), GREY),
        Odd("16 bits transparent.png", png_16_transparent(), clear_black),
        Odd("16 bits.tiff", encoded(sixteen, "TIFF"), GREY),
        Odd("16 bits big-endian.tiff", tiff((GREY.astype(">u2") * 257).tobytes(), order=">"), GREY),
        Odd("16 bits upside down.tiff", tiff((65535 - GREY.astype("<u2") * 257).tobytes(), white_is_zero=True), GREY),
        Odd("12 bits.tiff", tiff_12(GREY.astype(np.uint16) * 16), GREY, 1),
        Odd("16 bits.pgm", b"P5 16 16 65535\n" + (GREY.astype(">u2") * 257).astype(">u2").tobytes(), GREY),
        Odd("10 bits.pgm", b"P5 16 16 1023\n" + (GREY.astype(">u2") * 4).astype(">u2").tobytes(), GREY, 1),
        Odd("palette.png", encoded(_palette(), "PNG"), _palette_luma()),
        Odd(
            "palette with transparency.png",
            encoded(see_through, "PNG", transparency=0),
            np.where(GREY == 0, BACKGROUND, _palette_luma()),
        ),
        Odd("grey with a transparent level.png", encoded(grey, "PNG", transparency=0), clear_black),
        Odd("grey and alpha.png", encoded(la, "PNG"), _over_background(GREY.T, GREY), 1),
        Odd("rgba.png", encoded(rgba, "PNG"), _over_background(GREY, LUMA), 1),
        Odd("rgba.webp", encoded(rgba, "WEBP", lossless=True, exact=True), _over_background(GREY, LUMA), 1),
        Odd("rgba.tiff", encoded(rgba, "TIFF"), _over_background(GREY, LUMA), 1),
        Odd("1 bit.bmp", encoded(grey.convert("1"), "BMP"), one_bit),
        Odd("1 bit.png", encoded(grey.convert("1"), "PNG"), one_bit),
        Odd("1 bit.tiff", encoded(grey.convert("1"), "TIFF", compression="group4"), one_bit),
        Odd("lzw.tiff", encoded(grey, "TIFF", compression="tiff_lzw"), GREY),
        Odd("icc.png", encoded(colour, "PNG", icc_profile=profile), LUMA),
        Odd("icc.jpg", encoded(colour, "JPEG", icc_profile=profile, **jpeg), LUMA, 3),
        Odd("animated.gif", frames("GIF"), GREY, 0, first),
        Odd("pages.tiff", frames("TIFF"), GREY, 0, first),
        Odd("animated.png", frames("PNG"), GREY, 0, first),
        Odd("animated.webp", frames("WEBP", lossless=True), GREY, 0, first),
        Odd("photo.mpo", frames("MPO", quality=100), GREY, 2, first),
        *(Odd(f"turned {n}.jpg", rotated(n, "JPEG"), GREY, 2) for n in range(1, 9)),
        Odd("turned 6.png", rotated(6, "PNG"), GREY),
        Odd("turned 6.tiff", rotated(6, "TIFF"), GREY),
        Odd("no end chunk.png", encoded(grey, "PNG")[:-12], GREY),
        Odd("rubbish behind.png", encoded(grey, "PNG") + b"rubbish" * 100, GREY),
        Odd("ünïcödé 图像.png", encoded(grey, "PNG"), GREY),
        Odd("emoji 🙂.png", encoded(grey, "PNG"), GREY),
        Odd('two\nlines\rand, "quotes".png', encoded(grey, "PNG"), GREY),
        Odd("x" * 251 + ".png", encoded(grey, "PNG"), GREY),
        Odd("$dollar$ %s {} -rf *.png", encoded(grey, "PNG"), GREY),
    ]


def truncated() -> dict[str, bytes]:
    """Noise, which no format can compress away, in each format, cut at a quarter, a half and nine tenths."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8))
    suffixes = {"PNG": "png", "JPEG": "jpg", "BMP": "bmp", "GIF": "gif", "TIFF": "tif", "WEBP": "webp", "PPM": "ppm"}
    whole = {suffix: encoded(noise, kind) for kind, suffix in suffixes.items()}
    whole["lzw.tif"] = encoded(noise, "TIFF", compression="tiff_lzw")
    return {
        f"cut at {share:.0%}.{suffix}": content[: int(len(content) * share)]
        for suffix, content in whole.items()
        for share in (0.01, 0.25, 0.5, 0.9)
    }


def _float_tiff() -> bytes:
    return encoded(Image.fromarray(GREY.astype(np.float32)), "TIFF")


def _int_tiff() -> bytes:
    return encoded(Image.fromarray(GREY.astype(np.int32)), "TIFF")


def _damaged_png() -> bytes:
    content = bytearray(encoded(Image.fromarray(GREY), "PNG"))
    content[60] ^= 255
    return bytes(content)


def bad_images() -> dict[str, tuple[bytes, str]]:
    """Contents that must be refused, and a part of what must be said, by name."""
    drawing = Image.new("RGB", (8, 8))
    ImageDraw.Draw(drawing).line((0, 0, 7, 7))
    unread = "not an image in a format that is read here"
    return {
        **{name: (content, "") for name, content in truncated().items()},
        "empty.png": (b"", "it is empty"),
        "signature only.png": (b"\x89PNG\r\n\x1a\n", ""),
        "text.png": (b"This is not an image.\n", unread),
        "page.jpg": (b"<!DOCTYPE html><html><body>404 Not Found</body></html>", unread),
        "drawing.svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', unread),
        "photo.heic": (b"\x00\x00\x00\x18ftypheic", unread),
        "program.eps": (encoded(drawing, "EPS"), unread),
        "program.png": (encoded(drawing, "EPS"), unread),
        "document.pdf": (encoded(drawing, "PDF"), unread),
        "zeros.bmp": (bytes(1000), unread),
        "archive.gif": (b"PK\x03\x04" + bytes(100), unread),
        "float.tiff": (_float_tiff(), "32-bit pixels have no agreed range"),
        "signed 16 bits.tiff": (
            tiff((GREY.astype("<i2") - 99).tobytes(), sample_format=2),
            "signed 16-bit values have",
        ),
        "int.tiff": (_int_tiff(), "32-bit pixels have no agreed range"),
        "damaged.png": (_damaged_png(), ""),
        "bomb.png": (bomb(), "decompression bomb"),
        "large.png": (bomb(10_000, 10_000), "10000 x 10000 px is over the limit"),
        "bomb.ico": (icon_with_a_bomb(), ""),
        "no width.png": (bomb(0, 10), ""),
        "no frames.gif": (b"GIF89a" + struct.pack("<HHBBB", 16, 16, 0, 0, 0) + b";", ""),
        os.fsdecode(b"not \xff utf-8.png"): (encoded(Image.fromarray(GREY), "PNG"), "its name is not UTF-8"),
    }


def _fifo(file: Path) -> None:
    os.mkfifo(file)


def _outside(file: Path) -> None:
    target = file.parent.parent.parent / "outside.png"
    target.write_bytes(encoded(Image.fromarray(GREY), "PNG"))
    file.symlink_to(target)


def _sparse(file: Path) -> None:
    with file.open("wb") as stream:
        stream.write(encoded(Image.fromarray(GREY), "PNG"))
        stream.truncate(2**40)


BAD_ENTRIES: dict[str, tuple[Callable[[Path], object], str]] = {
    "broken link.png": (lambda file: file.symlink_to("nowhere.png"), "a link to 'nowhere.png', which does not exist"),
    "loop.png": (lambda file: file.symlink_to(file.name), "symbolic links"),
    "outside.png": (_outside, "a link to a file outside of the folder"),
    "folder.png": (lambda file: file.symlink_to("/usr"), "a link to a folder outside of the folder"),
    "device.png": (lambda file: file.symlink_to("/dev/zero"), "a link to a file outside of the folder"),
    "fifo.png": (_fifo, "not a regular file"),
    "terabyte.png": (_sparse, "1099511627776 bytes are over the limit"),
}

OTHER = {
    "Thumbs.db": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000),
    "desktop.ini": b"[ViewState]\n",
    "labels.csv": b"name,label\n",
    "empty": b"",
    "notes": b"remember the milk",
}

ODD, BAD = odd_images(), bad_images()

"""Turns one image file of the user's into pixels of the size and the channels that the parameters ask for."""

import hashlib
import io
import os
import stat
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from pydantic import ValidationError

from crosscheck.core import validation_messages
from crosscheck.core.errors import InputError
from crosscheck.core.params import DataParams
from crosscheck.data import depth, links, near_duplicates, walk
from crosscheck.data.dataset import DataSet

Pixels = NDArray[np.uint8]

# Raster formats that have a signature; nothing else (EPS runs a program, TGA has no signature) is decoded.
# Each must be one that Pillow opens by this name: an unknown one fails every file that the names before it do not take.
FORMATS = ("AVIF", "BMP", "DIB", "GIF", "ICO", "JPEG", "JPEG2000", "PCX", "PNG", "PPM", "SGI", "TIFF", "WEBP")
MAX_PIXELS = 89_478_485
MAX_BYTES = 256 * 2**20
UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    IndexError,
    KeyError,
    OverflowError,
    MemoryError,
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


@dataclass(frozen=True)
class Decoded:
    """What became of one file: pixels, or the reason why there are none.

    `sha256` is of the file's bytes, `pixels_sha256` of the pixels; `look` is `lookalikes.fingerprint`; `narrow` is
    there where the image uses little of the range that its values have.
    """

    kind: Literal["image", "bad", "other"]
    sha256: str = ""
    pixels_sha256: str = ""
    look: int = 0
    pixels: Pixels | None = None
    note: str = ""
    narrow: depth.Used | None = None


def data_params(data_set: DataSet, where: str) -> DataParams:
    """How the images of `data_set` were converted. Raises InputError, naming `where` it stands, for no such way."""
    fields = {name: getattr(data_set, name) for name in DataParams.model_fields if hasattr(data_set, name)}
    try:
        return DataParams.model_validate({"images": where, **fields})
    except ValidationError as error:
        problem = validation_messages.describe_error(error, DataParams, ("data_set",))
        raise InputError(f"{where}: its description of images is wrong ({problem}); make the file again") from None


def decode(root: Path, path: str, data: DataParams) -> Decoded:
    """Read `root`/`path` once and convert it, as `decode_bytes` does with its content."""
    file = root / path
    try:
        path.encode("utf-8")
        content = _read(file, root)
    except UnicodeEncodeError:
        return Decoded("bad", note="its name is not UTF-8; rename it")
    except OSError as error:
        return Decoded("bad", note=str(error.strerror or error))
    return decode_bytes(content, file.suffix, data)


def decode_bytes(content: bytes, suffix: str, data: DataParams) -> Decoded:
    """Convert the content of a file whose name ends in `suffix`: `pixels` is uint8 (height, width, channels).

    A file that is not an image is `other` by its content, unless its name says that it should be one: then it is `bad`.
    """
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(content), formats=FORMATS) as image:
            frames = getattr(image, "n_frames", 1)
            if image.width * image.height > MAX_PIXELS:
                return Decoded("bad", note=f"{image.width} x {image.height} px is over the limit of {MAX_PIXELS} px")
            stored = depth.stored(image)
            pixels = convert(image, stored, data)
            used = depth.used(image, stored, pixels)
    except UnidentifiedImageError:
        if walk.is_named_like_an_image(suffix):
            return Decoded("bad", note=f"not an image in a format that is read here ({_first_bytes(content)})")
        return Decoded("other")
    except UNREADABLE as error:
        return Decoded("bad", note=" ".join(str(error).split()) or type(error).__name__)
    note = f"the first of {frames} frames is used" if frames > 1 else ""
    digests, look = (_sha256(content), _sha256(pixels.tobytes())), near_duplicates.fingerprint(pixels)
    return Decoded("image", *digests, look, pixels, note, used if used.is_little else None)


def convert(image: Image.Image, stored: depth.Stored, data: DataParams) -> Pixels:
    """The first frame of `image` as uint8 (height, width, channels).

    Turned upright by its EXIF orientation; transparent parts over the background; 16 bits scaled to 8; CMYK and
    palettes by Pillow's conversion to RGB; colour to grey by ITU-R 601; colour profiles are not applied. Resized
    with an antialiased bilinear filter: stretched, or scaled to fit and padded.
    """
    image = depth.to_eight_bits(ImageOps.exif_transpose(image), stored)
    mode = "L" if data.channels == 1 else "RGB"
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        paper = Image.new("RGBA", layer.size, (data.background,) * 3 + (255,))
        image = Image.alpha_composite(paper, layer)
    if image.mode not in ("1", "L", "RGB"):
        image = image.convert("RGB")
    image = _resize(image.convert(mode), data)
    return np.asarray(image, dtype=np.uint8).reshape(data.height, data.width, data.channels)


def _resize(image: Image.Image, data: DataParams) -> Image.Image:
    size = (data.width, data.height)
    if image.size == size:
        return image
    if data.fit == "stretch":
        return image.resize(size, Image.Resampling.BILINEAR)
    scale = min(data.width / image.width, data.height / image.height)
    # A very long image still keeps one pixel of its short side.
    inner = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    canvas = Image.new(image.mode, size, (data.background,) * len(image.getbands()))
    corner = ((data.width - inner[0]) // 2, (data.height - inner[1]) // 2)
    canvas.paste(image.resize(inner, Image.Resampling.BILINEAR), corner)
    return canvas


def _read(file: Path, root: Path) -> bytes:
    # First, since a loop of links is an OSError here and, up to Python 3.12, a RuntimeError where it is resolved.
    _expect_something_there(file)
    if file.is_symlink() and not links.is_followed(file, root):
        what = "folder" if file.is_dir() else "file"
        raise OSError(f"a link to a {what} outside of the folder of images; copy the {what} here instead")
    # What is asked of the open file cannot be another file than is read; and a pipe would hang without O_NONBLOCK.
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return _read_whole(descriptor)
    finally:
        os.close(descriptor)


def _expect_something_there(file: Path) -> None:
    try:
        file.stat()
    except FileNotFoundError:
        if file.is_symlink():
            target = str(file.readlink())
            raise OSError(f"a link to {target!r}, which does not exist; remove it or copy the file here") from None
        raise


def _read_whole(descriptor: int) -> bytes:
    before = os.fstat(descriptor)
    if not stat.S_ISREG(before.st_mode):
        raise OSError("not a regular file")
    if before.st_size > MAX_BYTES:
        raise OSError(f"{before.st_size} bytes are over the limit of {MAX_BYTES}")
    with os.fdopen(descriptor, "rb", closefd=False) as stream:
        content = stream.read(before.st_size + 1)
    after = os.fstat(descriptor)
    if len(content) != before.st_size or (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise OSError("changed while it was read; run this again when it is whole")
    return content


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _first_bytes(content: bytes) -> str:
    return f"it starts with {content[:8]!r}" if content else "it is empty"

"""Writes images as bytes, with the headers that Pillow would not write."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

GREY = np.arange(0, 256, dtype=np.uint8).reshape(16, 16)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def tiff(
    data: bytes, bits: int = 16, *, order: str = "<", white_is_zero: bool = False, sample_format: int = 1
) -> bytes:
    """An uncompressed 16 x 16 grey TIFF, written by hand: Pillow writes the machine's order and few kinds of values."""
    tags = [
        (256, 3, 16),
        (257, 3, 16),
        (258, 3, bits),
        (259, 3, 1),
        (262, 3, 0 if white_is_zero else 1),
        (273, 4, 8),
        (277, 3, 1),
        (278, 3, 16),
        (279, 4, len(data)),
        (339, 3, sample_format),
    ]
    entries = b"".join(
        struct.pack(f"{order}HHI", tag, kind, 1)
        + (struct.pack(f"{order}HH", value, 0) if kind == 3 else struct.pack(f"{order}I", value))
        for tag, kind, value in tags
    )
    head = b"II*\x00" if order == "<" else b"MM\x00*"
    where, count = struct.pack(f"{order}I", 8 + len(data)), struct.pack(f"{order}H", len(tags))
    return head + where + data + count + entries + bytes(4)


def tiff_12(values: np.ndarray) -> bytes:
    """A grey TIFF of 12 bits: three bytes for every two values."""
    bits = np.unpackbits(values.astype(">u2").view(np.uint8).reshape(16, 16, 2), axis=2)[:, :, 4:]
    return tiff(np.packbits(bits.reshape(16, -1), axis=1).tobytes(), 12)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width: int = 60_000, height: int = 60_000) -> bytes:
    """A PNG of a few bytes that claims so many pixels."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(bytes(1000))) + png_chunk(b"IEND", b"")


def png_16(values: np.ndarray) -> bytes:
    """A PNG of 16 bits from values (16, 16), grey, or (16, 16, 3), colours."""
    rows = b"".join(b"\x00" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", 16, 16, 16, 2 if values.ndim == 3 else 0, 0, 0, 0)
    chunks = [png_chunk(b"IHDR", header), png_chunk(b"IDAT", zlib.compress(rows)), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def png_16_transparent() -> bytes:
    """A 16-bit grey PNG whose black is transparent."""
    rows = b"".join(b"\x00" + row.astype(">u2").tobytes() for row in GREY.astype(np.uint32) * 257)
    chunks = [
        png_chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 16, 0, 0, 0, 0)),
        png_chunk(b"tRNS", struct.pack(">H", 0)),
        png_chunk(b"IDAT", zlib.compress(rows)),
        png_chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def rotated(orientation: int, kind: str) -> bytes:
    """`GREY` stored so that a viewer that heeds the EXIF orientation shows it upright."""
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    image = Image.fromarray(GREY)
    exif = Image.Exif()
    exif[274] = orientation
    options = {"quality": 100} if kind == "JPEG" else {}
    return encoded(image if undo is None else image.transpose(undo), kind, exif=exif, **options)


def frames(kind: str, **options: object) -> bytes:
    more = [Image.fromarray(255 - GREY), Image.fromarray(GREY.T)]
    return encoded(Image.fromarray(GREY), kind, save_all=True, append_images=more, **options)


def icon_with_a_bomb() -> bytes:
    inside = bomb()
    return struct.pack("<HHH", 0, 1, 1) + struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(inside), 22) + inside

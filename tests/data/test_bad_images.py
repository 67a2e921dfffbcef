"""Every kind of file in `bad_images` is read right, or named in one line; skipping lists it and goes on."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.bad_images import BACKGROUND, BAD, BAD_ENTRIES, ODD, OTHER, Odd
from helpers.image_bytes import GREY, encoded
from helpers.repository import ROOT
from PIL import Image

from crosscheck.core.params import DataParams, Params
from crosscheck.data import decoding
from crosscheck.data.decoding import decode

Split = Callable[..., Path]


@pytest.fixture
def data(params: Params) -> DataParams:
    return params.data.model_copy(update={"height": 16, "width": 16, "background": BACKGROUND})


def test_every_format_is_one_that_pillow_opens_by_that_name() -> None:
    Image.init()
    assert set(decoding.FORMATS) <= set(Image.OPEN)


@pytest.mark.parametrize("odd", ODD, ids=[ascii(odd.name)[1:40] for odd in ODD])
def test_an_odd_image_is_read_with_the_right_pixels(tmp_path: Path, data: DataParams, odd: Odd) -> None:
    (tmp_path / odd.name).write_bytes(odd.content)

    decoded = decode(tmp_path, odd.name, data)

    assert (decoded.kind, decoded.note) == ("image", odd.note)
    assert decoded.pixels is not None
    assert np.abs(decoded.pixels.squeeze(-1).astype(int) - odd.pixels).max() <= odd.off


@pytest.mark.parametrize("odd", [odd for odd in ODD if odd.name in ("rgba.png", "16 bits.png", "1 bit.bmp")])
def test_grey_images_read_as_colour_have_three_equal_channels(tmp_path: Path, data: DataParams, odd: Odd) -> None:
    (tmp_path / odd.name).write_bytes(odd.content)
    pixels = decode(tmp_path, odd.name, data.model_copy(update={"channels": 3})).pixels

    assert pixels is not None
    assert pixels.shape == (16, 16, 3)
    if odd.name != "rgba.png":
        assert (pixels == pixels[..., :1]).all()


@pytest.mark.parametrize("name", BAD, ids=[ascii(name)[1:-1] for name in BAD])
def test_a_bad_image_is_refused_in_a_few_words(tmp_path: Path, data: DataParams, name: str) -> None:
    content, said = BAD[name]
    (tmp_path / name).write_bytes(content)

    decoded = decode(tmp_path, name, data)

    assert decoded.kind == "bad"
    assert decoded.pixels is None
    assert said in decoded.note
    assert decoded.note.isprintable()
    assert 0 < len(decoded.note) < 200


@pytest.mark.parametrize("name", BAD_ENTRIES)
def test_what_is_no_regular_file_of_the_folder_is_refused_unread(tmp_path: Path, data: DataParams, name: str) -> None:
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    make, said = BAD_ENTRIES[name]
    make(root / "a" / name)

    decoded = decode(root, f"a/{name}", data)

    assert decoded.kind == "bad"
    assert said in decoded.note


@pytest.mark.parametrize("name", OTHER)
def test_a_file_that_neither_is_nor_claims_to_be_an_image_is_another_file(
    tmp_path: Path, data: DataParams, name: str
) -> None:
    (tmp_path / name).write_bytes(OTHER[name])

    assert decode(tmp_path, name, data).kind == "other"


def test_a_link_inside_the_folder_is_read(tmp_path: Path, data: DataParams) -> None:
    (tmp_path / "real.png").write_bytes(encoded(Image.fromarray(GREY), "PNG"))
    (tmp_path / "link.png").symlink_to("real.png")

    assert decode(tmp_path, "link.png", data).sha256 == decode(tmp_path, "real.png", data).sha256 != ""


def test_a_file_that_may_not_be_read_is_refused(
    tmp_path: Path, data: DataParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "locked.png"
    file.write_bytes(encoded(Image.fromarray(GREY), "PNG"))
    file.chmod(0)
    if os.access(file, os.R_OK):

        def refuse(path: Path, flags: int) -> int:
            raise PermissionError(13, "Permission denied", str(path))

        # The superuser may read every file, so the refusal is made here.
        monkeypatch.setattr(os, "open", refuse)

    assert decode(tmp_path, "locked.png", data).note == "Permission denied"


def test_a_file_that_vanishes_or_changes_after_the_listing_is_refused(tmp_path: Path, data: DataParams) -> None:
    (tmp_path / "now a folder.png").mkdir()

    assert decode(tmp_path, "gone.png", data).note == "No such file or directory"
    assert decode(tmp_path, "now a folder.png", data).note == "not a regular file"


@pytest.mark.parametrize("change", ["grows", "shrinks", "is written anew"])
def test_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, data: DataParams, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    file = tmp_path / "changing.png"
    whole = encoded(Image.fromarray(GREY), "PNG")
    file.write_bytes(whole)
    os.utime(file, ns=(1, 1))
    asked = os.fstat

    def then_change(descriptor: int) -> os.stat_result:
        status = asked(descriptor)
        if change == "grows":
            file.write_bytes(whole + b"more" * 2**20)
        elif change == "shrinks":
            os.truncate(file, len(whole) // 2)
        else:
            file.write_bytes(whole)
        return status

    monkeypatch.setattr(os, "fstat", then_change)
    assert decode(tmp_path, file.name, data).note == "changed while it was read; run this again when it is whole"


def test_a_file_that_becomes_a_pipe_before_it_is_opened_does_not_hang(
    tmp_path: Path, data: DataParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "x.png"
    file.write_bytes(encoded(Image.fromarray(GREY), "PNG"))
    is_symlink = Path.is_symlink

    def then_swap(path: Path) -> bool:
        path.unlink()
        os.mkfifo(path)
        return is_symlink(path)

    monkeypatch.setattr(Path, "is_symlink", then_swap)
    assert decode(tmp_path, file.name, data).note == "not a regular file"


def test_a_bomb_is_refused_without_the_memory_that_it_claims(tmp_path: Path, data: DataParams) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name in ("bomb.png", "large.png", "bomb.ico"):
        (tmp_path / name).write_bytes(BAD[name][0])
        assert decode(tmp_path, name, data).kind == "bad"

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000, "kB"


# What the largest image that is read may take: four bytes a pixel, in six copies.
MOST_MEMORY = 24 * decoding.MAX_PIXELS
LIMITED = """
import json, resource, sys
from pathlib import Path
from crosscheck.core import params
from crosscheck.data.decoding import decode

root, room = Path(sys.argv[1]), int(sys.argv[2])
data = params.load(Path(sys.argv[3])).data
decode(root, sorted(path.name for path in root.iterdir())[0], data)
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + room, used + room))
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
found = {path.name: decode(root, path.name, data) for path in root.iterdir()}
print(json.dumps({name: [decoded.kind, decoded.note] for name, decoded in found.items()}))
"""


def decode_all_within(room: int, folder: Path) -> dict[str, list[str]]:
    """Kind and note of every file of `folder`, read by a process that gets `room` bytes more and a minute."""
    words = [sys.executable, "-c", LIMITED, str(folder), str(room), str(ROOT / "params.yaml")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300)
    return dict(json.loads(done.stdout))


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is counted as Linux does")
def test_every_kind_of_image_is_read_or_refused_within_limits(tmp_path: Path) -> None:
    bad = {name: content for name, (content, _) in BAD.items() if name.isprintable()}
    for name, content in [*bad.items(), *((odd.name, odd.content) for odd in ODD)]:
        (tmp_path / name).write_bytes(content)
    found = decode_all_within(100 * 2**20, tmp_path)
    assert len(found) == len(bad) + len(ODD)
    assert {name for name, (kind, _) in found.items() if kind == "bad"} == set(bad)
    assert not [note for _, note in found.values() if "emory" in note]


@pytest.mark.soak
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is counted as Linux does")
@pytest.mark.parametrize(("mode", "kind"), [("L", "PNG"), ("RGBA", "PNG"), ("I;16", "PNG"), ("CMYK", "TIFF")])
def test_the_largest_image_that_is_read_takes_bounded_memory(tmp_path: Path, mode: str, kind: str) -> None:
    side = int(decoding.MAX_PIXELS**0.5)
    content = encoded(Image.new(mode, (side, side)), kind, **({"compression": "tiff_lzw"} if kind == "TIFF" else {}))
    (tmp_path / "largest.png").write_bytes(content)
    Image.new("L", (1, 1)).save(tmp_path / "a small one first.png")
    assert decode_all_within(MOST_MEMORY, tmp_path)["largest.png"][0] == "image"


@pytest.mark.parametrize("fit", ["pad", "stretch"])
@pytest.mark.parametrize("size", [(1, 1), (1, 10_000), (10_000, 1), (3, 2)])
def test_extreme_shapes_fill_the_image_or_are_padded(
    tmp_path: Path, data: DataParams, size: tuple[int, int], fit: str
) -> None:
    Image.new("L", size, 50).save(tmp_path / "x.png")
    pixels = decode(tmp_path, "x.png", data.model_copy(update={"fit": fit})).pixels

    assert pixels is not None
    assert set(np.unique(pixels)) == ({50} if fit == "stretch" or size == (1, 1) else {50, BACKGROUND})
    if fit == "pad" and 10_000 in size:
        assert (pixels == 50).sum() == 16, "a line of one pixel"


def test_damaged_bytes_never_end_in_a_traceback(tmp_path: Path, data: DataParams) -> None:
    generator = np.random.default_rng(0)
    file = tmp_path / "x.png"
    for odd in ODD:
        for _ in range(6):
            content = np.frombuffer(odd.content, dtype=np.uint8).copy()
            where = generator.integers(0, min(len(content), 200), 3)
            content[where] = generator.integers(0, 256, 3)
            file.write_bytes(content.tobytes())
            assert decode(tmp_path, file.name, data).kind in ("image", "bad")

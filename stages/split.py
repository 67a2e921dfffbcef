"""Reads a folder of images, deals them out to train, val and test, and packs each subset into one array.

    python -m stages.split --split data/split --samples data/samples.png

The folder is `data.images` of params.yaml; it is only read. `split` gets manifest.csv, dataset.json, report.json and,
for each subset, its images as uint8 (n, height, width, channels) and its labels. Two thousand images take about
two seconds.
"""

import math
import os
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

from stages import command, folder, galleries, images, manifest, report
from stages.decoding import Decoded, decode
from stages.errors import InputError
from stages.files import fresh_folder, write_json
from stages.params import DataParams, SplitParams, load_section
from stages.subsets import SUBSETS, assign

BATCH_BYTES = 2**28


def main(split: Path, samples: Path) -> None:
    data, params = load_section("data"), load_section("split")
    root = Path(data.images)
    folder.check_apart(root, split)
    listing = folder.find(root)
    with fresh_folder(split) as partial_out:
        packed = partial_out / "all.npy"
        corpus = read_all(root, listing, data, params, packed)
        subset_of, order = assign(corpus.labels, corpus.contents, corpus.pixels, listing.classes, params)
        pixels = np.load(packed, mmap_mode="r")
        found = report.make(corpus, pixels, listing.classes, subset_of, params)
        row_of = pack(partial_out, pixels, corpus.labels, subset_of, order)
        packed.unlink()
        data_set = images.DataSet(listing.classes, data.height, data.width, data.channels, data.fit, data.background)
        write_json(partial_out / "dataset.json", asdict(data_set))
        manifest.write(rows_of(corpus, listing.classes, subset_of, row_of), partial_out / "manifest.csv")
        write_json(partial_out / "report.json", found)
        train = images.read(partial_out, "train", data_set)
    galleries.sample_sheet(train, data_set, params.samples, samples)
    print(report.summary(found))


def read_all(root: Path, listing: folder.Listing, data: DataParams, params: SplitParams, packed: Path) -> report.Corpus:
    """Decode every file of `listing` on all cores into the array file `packed`, in the listing's order.

    Raises InputError at the first bad image, unless `split.on_bad_image` is skip.
    """
    shape = (len(listing.paths), data.height, data.width, data.channels)
    array = new_array(packed, shape)
    corpus = report.Corpus(ignored=list(listing.ignored))
    # In batches, so that decoded images do not pile up in memory faster than they are stored.
    step = max(8, min(4096, BATCH_BYTES // math.prod(shape[1:])))
    with ProcessPoolExecutor(initializer=_keep_libraries_quiet) as pool:
        for first in range(0, len(listing.paths), step):
            paths, labels = listing.paths[first : first + step], listing.labels[first : first + step]
            results = pool.map(partial(decode, root, data=data), paths, chunksize=max(1, min(32, step // 16)))
            try:
                for path, label, decoded in zip(paths, labels, results, strict=True):
                    if decoded.pixels is not None:
                        array[len(corpus.paths)] = decoded.pixels
                        corpus.add(path, label, decoded)
                    else:
                        _set_aside(corpus, root, path, decoded, params)
            except BrokenProcessPool:
                raise InputError(
                    f"{str(root)!r}: decoding was killed, most likely for lack of memory, at one of the {len(paths)} "
                    f"images from {paths[0]!r} to {paths[-1]!r}; look for a huge one"
                ) from None
    array.flush()
    return corpus


def _keep_libraries_quiet() -> None:
    """Drop what C libraries print about bad images in a decoding process; `decode` returns what they report."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _set_aside(corpus: report.Corpus, root: Path, path: str, decoded: Decoded, params: SplitParams) -> None:
    if decoded.kind == "other":
        corpus.ignored.append(path)
    elif params.on_bad_image == "skip":
        corpus.skipped[path] = decoded.note
    else:
        raise InputError(
            f"{str(root / path)!r}: {decoded.note}; mend or remove it, or set split.on_bad_image to skip in params.yaml"
        )


def rows_of(
    corpus: report.Corpus, classes: list[str], subset_of: list[str], row_of: dict[int, int]
) -> list[manifest.Row]:
    """The manifest's rows, in the order of `row_of`: each image's index and its row in its subset's arrays."""
    return [
        manifest.Row(corpus.paths[index], classes[corpus.labels[index]], subset_of[index], row, corpus.contents[index])
        for index, row in row_of.items()
    ]


def pack(out: Path, pixels: np.ndarray, labels: list[int], subset_of: list[str], order: list[int]) -> dict[int, int]:
    """Write each subset's images and labels in `order`, and return the row of each image in its subset."""
    row_of: dict[int, int] = {}
    for subset in SUBSETS:
        members = [index for index in order if subset_of[index] == subset]
        packed = new_array(out / f"{subset}.npy", (len(members), *pixels.shape[1:]))
        for row, index in enumerate(members):
            packed[row] = pixels[index]
            row_of[index] = row
        packed.flush()
        np.save(out / f"{subset}_labels.npy", np.array([labels[index] for index in members], dtype=np.int64))
    return row_of


def new_array(file: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """A uint8 array in a file, mapped for writing. Raises OSError where the disk has no room for all of it."""
    array = open_memmap(file, mode="w+", dtype=np.uint8, shape=shape)
    if hasattr(os, "posix_fallocate"):
        # Writing to a mapped file on a full disk would kill the process.
        with file.open("rb+") as opened:
            os.posix_fallocate(opened.fileno(), 0, file.stat().st_size)
    return array


if __name__ == "__main__":
    command.run(main)

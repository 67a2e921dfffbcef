"""Decodes a folder of images on all cores, splits them, and packs each subset into one array."""

import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from crosscheck.core import processes
from crosscheck.core.errors import InputError
from crosscheck.core.files import fresh_folder, write_json
from crosscheck.core.params import DataParams, SplitParams
from crosscheck.data import dataset, grouping, image_folder, labels_table, links, manifest, report
from crosscheck.data.decoding import Decoded, decode
from crosscheck.data.packed_texts import FewTexts
from crosscheck.data.splitting import SUBSETS, assign

BATCH_BYTES = 2**28


def split_and_pack(data: DataParams, params: SplitParams, out: Path) -> dict[str, Any]:
    """Split the folder `data.images` and write its subsets, manifest.csv, dataset.json and report.json to `out`.

    Returns the report. Raises InputError for a folder or an image that cannot be used, with nothing written.
    """
    root = Path(data.images)
    image_folder.check_apart(root, out)
    listing = image_folder.find(root, data.layout, data.labels)
    with fresh_folder(out) as partial_out:
        packed = partial_out / "all.npy"
        corpus = read_all(root, listing, data, params, packed)
        images, groups = corpus.images, name_groups(corpus, listing.classes, params)
        hashes = images.contents, images.pixels
        subset_of, order = assign(images.labels, *hashes, listing.classes, params, images.given, groups)
        pixels = np.load(packed, mmap_mode="r")
        found = report.make(corpus, pixels, listing.classes, subset_of, params, groups)
        dataset.expect_random_order(pixels)
        members = pack(partial_out, pixels, images.labels, subset_of, order)
        packed.unlink()
        data_set = dataset.DataSet(listing.classes, data.height, data.width, data.channels, data.fit, data.background)
        write_json(partial_out / "dataset.json", asdict(data_set))
        manifest.write(manifest_rows(corpus, listing.classes, members, groups), partial_out / "manifest.csv")
        write_json(partial_out / "report.json", found)
    return found


def read_all(
    root: Path, listing: image_folder.Listing, data: DataParams, params: SplitParams, packed: Path
) -> report.Corpus:
    """Decode every file of `listing` on all cores into the array file `packed`, in the listing's order.

    Raises InputError at the first bad image, unless `split.on_bad_image` is skip, and for a class without an image.
    """
    shape = (len(listing.paths), data.height, data.width, data.channels)
    array = new_array(packed, shape)
    labels_table.expect_files(root, data.labels, listing.missing, params)
    corpus = report.Corpus(listing)
    # In batches, so that decoded images do not pile up in memory faster than they are stored.
    step = max(8, min(4096, BATCH_BYTES // math.prod(shape[1:])))
    if listing.has_links:
        # Asked before the processes are forked, so that each of them has the answer.
        links.dvc_cache(root)
    with processes.pool(start=start_worker) as pool:
        for first in range(0, len(listing.paths), step):
            batch = slice(first, first + step)
            paths = listing.paths[batch]
            results = pool.map(partial(decode, root, data=data), paths, chunksize=max(1, min(32, step // 16)))
            try:
                for row, decoded in enumerate(results, start=first):
                    if decoded.pixels is not None:
                        array[len(corpus.images)] = decoded.pixels
                        corpus.add(row, decoded)
                    else:
                        _set_aside(corpus, root, paths[row - first], decoded, params)
            except BrokenProcessPool:
                raise InputError(
                    f"{str(root)!r}: decoding was killed, most likely for lack of memory, at one of the {len(paths)} "
                    f"images from {paths[0]!r} to {paths[-1]!r}; look for a huge one"
                ) from None
    array.flush()
    corpus.expect_images(root)
    return corpus


def start_worker() -> None:
    """Drop what C libraries print about bad images in a decoding process; `decode` returns what they report."""
    processes.end_with_parent()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _set_aside(corpus: report.Corpus, root: Path, path: str, decoded: Decoded, params: SplitParams) -> None:
    if decoded.kind == "other":
        corpus.ignored.append(path)
    elif params.on_bad_image == "skip":
        corpus.skipped[path] = decoded.note
    else:
        raise InputError(
            f"{str(root / path)!r}: {decoded.note}; fix or remove the file, or set split.on_bad_image to skip in "
            "params.yaml"
        )


def name_groups(corpus: report.Corpus, classes: list[str], params: SplitParams) -> Sequence[str]:
    """The group of each image, or empty texts. Raises InputError as `grouping.name_groups` does."""
    names = (classes[label] for label in corpus.images.labels)
    return grouping.name_groups(corpus.images.paths, names, corpus.images.listed, params.group_by)


def manifest_rows(
    corpus: report.Corpus, classes: list[str], members: dict[str, NDArray[np.int64]], groups: Sequence[str]
) -> Iterator[manifest.Row]:
    """The manifest's rows, subset by subset, in the order of the subset's arrays."""
    for subset, indices in members.items():
        for row, index in enumerate(map(int, indices)):
            image = corpus.images[index]
            name = classes[image.label]
            yield manifest.Row(image.path, name, subset, row, image.content, image.given, groups[index])


def pack(
    out: Path, pixels: np.ndarray, labels: Sequence[int], subset_of: FewTexts, order: NDArray[np.int64]
) -> dict[str, NDArray[np.int64]]:
    """Write each subset's images and labels in `order`, and return which images they are, by their index."""
    found: dict[str, NDArray[np.int64]] = {}
    for subset in SUBSETS:
        members = order[subset_of.equal(subset)[order]]
        packed = new_array(out / f"{subset}.npy", (len(members), *pixels.shape[1:]))
        for row, index in enumerate(members):
            packed[row] = pixels[index]
        packed.flush()
        np.save(out / f"{subset}_labels.npy", np.asarray(labels)[members].astype(np.int64))
        found[subset] = members
    return found


def new_array(file: Path, shape: tuple[int, ...]) -> "np.memmap[Any, np.dtype[np.uint8]]":
    """A uint8 array in a file, mapped for writing. Raises OSError where the disk has no room for all of it."""
    array = open_memmap(file, mode="w+", dtype=np.uint8, shape=shape)
    if hasattr(os, "posix_fallocate"):
        # Writing to a mapped file on a full disk would kill the process.
        with file.open("rb+") as opened:
            os.posix_fallocate(opened.fileno(), 0, file.stat().st_size)
    return array

"""Draws the built-in data set: a folder of 1-bit BMP files for each class.

    python -m stages.synthesize --images data/built-in

Two thousand images take about two seconds. BMP, because its bytes do not depend on a compression library's version.
"""

from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

from PIL import Image

from crosscheck.core import cli, processes
from crosscheck.core.errors import InputError
from crosscheck.core.files import fresh_folder
from crosscheck.core.params import SynthesizeParams, load_section
from crosscheck.data import synthetic


def main(images: Path) -> None:
    params = load_section("synthesize")
    with fresh_folder(images) as folder, processes.pool() as pool:
        for class_index, name in enumerate(synthetic.CLASSES):
            (folder / name).mkdir()
            write = partial(write_image, params, folder / name, class_index)
            try:
                for _ in pool.map(write, range(params.images_per_class), chunksize=64):
                    pass
            except BrokenProcessPool:
                raise InputError("drawing was killed, most likely for lack of memory; run this again") from None


def write_image(params: SynthesizeParams, folder: Path, class_index: int, index: int) -> None:
    """Draw one image, black ink on white paper, and save it as `folder`/00000.bmp by its number."""
    ink = synthetic.draw(params, class_index, index)
    Image.fromarray(~ink).save(folder / f"{index:05d}.bmp")


if __name__ == "__main__":
    cli.run(main)

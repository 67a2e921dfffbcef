"""The images that both sides train on: the built-in drawings as 1-bit BMP files, and packed into arrays."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image

from crosscheck.core.files import write_json
from crosscheck.core.params import load
from crosscheck.data import synthetic
from crosscheck.data.dataset import DataSet


def make(folder: Path, train: int, test: int) -> None:
    """Draw `train` and `test` images of each class into `folder`/images (BMP) and `folder`/split (arrays)."""
    params = load().synthesize
    split = folder / "split"
    split.mkdir(parents=True)
    first = 0
    for name, count in (("train", train), ("test", test)):
        pixels, labels = [], []
        for class_index, class_name in enumerate(synthetic.CLASSES):
            (folder / "images" / name / class_name).mkdir(parents=True)
            for index in range(first, first + count):
                paper = ~synthetic.draw(params, class_index, index)
                Image.fromarray(paper).save(folder / "images" / name / class_name / f"{index:05d}.bmp")
                pixels.append(np.where(paper, 255, 0).astype(np.uint8)[:, :, None])
                labels.append(class_index)
        np.save(split / f"{name}.npy", np.stack(pixels))
        np.save(split / f"{name}_labels.npy", np.array(labels, dtype=np.int64))
        first += count
    described = DataSet(list(synthetic.CLASSES), params.size, params.size, 1, "stretch", 255)
    write_json(split / "dataset.json", asdict(described))

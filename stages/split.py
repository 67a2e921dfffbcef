"""Reads a folder of images, splits them into train, val and test, and packs each subset into one array.

    python -m stages.split --split data/split --samples data/samples.png

The folder is `data.images` of params.yaml; it is only read. `split` gets manifest.csv, dataset.json, report.json and,
for each subset, its images as uint8 (n, height, width, channels) and its labels. Two thousand images take about
two seconds.
"""

from pathlib import Path

from crosscheck.core import cli
from crosscheck.core.params import load_section
from crosscheck.data import dataset, packing, report_summary
from crosscheck.reporting import fonts, image_grids, style


def main(split: Path, samples: Path) -> None:
    data, params = load_section("data"), load_section("split")
    found = packing.split_and_pack(data, params, split)
    data_set = dataset.read_data_set(split)
    fonts.tell(data_set.classes)
    sheet = image_grids.draw_samples(dataset.read(split, "train", data_set), data_set, params.samples)
    style.save(sheet, samples)
    print(report_summary.summary(found))


if __name__ == "__main__":
    cli.run(main)

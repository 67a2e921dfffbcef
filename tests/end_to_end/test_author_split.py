"""A folder with its author's own split goes through the whole pipeline, also where the split has faults."""

import json
import shutil

import pytest
from helpers.image_folders import draw_toy_images
from helpers.project import Project
from helpers.tracking import WARNING
from PIL import Image


def draw_author_split(project: Project) -> None:
    """Train and test without val; the test set lacks the class `blank`, and has an image that train has, too."""
    drawn, root = draw_toy_images(project.folder / "drawn", 12), project.folder / "mine"
    for name in ("bars", "discs"):
        for subset in ("train", "test"):
            (root / subset / name).mkdir(parents=True)
        for number, file in enumerate(sorted((drawn / name).iterdir())):
            file.rename(root / ("train" if number < 8 else "test") / name / file.name)
    shutil.rmtree(drawn)
    (root / "train" / "blank").mkdir()
    for number in range(8):
        Image.new("L", (16, 16), 200 + number).save(root / "train" / "blank" / f"{number}.png")
    shutil.copy(root / "test" / "bars" / "008.png", root / "train" / "bars" / "copy.png")


@pytest.mark.slow
def test_a_folder_with_its_author_s_split_goes_through_the_whole_pipeline(project: Project) -> None:
    draw_author_split(project)
    project.run("dvc", "add", "mine")
    project.set(data={"images": "mine"})

    done = project.run("dvc", "repro")

    assert "33 images of 3 classes: 19 train, 6 val, 8 test\n" in done.stdout
    assert "read as ready-made subsets: train from 'train', test from 'test'; the author made no val\n" in done.stdout
    assert "warning: leakage: of the 8 images in the author's test, 1 are in train, too" in done.stdout
    assert "warning: test holds no image of 1 classes, such as 'blank'" in done.stdout
    assert WARNING not in done.stderr
    assert json.loads(project.read("metrics/test.json"))["test"]["n"] == 8
    assert "blank,0.000000,0.000000,0.000000,0\n" in project.read("metrics/classes.csv")
    assert (project.folder / "report" / "report.html").is_file()

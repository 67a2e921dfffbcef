"""A table of labels that `split` would read is one that `inspect` finds, however its header and paths are written."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crosscheck.data import image_folder, inspection


@pytest.mark.parametrize("header", ["path,label", "Path , Label", "\ufeffLABEL_ID,LABEL,PATH"])
@pytest.mark.parametrize("written", ["{}", " ./{} ", "deep\\{}"])
def test_a_table_is_found_as_it_is_read(tmp_path: Path, header: str, written: str) -> None:
    folder = tmp_path / "deep" if "deep" in written else tmp_path
    folder.mkdir(exist_ok=True)
    lines = [header]
    for number in range(4):
        Image.fromarray(np.full((8, 8), 40 * number, np.uint8)).save(folder / f"{number}.png")
        path, label = written.format(f"{number}.png"), f"class {number % 2}"
        lines.append(f"{path},{label}" if header.lower().startswith("path") else f"{number},{label},{path}")
    (tmp_path / "labels.csv").write_text("\n".join(lines), encoding="utf-8")
    assert inspection.find_table(tmp_path) == "labels.csv"
    assert image_folder.find(tmp_path, labels="labels.csv").classes == ["class 0", "class 1"]


def test_a_table_of_other_images_is_none_of_this_folder(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("path,label\n../else.png,a\nnowhere.png,b\n", encoding="utf-8")
    (tmp_path.parent / "else.png").touch()
    assert inspection.find_table(tmp_path) == "none"

"""The pictures of docs/images are those that the pipeline draws, and a document shows each of them."""

import hashlib
import json
import re

import pytest
from helpers.repository import ROOT
from ruamel.yaml import YAML

IMAGES = ROOT / "docs" / "images"
COPIES = {"curves.png": "curves.png", "maps.png": "maps_block1_class0.png"}


def recorded() -> str:
    """The hash of the folder plots/ in dvc.lock."""
    lock = YAML(typ="safe").load(ROOT / "dvc.lock")
    (found,) = [out["md5"] for out in lock["stages"]["visualize"]["outs"] if out["path"] == "plots"]
    return str(found)


def at_hand() -> str:
    """The hash that DVC gives the folder plots/ as it is here."""
    folder = ROOT / "plots"
    files = [
        {
            "md5": hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest(),
            "relpath": file.relative_to(folder).as_posix(),
        }
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    ]
    return hashlib.md5(json.dumps(files, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"


@pytest.mark.parametrize("name", COPIES)
def test_a_picture_of_the_documents_is_the_one_that_the_pipeline_draws(name: str) -> None:
    if at_hand() != recorded():
        pytest.skip("plots/ is not here as dvc.lock records it; `dvc repro` makes it")
    assert (IMAGES / name).read_bytes() == (ROOT / "plots" / COPIES[name]).read_bytes(), (
        f"copy plots/{COPIES[name]} to docs/images/{name}"
    )


def test_every_picture_of_the_documents_is_shown_alone_on_its_line() -> None:
    """Side by side, two pictures are too small to read."""
    pages = [ROOT / "README.md", ROOT / "README.zh-CN.md", *(ROOT / "docs").rglob("*.md")]
    lines = [line for page in pages for line in page.read_text(encoding="utf-8").splitlines()]
    shown = {file.name for file in IMAGES.iterdir() if any(f"images/{file.name})" in line for line in lines)}
    assert shown == {file.name for file in IMAGES.iterdir()}
    for line in lines:
        assert len(re.findall(r"!\[|<img", line)) <= 1, line

"""The pictures of docs/images are those that the pipeline draws, each is shown, and badges are right."""

import hashlib
import json
import re
import tomllib

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
    names = {file.relative_to(IMAGES).as_posix() for file in IMAGES.rglob("*") if file.is_file()}
    assert {name for name in names if any(f"images/{name})" in line for line in lines)} == names
    for line in lines:
        assert len(re.findall(r"!\[|<img", line)) <= 1, line


def test_the_badges_say_what_the_project_needs() -> None:
    """They lie in the repository, so that README needs no network."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pins = dict(re.findall(r"^(dvc|mlflow)==(\d+)", constraints, re.MULTILINE))
    wanted = {
        "python": f"Python: {project['requires-python'].removeprefix('>=')} or newer",
        "platform": "platform: Linux x86-64",
        "dvc": f"DVC: {pins['dvc']}",
        "mlflow": f"MLflow: {pins['mlflow']}",
        "licence": f"licence: {project['license']['text']}",
    }
    for name, label in wanted.items():
        badge = (IMAGES / "badges" / f"{name}.svg").read_text(encoding="utf-8")
        assert f'aria-label="{label}"' in badge
        assert ": ".join(re.findall(r"<text [^>]*>([^<]*)</text>", badge)) == label
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name, label in wanted.items():
        assert f"![{label}](docs/images/badges/{name}.svg)" in readme

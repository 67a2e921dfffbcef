"""`python -m stages.synthesize`, run as a command in a folder with nothing but params.yaml."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from helpers.preloaded import preloaded_python
from helpers.project import change_params
from helpers.repository import ROOT
from PIL import Image

from crosscheck.core.params import load
from crosscheck.data import synthetic


def synthesize(folder: Path, **changes: object) -> subprocess.CompletedProcess[str]:
    (folder / "params.yaml").write_text((ROOT / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    change_params(folder / "params.yaml", synthesize={"images_per_class": 5, "size": 20, **changes})
    words = [preloaded_python(), "-m", "stages.synthesize", "--images", "data/built-in"]
    return subprocess.run(
        words, cwd=folder, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, timeout=60
    )


def test_it_writes_a_folder_for_each_class_with_count_one_bit_bmp_files(tmp_path: Path) -> None:
    done = synthesize(tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    raw = tmp_path / "data" / "built-in"
    assert sorted(path.relative_to(raw).as_posix() for path in raw.rglob("*.bmp")) == [
        f"{name}/{index:05d}.bmp" for name in ("circles", "crosses") for index in range(5)
    ]
    for path in raw.rglob("*.bmp"):
        with Image.open(path) as image:
            assert (image.format, image.mode, image.size) == ("BMP", "1", (20, 20))


def test_a_file_holds_black_ink_on_white_paper_as_drawn(tmp_path: Path) -> None:
    synthesize(tmp_path, size=40)

    params = load(tmp_path / "params.yaml").synthesize
    with Image.open(tmp_path / "data" / "built-in" / "crosses" / "00003.bmp") as image:
        assert np.array_equal(np.asarray(image), ~synthetic.draw(params, 1, 3))


def test_a_larger_count_keeps_the_earlier_files_to_the_byte(tmp_path: Path) -> None:
    synthesize(tmp_path)
    raw = tmp_path / "data" / "built-in"
    before = {path: path.read_bytes() for path in raw.rglob("*.bmp")}
    synthesize(tmp_path, images_per_class=7)

    assert len(list(raw.rglob("*.bmp"))) == 14
    assert all(path.read_bytes() == content for path, content in before.items())


def test_a_smaller_count_leaves_no_file_of_the_former_run(tmp_path: Path) -> None:
    synthesize(tmp_path)
    synthesize(tmp_path, images_per_class=2)

    assert len(list((tmp_path / "data" / "built-in").rglob("*.bmp"))) == 4
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["built-in"]


@pytest.mark.parametrize(("key", "value"), [("images_per_class", 0), ("noise", 0.9), ("size", 15)])
def test_a_wrong_parameter_is_one_line_and_nothing_is_written(tmp_path: Path, key: str, value: float) -> None:
    done = synthesize(tmp_path, **{key: value})

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"synthesize.{key}" in done.stderr
    assert not (tmp_path / "data").exists()

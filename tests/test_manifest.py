"""The manifest names the file behind each row of each subset."""

from pathlib import Path

import pytest

from stages import manifest
from stages.errors import InputError
from stages.manifest import Row

HEADER = "path,class_name,subset,row,sha256\n"


def test_paths_come_back_in_the_order_of_the_arrays(tmp_path: Path) -> None:
    rows = [
        Row("a/2, \n.png", "a", "test", 1, "f" * 64),
        Row('b/"1".png', "b", "train", 0, "e" * 64),
        Row("円/$.png", "円", "test", 0, "d" * 64),
    ]
    manifest.write(rows, tmp_path / "manifest.csv")
    assert manifest.paths_of(tmp_path / "manifest.csv", "test", 2) == ["円/$.png", "a/2, \n.png"]
    assert manifest.paths_of(tmp_path / "manifest.csv", "train", 1) == ['b/"1".png']
    assert manifest.paths_of(tmp_path / "manifest.csv", "val", 0) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "not a manifest"),
        (HEADER, "not a manifest"),
        (f"{HEADER}a.png,a,test,zero,f\n", "not a manifest"),
        (f"{HEADER}a.png,a,test\n", "not a manifest"),
        ("path,subset\na.png,test\n", "not a manifest"),
        (f"{HEADER}a.png,a,test,0,f\n\0", "not a manifest"),
        (f"{HEADER}a.png,a,test,0,f\n", "does not name the 2 images of test"),
        (f"{HEADER}a.png,a,test,0,f\nb.png,a,test,2,f\n", "does not name the 2 images of test"),
        (f"{HEADER}a.png,a,test,0,f\nb.png,a,test,0,f\nc.png,a,test,1,f\n", "does not name the 2 images of test"),
    ],
)
def test_a_manifest_that_does_not_fit_is_one_line(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "manifest.csv"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        manifest.paths_of(file, "test", 2)
    line = str(caught.value)
    assert line.startswith(f"{file}: {words}")
    assert "run `dvc repro split`" in line
    assert len(line.splitlines()) == 1


def test_a_missing_manifest_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not found; run `dvc repro split` to make it"):
        manifest.paths_of(tmp_path / "manifest.csv", "test", 0)

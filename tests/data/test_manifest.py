"""The manifest names the file behind each row of each subset."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crosscheck.core.errors import InputError
from crosscheck.data import manifest
from crosscheck.data.manifest import Row

HEADER = "path,class_name,subset,row,sha256\n"


def test_paths_come_back_in_the_order_of_the_arrays(tmp_path: Path) -> None:
    rows = [
        Row("a/2, \n.png", "a", "test", 1, "f" * 64),
        Row('b/"1".png', "b", "train", 0, "e" * 64),
        Row("円/$.png", "円", "test", 0, "d" * 64),
    ]
    manifest.write(rows, tmp_path / "manifest.csv")
    assert manifest.read_paths(tmp_path / "manifest.csv", "test", 2) == ["円/$.png", "a/2, \n.png"]
    assert manifest.read_paths(tmp_path / "manifest.csv", "train", 1) == ['b/"1".png']
    assert manifest.read_paths(tmp_path / "manifest.csv", "val", 0) == []


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
        manifest.read_paths(file, "test", 2)
    line = str(caught.value)
    assert line.startswith(f"{file}: {words}")
    assert "run `dvc repro split`" in line
    assert len(line.splitlines()) == 1


def test_a_missing_manifest_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not found; run `dvc repro split` to make it"):
        manifest.read_paths(tmp_path / "manifest.csv", "test", 0)


WHOLE = HEADER + "".join(f"a/{row}.png,a,test,{row},{row:064x}\n" for row in range(3))
cells = st.sampled_from(
    ["a.png", "../a.png", "test", "train", "0", "1", "-1", "1e9", "9" * 30, "", '"', "\0", "\r", "£"]
)
damages = st.one_of(
    st.binary(max_size=200),
    st.lists(st.lists(cells, max_size=6).map(",".join), max_size=6).map(
        lambda rows: (HEADER + "\n".join(rows)).encode()
    ),
    st.tuples(st.integers(0, len(WHOLE)), st.integers(0, 9), st.binary(max_size=9)).map(
        lambda slip: WHOLE.encode()[: slip[0]] + slip[2] + WHOLE.encode()[slip[0] + slip[1] :]
    ),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=damages)
def test_any_damage_to_a_manifest_reads_as_three_names_or_ends_in_one_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "manifest.csv"
    file.write_bytes(content)
    try:
        names = manifest.read_paths(file, "test", 3)
    except InputError as error:
        assert len(str(error).splitlines()) == 1, str(error)
        assert str(error).startswith(f"{file}: ")
    else:
        assert len(names) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.csv"]

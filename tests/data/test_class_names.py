"""Class names that look the same, or that another file system would put together."""

import unicodedata
from pathlib import Path

import pytest

from crosscheck.core.errors import InputError
from crosscheck.data import class_names

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(
    ("first", "second"),
    [(DECOMPOSED, COMPOSED), ("cat", "cat "), ("a  b", "a b"), ("cat", "\ufeffcat"), ("猫", "猫\u200b")],
    ids=["normal forms", "space behind", "two spaces", "byte order mark", "zero-width space"],
)
def test_names_that_look_the_same_are_one_line_that_tells_them_apart(first: str, second: str) -> None:
    with pytest.raises(InputError, match="look the same") as refused:
        class_names.check(Path("pets"), ["dog", first, second])

    assert ascii(first) in str(refused.value)
    assert ascii(second) in str(refused.value)


def test_one_name_of_any_form_is_a_class_name() -> None:
    class_names.check(Path("pets"), [DECOMPOSED, "cat ", " ", "A", "a", "\u200b!"])


def test_names_that_differ_in_case_only_are_a_warning() -> None:
    (remark,) = class_names.remarks(["A", "B", "a", "b", "c"])
    assert "'A', 'a' differ in upper and lower case only" in remark
    assert "2 such groups" in remark


def test_names_with_a_space_at_an_end_are_a_warning() -> None:
    (remark,) = class_names.remarks(["cat ", "dog"])
    assert "the names of 1 classes begin or end with a space, such as 'cat '" in remark


def test_names_of_subsets_that_hold_images_directly_are_a_warning() -> None:
    (remark,) = class_names.remarks(["test1", "train"])
    assert "the classes are called 'test1', 'train', like ready-made subsets" in remark


def test_usual_names_are_no_remark() -> None:
    assert class_names.remarks(["circles", "crosses", "train", "Über", "图像"]) == []

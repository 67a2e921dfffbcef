"""Images that seem to belong together stay together, and others are left alone."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.image_folders import draw_toy_images

from crosscheck.data import concerns, group_hints, inspection
from crosscheck.data.image_folder import Listing


def listed(pattern: str, groups: int, each: int) -> Listing:
    """A listing of two classes with `groups` of `each` files, named by a pattern of group and number."""
    names = [pattern.format(group=group, number=number) for group in range(groups) for number in range(each)]
    paths = [f"{name}/{path}" for name in ("a", "b") for path in names]
    empty = [""] * len(paths)
    return Listing(["a", "b"], paths, [0] * len(names) + [1] * len(names), [], False, empty, empty)


@pytest.mark.parametrize(
    ("pattern", "groups", "each", "expected"),
    [
        ("patient{group:02d}/{number}.png", 10, 3, "folder"),
        ("patient{group:02d}/scan/{number}.png", 10, 3, "folder"),
        ("patient{group:02d}_{number:02d}.png", 10, 3, "names"),
        ("video-{group}_{number:04d}.jpg", 10, 3, "names"),
        ("{group}_{number}.png", 10, 3, "names"),
        # One group, too few, too small, or none at all.
        ("img_{group}{number}.png", 10, 3, "none"),
        ("{group}{number}.png", 10, 3, "none"),
        ("part{group}/{number}.png", 3, 50, "none"),
        ("patient{group}_{number}.png", 3, 50, "none"),
        ("2024-{group}_{number}.png", 30, 1, "none"),
    ],
)
def test_names_and_sub_folders_tell_of_groups(pattern: str, groups: int, each: int, expected: str) -> None:
    hint = group_hints.guess(listed(pattern, groups, each))
    assert hint.group_by == (group_hints.NUMBERED if expected == "names" else expected)
    assert bool(hint.groups) == (expected != "none")


def test_one_file_without_a_group_or_one_huge_group_is_enough_to_leave_them_alone() -> None:
    known = listed("patient{group:02d}_{number:02d}.png", 10, 3)
    odd = replace(known, paths=[*known.paths[:-1], "b/other.png"])
    huge = listed("patient{group:02d}_{number:02d}.png", 10, 3)
    huge = replace(huge, paths=[path if "a/" in path else f"b/patient00_{n}.png" for n, path in enumerate(huge.paths)])
    assert group_hints.guess(odd).group_by == group_hints.guess(huge).group_by == "none"


def test_what_the_folder_itself_names_decides() -> None:
    known = listed("patient{group:02d}/{number}.png", 10, 3)
    named = ["x"] * len(known.paths)
    assert group_hints.guess(replace(known, groups=named)).group_by == "none"
    assert group_hints.guess(replace(known, subsets=named)).group_by == "none"


def test_the_expression_matches_every_path_that_it_was_guessed_from() -> None:
    known = listed("sub/patient{group:02d}-x_{number:02d}.png", 10, 3)
    assert {re.search(group_hints.NUMBERED, path)[1] for path in known.paths} == {
        f"patient{n:02d}-x" for n in range(10)
    }


def test_a_warning_says_what_is_kept_together(tmp_path: Path) -> None:
    root = draw_toy_images(tmp_path / "mine", 24)
    for path in list(root.rglob("*.png")):
        number = int(path.stem)
        path.rename(path.with_name(f"patient{number // 2:02d}_{number % 2}.png"))
    found = inspection.inspect_folder(root)
    assert found.together.groups == 12
    assert "12 groups, such as 'patient00'" in "\n".join(concerns.find_concerns(found))

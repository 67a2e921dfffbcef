"""Nothing that the project did not write is removed or overwritten: by a stage, a command, make, a study, a search."""

import ast
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.repository import ROOT, modules

from crosscheck.core import ownership
from crosscheck.core.errors import InputError
from crosscheck.core.files import fresh_folder, new_file, remove_file, remove_state, replace_state, write_text

# One place removes and replaces.

REMOVING = {"unlink", "rmtree", "remove", "rename", "replace", "rmdir", "move", "removedirs", "truncate"}
WRITING = {"write_text", "write_bytes", "savefig", "touch"}
# Where the guards stand themselves, the script that is measured against (a program of its own), and what goes to
# a folder that nobody else sees.
ALLOWED = {
    "crosscheck/core/files.py": REMOVING | WRITING,
    "crosscheck/core/ownership.py": {"replace", "write_bytes"},
    # A file within the partial folder.
    "crosscheck/data/packing.py": {"unlink"},
    # Into the partial file or folder that `files` hands out, or a temporary clone.
    "crosscheck/reporting/style.py": {"savefig"},
    "crosscheck/training/feature_cache.py": {"write_bytes"},
    "benchmarks/reference.py": {"savefig"},
    "benchmarks/rows.py": {"write_text"},
}
MODULES = modules(also=("concepts", "benchmarks"))
VOUCHING = {
    "crosscheck/study/result_files.py",
    "crosscheck/study/executor.py",
    "crosscheck/core/files.py",
    "crosscheck/study/proofs.py",
    # `inspect --write` changes values in the user's own file, which is what it was asked to do; the rest stays.
    "crosscheck/core/params_file.py",
}


def calls(tree: ast.Module) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def touches_files(call: ast.Call) -> str:
    """The name of a method that may remove, replace or write a file, or nothing."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in REMOVING | WRITING:
        return ""
    module = call.func.value.id if isinstance(call.func.value, ast.Name) else ""
    # Text has `replace` with two words or more, a list `remove`, and a pen `move`.
    if call.func.attr == "replace" and len(call.args) > 1 and module != "os":
        return ""
    if call.func.attr in ("remove", "move") and module not in ("os", "shutil"):
        return ""
    return call.func.attr


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_but_files_removes_or_replaces_a_file(module: Path) -> None:
    name = module.relative_to(ROOT).as_posix()
    tree = ast.parse(module.read_text(encoding="utf-8"))
    found = {touched for call in calls(tree) if (touched := touches_files(call))}
    assert found <= ALLOWED.get(name, set())
    if name not in VOUCHING:
        assert not [call for call in calls(tree) for keyword in call.keywords if keyword.arg == "vouched"]


@pytest.mark.parametrize("line", ["path.unlink()", "shutil.rmtree(path)", "old.replace(new)", "os.remove(path)"])
def test_the_test_before_finds_a_planted_removal(line: str) -> None:
    (call,) = calls(ast.parse(line))
    assert touches_files(call)


# The guards.


@pytest.mark.usefixtures("in_folder")
def test_a_folder_that_was_there_is_left_as_it_was(in_folder: Callable[[], Path]) -> None:
    mine = in_folder() / "out" / "below" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(InputError, match=r"mine\.txt: .*move the file out of that folder"), fresh_folder(Path("out")):
        pytest.fail("the work began")
    assert mine.read_text() == "mine"


def test_a_file_that_comes_while_a_folder_is_filled_stays(in_folder: Callable[[], Path]) -> None:
    mine = in_folder() / "out" / "mine.txt"
    with pytest.raises(InputError, match="mine"), fresh_folder(Path("out")) as folder:
        (folder / "a.txt").write_text("a")
        mine.parent.mkdir()
        mine.write_text("mine")
    assert mine.read_text() == "mine"
    assert [path.name for path in Path("out").iterdir()] == ["mine.txt"]


def test_what_the_project_wrote_is_replaced_and_an_edit_of_it_is_not(in_folder: Callable[[], Path]) -> None:
    in_folder()
    for text in ("one", "two"):
        with fresh_folder(Path("out")) as folder:
            write_text(folder / "a.txt", text)
        write_text(Path("b.txt"), text)
    Path("out/a.txt").write_text("edited by a user")
    Path("b.txt").write_text("edited by a user")
    with pytest.raises(InputError, match="was changed since"), fresh_folder(Path("out")):
        pytest.fail("the work began")
    with pytest.raises(InputError, match=r"b\.txt: is in the place of a result"):
        write_text(Path("b.txt"), "three")
    with pytest.raises(InputError):
        remove_file(Path("b.txt"))
    assert Path("out/a.txt").read_text() == Path("b.txt").read_text() == "edited by a user"


def test_a_link_in_the_place_of_an_output_is_left_with_what_it_leads_to(in_folder: Callable[[], Path]) -> None:
    pictures = in_folder() / "pictures"
    pictures.mkdir()
    (pictures / "mine.png").write_text("mine")
    Path("plots").symlink_to(pictures)
    Path("model.pt").symlink_to(pictures / "mine.png")
    with pytest.raises(InputError, match="plots"), fresh_folder(Path("plots")):
        pytest.fail("the work began")
    with pytest.raises(InputError, match=r"model\.pt"):
        write_text(Path("model.pt"), "weights")
    assert (pictures / "mine.png").read_text() == "mine" and Path("plots").is_symlink()


def test_a_file_beside_an_output_that_is_named_like_a_partial_one_stays(in_folder: Callable[[], Path]) -> None:
    in_folder()
    for name in ("out.partial", "b.txt.partial"):
        Path(name).write_text("mine")
    with fresh_folder(Path("out")):
        write_text(Path("b.txt"), "result")
    assert Path("out.partial").read_text() == Path("b.txt.partial").read_text() == "mine"


def test_a_file_that_is_there_is_no_new_file(in_folder: Callable[[], Path]) -> None:
    in_folder()
    Path("mlflow.db").write_text("mine")
    new_file(Path("mlflow.db"), lambda partial: partial.write_text("other"))
    assert Path("mlflow.db").read_text() == "mine"


def test_only_saved_states_are_removed_as_such(in_folder: Callable[[], Path]) -> None:
    folder = in_folder()
    (folder / "mine").mkdir()
    (folder / "state").write_text("state")
    with pytest.raises(ValueError, match="not a saved state"):
        remove_state(folder / "mine")
    with pytest.raises(ValueError, match="not a saved state"):
        replace_state(folder / "state", folder / "mine" / "state")
    (folder / ".checkpoints" / "key").mkdir(parents=True)
    remove_state(folder / ".checkpoints" / "key")
    assert (folder / "mine").exists() and not list((folder / ".checkpoints").iterdir())


# Marks.


def test_a_marked_folder_is_known_on_another_machine_and_a_file_of_the_users_in_it_is_not(
    in_folder: Callable[[], Path],
) -> None:
    in_folder()
    with fresh_folder(Path("report"), marked=True) as folder:
        write_text(folder / "report.md", "found")
    # As after git clone: another time, no receipts.
    shutil.rmtree(".crosscheck")
    os.utime("report/report.md", (0, 0))
    with fresh_folder(Path("report"), marked=True) as folder:
        write_text(folder / "report.md", "found again")
    Path("report/notes.tex").write_text("mine")
    with pytest.raises(InputError, match=r"notes\.tex"), fresh_folder(Path("report"), marked=True):
        pytest.fail("the work began")
    assert Path("report/notes.tex").read_text() == "mine"


@pytest.mark.parametrize("content", ["", "{}", '{"files": 3}', "[1]"])
def test_a_damaged_mark_is_one_line_and_nothing_is_taken_for_the_projects(
    in_folder: Callable[[], Path], content: str
) -> None:
    in_folder()
    Path("study").mkdir()
    Path("study", ownership.MARK).write_text(content)
    with pytest.raises(InputError, match="is not a mark that Crosscheck wrote"):
        ownership.claim(Path("study"), "move it away")


def test_the_folders_that_git_carries_have_marks_that_name_what_stands_there() -> None:
    for folder in ("study/variants/report", "search/space", "docs/concepts", "benchmarks/results"):
        marked = ownership.read_mark(ROOT / folder)
        assert marked
        for name, digest in marked.items():
            assert ownership._sha256(ROOT / folder / name) == digest, f"{folder}/{name}"
        written = {path.name for path in (ROOT / folder).iterdir()} - {ownership.MARK}
        assert {name for name in written if not name.endswith(".md") or folder != "docs/concepts"} == set(marked)

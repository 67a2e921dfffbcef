"""`python -m crosscheck verify` says what is identical, what is not and by how much, and leaves all as it was."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from helpers.other_results import (
    CARD,
    MACHINE,
    commit_other_accuracy,
    commit_other_bits,
    commit_other_weights,
    note_other_cpu,
    put_into_cache,
)
from helpers.project import Project
from ruamel.yaml import YAML

from crosscheck.commands import verify
from crosscheck.core import bits
from crosscheck.core.errors import InputError
from crosscheck.core.files import sha256

STAGES = ["check", "synthesize", "split", "train", "fit_ood", "evaluate", "visualize", "explain"]
BITS = ["mode", "torch", "numpy", "scipy", "pillow"]
NOT_COMPARED = {".git", "__pycache__"}


def state(project: Project) -> dict[str, str]:
    """Every file of the project with its hash, except for what git itself keeps."""
    return {
        str(file.relative_to(project.folder)): sha256(file)
        for file in sorted(project.folder.rglob("*"))
        if file.is_file() and not NOT_COMPARED & set(file.parts) and ".dvc/tmp" not in file.as_posix()
    }


@pytest.mark.soak
@pytest.mark.ci
def test_the_committed_results_are_identical_and_nothing_is_touched(copy_of_reproduced: Project) -> None:
    project = copy_of_reproduced
    (project.folder / "notes.txt").write_text("the user's own", encoding="utf-8")
    project.set(train={"seed": 7})
    (project.folder / "mlflow.db").write_bytes(b"the user's store")
    before = state(project)
    done = project.command("verify")
    assert [line for line in done.stdout.splitlines() if not line.startswith(" ")] == [
        *(f"{name:12} identical" for name in STAGES),
        *(f"{name:12} {bits.described('portable')[name]}" for name in BITS),
        "identical: every output of every stage",
    ]
    assert state(project) == before
    assert project.run("git", "stash", "list").stdout == ""


@pytest.mark.soak
@pytest.mark.ci
def test_native_results_of_another_machine_are_judged_by_tolerance(copy_of_reproduced: Project) -> None:
    project = copy_of_reproduced
    project.set(compute={"portable": False})
    project.run("dvc", "repro")
    commit_other_weights(project, 0.5)
    note_other_cpu(project)
    before = state(project)
    done = project.command("verify")
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.endswith((" identical", " differs"))] == [
        f"{name:12} {'differs' if name == 'train' else 'identical'}" for name in STAGES
    ]
    assert "    models/model.pt: weights differ by at most 0.5, in classify.bias" in lines
    assert "mode         native" in lines
    assert any(line.startswith("test.accuracy: ") and line.endswith("within 0.02") for line in lines)
    assert state(project) == before


# Without the minute that the pipeline takes: the clone is a copy of what was reproduced.


@pytest.fixture
def at_once(copy_of_reproduced: Project, reproduced: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project as working directory; a rerun in the clone gives at once what `reproduced` holds."""

    def rerun(repository: Path, clone: Path, cache: Path) -> None:
        shutil.copytree(reproduced.folder, clone, symlinks=True)

    monkeypatch.setattr(verify, "rerun", rerun)
    monkeypatch.chdir(copy_of_reproduced.folder)
    return copy_of_reproduced


@pytest.fixture
def native(at_once: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The same with results that are native in the commit and in the clone."""
    copy = verify.rerun

    def rerun(repository: Path, clone: Path, cache: Path) -> None:
        copy(repository, clone, cache)
        card = json.loads((clone / CARD).read_text(encoding="utf-8"))
        card["bits"]["mode"] = "native"
        (clone / CARD).write_text(json.dumps(card), encoding="utf-8")

    monkeypatch.setattr(verify, "rerun", rerun)
    commit_other_bits(at_once, mode="native")
    return at_once


def test_a_difference_of_portable_results_is_a_defect_on_every_machine(
    at_once: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    commit_other_weights(at_once, 0.25)
    note_other_cpu(at_once)
    with pytest.raises(InputError, match="portable results are the same on every machine; this is a defect"):
        verify.main()
    printed = capsys.readouterr().out
    assert "train        differs" in printed
    assert "models/model.pt: weights differ by at most 0.25, in classify.bias" in printed
    assert "mode         portable\n" in printed


def test_a_difference_of_native_results_on_the_machine_that_made_them_is_a_defect(native: Project) -> None:
    commit_other_weights(native, 0.25)
    with pytest.raises(InputError, match="this is the machine that made the committed results; this is a defect"):
        verify.main()


@pytest.mark.parametrize("known", [True, False])
def test_native_results_of_another_machine_may_differ_within_the_tolerance(
    native: Project, capsys: pytest.CaptureFixture[str], known: bool
) -> None:
    commit_other_accuracy(native, 0.015)
    if known:
        note_other_cpu(native)
    else:
        (native.folder / MACHINE).unlink()
    verify.main()
    assert "within 0.02" in capsys.readouterr().out


def test_what_another_training_noted_of_the_machine_says_nothing_of_the_committed_one(native: Project) -> None:
    noted = json.loads(native.read(MACHINE)) | {"checkpoint": "0" * 64}
    (native.folder / MACHINE).write_text(json.dumps(noted), encoding="utf-8")
    commit_other_accuracy(native, 0.015)
    verify.main()


@pytest.mark.parametrize("changes", [{"torch": "2.9.0"}, {"mode": "native"}])
def test_results_of_other_releases_or_of_another_mode_may_differ_within_the_tolerance(
    at_once: Project, capsys: pytest.CaptureFixture[str], changes: dict[str, str]
) -> None:
    commit_other_bits(at_once, **changes)
    commit_other_accuracy(at_once, 0.015)
    verify.main()
    printed = capsys.readouterr().out
    for name, value in changes.items():
        assert f"{name:12} {value} -> {bits.described('portable')[name]}\n" in printed
    assert "within 0.02" in printed


def test_accuracies_beyond_the_tolerance_fail_on_another_machine_too(
    native: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    commit_other_accuracy(native, 0.125)
    note_other_cpu(native)
    with pytest.raises(InputError, match=r"accuracies differ by more than 0\.02"):
        verify.main()
    printed = capsys.readouterr().out
    assert "evaluate     differs" in printed
    assert "metrics/test.json: 1 of " in printed
    assert "beyond 0.02" in printed and "test.balanced_accuracy: " in printed


def test_another_machine_alone_makes_no_difference(at_once: Project, capsys: pytest.CaptureFixture[str]) -> None:
    note_other_cpu(at_once)
    verify.main()
    assert capsys.readouterr().out.endswith("identical: every output of every stage\n")


def test_a_folder_is_compared_file_by_file(at_once: Project, capsys: pytest.CaptureFixture[str]) -> None:
    lock = YAML(typ="safe").load(at_once.read("dvc.lock"))
    (md5,) = (out["md5"] for out in lock["stages"]["split"]["outs"] if out["path"] == "data/split")
    listing = json.loads((at_once.folder / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]).read_text())
    (labels,) = (entry for entry in listing if entry["relpath"] == "test_labels.npy")
    content = (at_once.folder / "data" / "split" / "test_labels.npy").read_bytes()
    changed = content[:-1] + bytes([content[-1] ^ 1])
    labels["md5"] = put_into_cache(at_once, changed)
    listing.append({"relpath": "gone.txt", "md5": labels["md5"]})
    text = json.dumps(listing).encode()
    folder_md5 = hashlib.md5(text, usedforsecurity=False).hexdigest() + ".dir"
    cached = at_once.folder / ".dvc" / "cache" / "files" / "md5" / folder_md5[:2] / folder_md5[2:]
    cached.parent.mkdir(exist_ok=True)
    cached.write_bytes(text)
    lines = verify.explain("data/split", folder_md5, at_once.folder / ".dvc" / "cache", at_once.folder)
    assert len(lines) == 2
    assert lines[0].startswith("data/split/test_labels.npy: 1 of ")
    assert lines[1] == "data/split/gone.txt: missing now"


def test_an_output_that_is_not_in_the_cache_still_counts_as_differing(
    at_once: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    commit_other_weights(at_once, 0.25)
    shutil.rmtree(at_once.folder / ".dvc" / "cache" / "files")
    with pytest.raises(InputError, match="this is a defect"):
        verify.main()
    assert "models/model.pt: differs; the committed one is not in the cache" in capsys.readouterr().out


def test_results_of_other_parameters_or_code_are_no_defect_but_out_of_date(at_once: Project) -> None:
    commit_other_weights(at_once, 0.25)
    lock = at_once.read("dvc.lock")
    for old, new, said in (
        ("epochs: 2", "epochs: 3", "other parameters (of "),
        ("path: crosscheck/training\n      hash: md5\n      md5: ", "&0", "other code (crosscheck/training)"),
    ):
        assert old in lock
        (at_once.folder / "dvc.lock").write_text(lock.replace(old, new.replace("&", old)), encoding="utf-8")
        at_once.run("git", "commit", "-qam", "another lock")
        with pytest.raises(InputError) as error:
            verify.main()
        assert said in str(error.value)
        assert "run `dvc repro` and commit" in str(error.value)


def test_a_lock_that_is_not_committed_is_named_in_one_line(at_once: Project) -> None:
    at_once.run("git", "rm", "-q", "dvc.lock")
    at_once.run("git", "commit", "-qm", "without")
    with pytest.raises(InputError, match=r"dvc\.lock") as error:
        verify.main()
    assert "\n" not in str(error.value)


def test_a_pipeline_that_fails_in_the_clone_ends_in_one_line(copy_of_reproduced: Project) -> None:
    project = copy_of_reproduced
    project.set(train={"epochs": 0})
    project.run("git", "commit", "-qam", "broken parameters")
    done = project.command("verify", check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: `dvc repro")


def test_changed_code_is_told_from_changed_data_in_whatever_package_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("library").mkdir()
    Path("library/__init__.py").touch()
    paths = {
        "stages/train.py": True,
        "library/network/model.py": True,
        "library/page.html": True,
        "library/network": True,
        "library/static/page.js": True,
        "gone/model.py": True,
        "data/split/train.npy": False,
        "data/split": False,
        "metrics/test.json": False,
    }
    locks = [
        {"stage": {"deps": [{"path": path, "md5": md5} for path in paths], "params": {}}} for md5 in ("before", "now")
    ]
    expected = sorted(f"code ({path})" for path, is_code in paths.items() if is_code)
    assert sorted(verify.changed_since(*locks)) == expected
    assert verify.changed_since(locks[0], locks[0]) == []

"""Results of a study as lines of text in git: no result is lost, whoever writes, merges, kills or damages them."""

import json
import multiprocessing
import platform
import random
import subprocess
from pathlib import Path

import pytest
from helpers.models import run_result
from helpers.repository import ROOT

from crosscheck.core import bits
from crosscheck.core.errors import InputError
from crosscheck.study import corruptions, provenance, result_files, result_lines
from crosscheck.study.results import RunResult, StoredResult

BITS = {"mode": "portable", "torch": "2.14.1", "numpy": "2.4.6", "scipy": "1.17.1", "pillow": "13.0.0"}


def typical(epochs: int = 10, images: int = 300, seed: int = 0) -> RunResult:
    """A result as large and as irregular as those of the shipped study."""
    draw = random.Random(seed)

    def figures(count: int = epochs) -> list[float]:
        return [round(draw.random(), 6) for _ in range(count)]

    curve = {"epoch": list(range(1, epochs + 1))}
    curve |= {name: figures() for name in ("train_loss", "train_accuracy", "val_loss", "val_accuracy")}
    dead = [dict(zip(("block1", "block2", "hidden1", "hidden2"), figures(4), strict=True)) for _ in range(epochs)]
    vitals = {"first_gradient": figures(), "last_gradient": figures(), "spread": figures(), "dead": dead}
    actual = [draw.randrange(2) for _ in range(images)]
    predicted = [label if draw.random() < 0.97 else 1 - label for label in actual]
    rows = draw.sample(range(2200), images)
    robustness = {
        kind: {"level": list(levels), "accuracy": [round(draw.randrange(images + 1) / images, 6) for _ in levels]}
        for kind, levels in corruptions.GRID.items()
    }
    test = {"row": rows, "actual": actual, "predicted": predicted, "log_loss": 0.051234}
    return run_result(curve=curve, vitals=vitals, test=test, robustness=robustness)


def stored(seed: int, key: str = "a", result: RunResult | None = None) -> StoredResult:
    return StoredResult(seed=seed, key=key, bits=BITS, instructions="AVX2", result=result or typical(2, 4, seed))


def places(folder: Path, variant: str = "base") -> list[tuple[int, str]]:
    return sorted(result_files.read_variant(folder, variant))


def answers(result: RunResult) -> list[tuple[int, int, int]]:
    test = result.test
    return sorted(zip(test.row, test.actual, test.predicted, strict=True))


# One line.


@pytest.mark.parametrize("epochs", [1, 10, 270])
def test_a_line_loses_nothing_but_the_order_of_the_test_images(epochs: int) -> None:
    before = stored(7, "key", typical(epochs))
    after = result_lines.decode(result_lines.encode(before))
    assert answers(after.result) == answers(before.result)
    assert after.result.test.row == sorted(before.result.test.row)
    plain = before.result.content() | {"test": {}}
    assert after.result.content() | {"test": {}} == plain
    assert after.model_copy(update={"result": before.result}) == before
    assert result_lines.encode(after) == result_lines.encode(before)


def test_a_run_that_came_to_nothing_has_a_line_too() -> None:
    before = stored(0, "key", run_result(diverged=True))
    line = result_lines.encode(before)
    assert result_lines.decode(line) == before
    assert result_lines.decode(line).result.content() == before.result.content()
    assert (json.loads(line)["right"], json.loads(line)["tested"]) == (0, 0)


def test_a_typical_run_takes_two_kilobytes_at_most() -> None:
    # Random digits: what a run really gives is smoother, and takes less.
    assert len(result_lines.encode(stored(0, "0" * 32, typical()))) < 2048 + 500


def test_a_line_that_was_changed_by_hand_is_refused() -> None:
    line = json.loads(result_lines.encode(stored(0, "key", typical())))
    with pytest.raises(ValueError, match="300 of 300 are said to be right, and packed has 29"):
        result_lines.decode(json.dumps(line | {"right": 300}))
    with pytest.raises(ValueError, match="packed holds something else"):
        result_lines.decode(json.dumps(line | {"packed": line["packed"][40:]}))


# The files.


def test_a_result_takes_the_place_of_the_one_of_its_seed_that_it_supersedes_and_of_no_other(tmp_path: Path) -> None:
    file = result_files.file_for(tmp_path, "base")
    for seed, key in [(1, "old"), (0, "old"), (12, "old"), (1, "new")]:
        result_files.add(file, stored(seed, key))
    assert places(tmp_path) == [(0, "old"), (1, "new"), (12, "old")]
    assert [json.loads(line)["seed"] for line in file.read_text().splitlines()] == [0, 1, 12]
    assert [each.name for each in tmp_path.iterdir()] == ["base.jsonl"]


def add_some(file: Path, first: int) -> None:
    for seed in range(first, 40, 4):
        result_files.add(file, stored(seed, result=typical(1, 2)))


def test_processes_that_write_to_one_file_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    file = result_files.file_for(tmp_path / "results", "base")
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=add_some, args=(file, first)) for first in range(4)]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    assert [seed for seed, _ in places(tmp_path / "results")] == list(range(40))


def test_files_that_are_copied_together_are_read_and_made_one(tmp_path: Path) -> None:
    result_files.add(result_files.file_for(tmp_path, "base"), stored(0))
    result_files.add(tmp_path / "base.1-of-2.jsonl", stored(1))
    result_files.add(tmp_path / "base.other-host.jsonl", stored(2))
    result_files.add(tmp_path / "base.other-host.jsonl", stored(0))
    result_files.add(tmp_path / "base_ink.jsonl", stored(9))
    before = (tmp_path / "base_ink.jsonl").read_bytes()
    assert places(tmp_path) == [(0, "a"), (1, "a"), (2, "a")]
    result_files.fold(tmp_path, "base", {})
    assert places(tmp_path) == [(0, "a"), (1, "a"), (2, "a")]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["base.jsonl", "base_ink.jsonl"]
    assert (tmp_path / "base_ink.jsonl").read_bytes() == before


def test_where_a_good_result_is_there_the_superseded_ones_of_its_seed_go(tmp_path: Path) -> None:
    for name, seed, key in [("base", 0, "old"), ("base", 1, "old"), ("base.x", 0, "new"), ("base.y", 0, "equal")]:
        result_files.add(tmp_path / f"{name}.jsonl", stored(seed, key))
    result_files.fold(tmp_path, "base", {0: ["new", "equal"], 1: ["new", "equal"]})
    # Seed 1 has no good result yet, so its old one is no worse than nothing.
    assert places(tmp_path) == [(0, "new"), (1, "old")]


def test_nothing_is_written_where_nothing_changes(tmp_path: Path) -> None:
    file = result_files.file_for(tmp_path, "base")
    result_files.add(file, stored(0))
    before = file.stat()
    result_files.fold(tmp_path, "base", {0: ["a"]})
    result_files.add(file, stored(0))
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    result_files.fold(tmp_path, "none", {})
    assert not (tmp_path / "none.jsonl").exists()


def test_two_different_results_of_one_key_are_refused_in_one_line(tmp_path: Path) -> None:
    result_files.add(tmp_path / "base.jsonl", stored(3, "a" * 32, typical(seed=1)))
    result_files.add(tmp_path / "base.other.jsonl", stored(3, "a" * 32, typical(seed=2)))
    for act in (lambda: places(tmp_path), lambda: result_files.fold(tmp_path, "base", {})):
        with pytest.raises(InputError) as caught:
            act()
        assert str(caught.value) == (
            f"{tmp_path}/base.other.jsonl, line 1: another result of seed 3 than {tmp_path}/base.jsonl, line 1, though "
            f"both have the key {'a' * 32}; remove the one that you trust less, and run the study again"
        )
    assert (tmp_path / "base.other.jsonl").exists()


def test_one_result_of_two_kinds_of_machines_stands_once(tmp_path: Path) -> None:
    result_files.add(tmp_path / "base.jsonl", stored(3))
    other = stored(3).model_copy(update={"instructions": "AVX-512"})
    result_files.add(tmp_path / "base.other.jsonl", other)
    result_files.fold(tmp_path, "base", {})
    ((_, kept),) = result_files.read_variant(tmp_path, "base").items()
    assert kept.instructions == "AVX2"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda line: line[:-40], "not a whole result (Unterminated string"),
        (lambda line: line[:20], "not a whole result ("),
        (lambda _: '{"seed": 1}', "not a whole result (key is missing)"),
        (lambda _: '{"seed": 1, "packed": [', "not a whole result ("),
        (lambda _: "<<<<<<< HEAD", "a mark of a git conflict"),
        (lambda _: "=======", "a mark of a git conflict"),
        (lambda _: ">>>>>>> other", "a mark of a git conflict"),
        (lambda _: "\x00\x01", "not a whole result ("),
        (lambda line: line.replace('"seed":1', '"seed":"1"'), "not a whole result (seed must be a whole number"),
    ],
)
def test_a_damaged_line_is_named_with_its_file_and_stays(tmp_path: Path, change: object, said: str) -> None:
    file = result_files.file_for(tmp_path, "base")
    for seed in range(3):
        result_files.add(file, stored(seed))
    lines = file.read_text().splitlines()
    lines[1] = change(lines[1])  # type: ignore[operator]
    file.write_text("\n".join(lines) + "\n")
    before = file.read_bytes()
    for act in (
        lambda: places(tmp_path),
        lambda: result_files.add(file, stored(9)),
        lambda: result_files.fold(tmp_path, "base", {}),
    ):
        with pytest.raises(InputError) as caught:
            act()
        assert str(caught.value).startswith(f"{file}, line 2: {said}")
        assert len(str(caught.value)) < 400 and "\n" not in str(caught.value)
    assert file.read_bytes() == before


def test_git_merges_the_results_of_two_branches_without_a_conflict(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *words], cwd=tmp_path, check=True, capture_output=True)

    folder = tmp_path / "study" / "variants" / "results"
    file = result_files.file_for(folder, "base")
    git("init", "-q", "-b", "main")
    (tmp_path / ".gitattributes").write_bytes((ROOT / ".gitattributes").read_bytes())
    result_files.add(file, stored(0, "old"))
    git("add", ".gitattributes", "study/variants/results")
    git("commit", "-qm", "base")
    git("checkout", "-qb", "other")
    for seed in (0, 1, 3):
        result_files.add(file, stored(seed, "new"))
    git("commit", "-qam", "odd")
    git("checkout", "-q", "main")
    for seed in (0, 2, 3):
        result_files.add(file, stored(seed, "new"))
    git("commit", "-qam", "even")
    git("merge", "-q", "other", "-m", "both")
    assert {(seed, "new") for seed in range(4)} <= set(places(folder))
    result_files.fold(folder, "base", {seed: ["new"] for seed in range(4)})
    assert places(folder) == [(seed, "new") for seed in range(4)]
    assert len(file.read_text().splitlines()) == 4


def test_git_keeps_results_and_nothing_else_that_a_study_computes() -> None:
    def is_ignored(path: str) -> bool:
        return subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT, check=False).returncode == 0

    assert not is_ignored("study/variants/results/base.jsonl")
    for path in ("dataset", "timings/base/000.json", ".results.lock", ".results.1-of-2.lock", ".results.write.lock"):
        assert is_ignored(f"study/variants/{path}"), path


def test_the_report_says_what_it_mixes() -> None:
    here = [stored(seed) for seed in range(3)]
    there = [stored(seed).model_copy(update={"instructions": "AVX-512"}) for seed in range(2)]
    native = [stored(0).model_copy(update={"bits": BITS | {"mode": "native"}})]
    releases = "of torch 2.14.1, numpy 2.4.6, scipy 1.17.1 and pillow 13.0.0"
    assert provenance.describe({"base": here}) == f"3 runs are portable, {releases}; computed on processors with AVX2."
    assert provenance.describe({"base": here, "wide": there, "native": native}) == (
        f"1 run is native, {releases}; computed on processors with AVX2. 5 runs are portable, {releases}; computed on "
        "processors with AVX-512 (2) and AVX2 (3), which makes no difference to portable results."
    )


@pytest.mark.parametrize(
    ("flags", "said"), [("fma avx2 avx512f", "AVX-512"), ("fma avx2", "AVX2"), ("", platform.machine())]
)
def test_a_result_names_the_instruction_set_of_its_processor(
    flags: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bits, "_cpu_line", lambda name: flags)
    assert bits.instruction_set() == said

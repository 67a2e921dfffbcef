"""A study on several machines: each does its part, and what one does not finish another one does."""

import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from helpers.project import Project
from helpers.repository import ROOT
from helpers.study import TOY, command, compare, lines_of, remove_results, run, write_study

from crosscheck.core.errors import InputError
from crosscheck.study import plans, shards
from crosscheck.study.shards import Shard

SHARDS = 4


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 8, 22, 400])
def test_the_shards_do_every_run_once_and_have_as_many_as_each_other(count: int) -> None:
    runs = plans.read(ROOT / "study" / "variants.yaml", ROOT / "params.yaml").runs
    parts = [Shard(number, count).select(runs) for number in range(1, count + 1)]
    done = Counter((planned.variant, planned.seed) for part in parts for planned in part)
    assert done == Counter((planned.variant, planned.seed) for planned in runs)
    sizes = {len(part) for part in parts}
    assert max(sizes) - min(sizes) <= 1
    # Of the slow variants, too.
    for name in {planned.variant for planned in runs}:
        own = [sum(planned.variant == name for planned in part) for part in parts]
        assert max(own) - min(own) <= 1, name


def test_a_shard_keeps_the_order_of_the_study() -> None:
    runs = plans.read(ROOT / "study" / "variants.yaml", ROOT / "params.yaml").runs
    part = Shard(2, 3).select(runs)
    assert part == [planned for planned in runs if planned in part]


@pytest.mark.parametrize("text", ["3", "0/2", "3/2", "1/0", "a/b", "1/2/3", "-1/2", "1/99999999", "½/2", " 1/2"])
def test_a_shard_that_is_none_is_one_line(text: str) -> None:
    with pytest.raises(InputError) as caught:
        shards.parse(text)
    assert str(caught.value) == (
        f"--shard is {text!r}; write the number of the shard, from 1, and how many there are, such as 3/8"
    )


def test_no_shard_is_all_runs() -> None:
    assert shards.parse("") is None
    assert shards.parse("3/8") == Shard(3, 8)


def begin(project: Project, number: int) -> subprocess.Popen[bytes]:
    words = [*command("run"), "--shard", f"{number}/{SHARDS}"]
    env = project.env | {"STUDY_WORKERS": "1"}
    return subprocess.Popen(words, cwd=project.folder, env=env, stdout=subprocess.DEVNULL, start_new_session=True)


@pytest.mark.slow
def test_four_shards_at_once_of_which_one_is_killed_are_finished_to_the_same_lines(
    studied: Project, copied: Project
) -> None:
    write_study(copied, TOY | {"seeds": 6})
    remove_results(copied)
    working = {number: begin(copied, number) for number in range(1, SHARDS + 1)}
    until = time.monotonic() + 600
    own = copied.folder / "mine" / "results" / "small.2-of-4.jsonl"
    other = own.with_name("wider.2-of-4.jsonl")
    while not (own.exists() or other.exists()) and time.monotonic() < until:
        time.sleep(0.05)
    os.kill(working[2].pid, signal.SIGKILL)
    assert [each.wait(600) for each in working.values()] == [0, -signal.SIGKILL, 0, 0]
    before = lines_of(copied)
    assert 10 <= len(before) < 12, "the killed shard had nothing left to do"
    assert f"shard 2 of 4: 3 runs, {len(before) - 9} of them cached" in run_shard(copied, 2)
    all_of_them = lines_of(copied)
    assert len(all_of_them) == 12 and {name: all_of_them[name] for name in before} == before
    assert "12 runs, 12 of them cached" in run(copied)
    assert {file.name for file in own.parent.iterdir()} == {"small.jsonl", "wider.jsonl"}
    assert lines_of(copied) == dict(sorted(all_of_them.items()))
    assert {name: all_of_them[name] for name in lines_of(studied)} == lines_of(studied)
    compare(copied)


def run_shard(project: Project, number: int) -> str:
    return project.run(*command("run"), "--shard", f"{number}/{SHARDS}").stdout


@pytest.mark.slow
def test_shards_in_clones_of_their_own_add_up_when_their_files_are_copied(copied: Project, tmp_path: Path) -> None:
    before = lines_of(copied)
    remove_results(copied)
    other = Project(shutil.copytree(copied.folder, tmp_path / "other" / "project"))
    for project, shard in ((copied, "1/2"), (other, "2/2")):
        assert "2 runs, 0 of them cached" in project.run(*command("run"), "--shard", shard).stdout
    for file in (other.folder / "mine" / "results").iterdir():
        shutil.copy(file, copied.folder / "mine" / "results")
    assert "4 runs, 4 of them cached" in run(copied)
    assert lines_of(copied) == before

"""Snapshots: which epochs are kept, in the checkpoint's own format, through interruptions and full disks."""

import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.disks import fill, small_disk
from helpers.interruptions import kill_tree, start, training_command, wait_for_progress
from helpers.project import Project, copy_project
from helpers.repository import ROOT
from hypothesis import given
from hypothesis import strategies as st

from crosscheck.core.errors import InputError
from crosscheck.core.params import Params, TrainParams, load
from crosscheck.data.dataset import DataSet
from crosscheck.network import model
from crosscheck.network.checkpoint import load_checkpoint
from crosscheck.training import snapshots

TRAIN = load(ROOT / "params.yaml").train


def recipe(epochs: int, count: int) -> TrainParams:
    return TRAIN.model_copy(update={"epochs": epochs, "snapshots": count})


@given(epochs=st.integers(1, 100_000), count=st.integers(2, 1000))
def test_snapshots_go_from_before_training_to_its_end_without_a_repetition(epochs: int, count: int) -> None:
    chosen = snapshots.choose_epochs(recipe(epochs, count))
    assert chosen[0] == 0
    assert chosen[-1] == epochs
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(count, epochs + 1)


def test_snapshots_lie_denser_at_the_start() -> None:
    assert snapshots.choose_epochs(recipe(10, 12)) == list(range(11))
    assert snapshots.choose_epochs(recipe(100, 12)) == [0, 1, 2, 3, 4, 7, 11, 18, 28, 43, 65, 100]
    assert snapshots.choose_epochs(recipe(100, 1)) == [0]
    assert snapshots.choose_epochs(recipe(100, 0)) == []


def small_album(params: Params, folder: Path, **changes: Any) -> tuple[snapshots.Album, torch.nn.Sequential]:
    data_set = DataSet(["x", "y"], 12, 12, 1, "stretch", 255)
    wanted = params.model.model_copy(update={"hidden": [4], **changes})
    net = model.build(wanted, data_set)
    return snapshots.Album(folder, recipe(3, 9), wanted, data_set, net), net


def test_a_large_network_has_no_snapshots_and_says_so_in_one_line(
    params: Params, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    album, net = small_album(params, tmp_path / "kept", hidden=[4000, 4300])
    album.take(0, net)
    album.deliver(tmp_path / "out")
    assert capsys.readouterr().err == "no snapshots: the weights take 66 MiB, and snapshots are kept up to 64 MiB\n"
    assert snapshots.read(tmp_path / "out") == ({}, album.left_out)
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize("damage", ["missing", "index", "list"])
def test_what_is_no_folder_of_snapshots_is_refused_in_one_line(params: Params, tmp_path: Path, damage: str) -> None:
    album, net = small_album(params, tmp_path / "kept")
    for epoch in range(4):
        album.take(epoch, net)
    album.deliver(tmp_path / "out")
    assert list(snapshots.read(tmp_path / "out")[0]) == [0, 1, 2, 3]
    if damage == "missing":
        (tmp_path / "out" / "epoch_002.pt").unlink()
    else:
        (tmp_path / "out" / "index.json").write_text({"index": "[", "list": '{"epochs": ["../x"]}'}[damage])
    with pytest.raises(InputError, match=r"repro"):
        snapshots.read(tmp_path / "out")


def contents(project: Project) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (project.folder / "models" / "snapshots").iterdir()}


def test_the_first_snapshot_is_untrained_and_the_last_is_the_checkpoint(reproduced: Project) -> None:
    kept = contents(reproduced)
    assert sorted(kept) == ["epoch_000.pt", "epoch_001.pt", "epoch_002.pt", "index.json"]
    assert json.loads(kept["index.json"]) == {"epochs": [0, 1, 2], "left_out": ""}
    assert kept["epoch_002.pt"] == (reproduced.folder / "models" / "model.pt").read_bytes()
    first = load_checkpoint(reproduced.folder / "models" / "snapshots" / "epoch_000.pt")
    torch.manual_seed(0)
    for name, weights in model.build(first.params, first.data_set).state_dict().items():
        assert torch.equal(weights, first.net.state_dict()[name])


@pytest.mark.slow
def test_snapshots_change_nothing_of_the_training(copy_of_reproduced: Project) -> None:
    before = (copy_of_reproduced.folder / "models" / "model.pt").read_bytes()
    copy_of_reproduced.set(train={"snapshots": 0})
    copy_of_reproduced.run(*training_command(copy_of_reproduced))
    assert list(contents(copy_of_reproduced)) == ["index.json"]
    assert (copy_of_reproduced.folder / "models" / "model.pt").read_bytes() == before


@pytest.mark.slow
@pytest.mark.soak
def test_a_killed_training_ends_with_the_same_snapshots(reproduced: Project, tmp_path: Path) -> None:
    project = copy_project(reproduced, tmp_path)
    project.set(train={"epochs": 60, "snapshots": 8, "momentum": 0.9})
    project.run(*training_command(project))
    expected = contents(project)
    assert len(expected) == 9
    process = start(project, training_command(project))
    assert wait_for_progress(project, process)
    kill_tree(process, signal.SIGKILL)
    (state,) = (project.folder / ".checkpoints").glob("*/last.pt")
    (state.parent / "snapshots" / "epoch_000.pt").unlink()
    done = project.run(*training_command(project))
    assert "its snapshots are missing" in done.stderr
    assert contents(project) == expected
    process = start(project, training_command(project))
    assert wait_for_progress(project, process)
    kill_tree(process, signal.SIGKILL)
    done = project.run(*training_command(project))
    assert "going on after epoch" in done.stderr
    assert contents(project) == expected
    assert not list((project.folder / ".checkpoints").glob("*"))


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a small disk")
def test_a_full_disk_for_the_saved_state_costs_no_snapshot(copy_of_reproduced: Project) -> None:
    project = copy_of_reproduced
    expected = contents(project)
    with small_disk(project.folder / ".checkpoints"):
        fill(project.folder / ".checkpoints", 8192)
        project.run(*training_command(project))
    assert contents(project) == expected

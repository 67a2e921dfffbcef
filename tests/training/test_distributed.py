"""Training in several processes gives what one process gives, but for rounding; what it cannot do is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.repository import ROOT
from numpy.typing import NDArray
from torch import multiprocessing

from crosscheck.core.errors import InputError
from crosscheck.core.params import Params, load
from crosscheck.data.dataset import DataSet, Subset
from crosscheck.network import model
from crosscheck.training import process_group
from crosscheck.training.distributed import ALONE, Group
from crosscheck.training.trainer import Trainer

CPU = torch.device("cpu")
EPOCHS = 3


def toy(count: int, seed: int) -> Subset:
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    images = random.integers(0, 256, (count, 24, 24, 1), dtype=np.uint8)
    images[labels == 1, :12] //= 4
    return Subset(images, labels)


def training(params: Params, group: Group, **model_changes: Any) -> Trainer:
    """28 images in batches of 9: the last batch holds one image, too few for every process to get one."""
    small = {"channels": 4, "further_channels": [5], "hidden": [40, 20], **model_changes}
    recipe = {"batch_size": 9, "epochs": EPOCHS, "momentum": 0.9, "lr": 0.05}
    torch.manual_seed(1)
    net = model.build(params.model.model_copy(update=small), DataSet(["a", "b"], 24, 24, 1, "stretch", 255))
    return Trainer(net, toy(28, 0), toy(7, 1), params.train.model_copy(update=recipe), CPU, group)


def run(learner: Trainer) -> Trainer:
    while len(learner.history) < EPOCHS:
        learner.run_epoch()
    return learner


def run_in_group(rank: int, folder: str, size: int) -> None:
    """One process of a group: it trains twice, once in one go and once from the state after the first epoch."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=size)
    params, group = load(ROOT / "params.yaml"), Group(rank, size)
    whole = training(params, group)
    whole.run_epoch()
    torch.save(whole.state(), f"{folder}/{rank}.pt")
    run(whole)
    resumed = training(params, group)
    if rank == 0:
        resumed.restore(torch.load(f"{folder}/0.pt", weights_only=True))
    resumed.agree()
    run(resumed)
    if rank == 0:
        torch.save({"whole": whole.state(), "resumed": resumed.state()}, f"{folder}/result.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 3])
def test_a_group_trains_as_one_process_does_and_resumes_to_the_bit(params: Params, tmp_path: Path, size: int) -> None:
    multiprocessing.spawn(run_in_group, (str(tmp_path), size), nprocs=size)
    states = torch.load(tmp_path / "result.pt", weights_only=True)
    alone = run(training(params, ALONE)).state()
    for name, weights in alone["weights"].items():
        torch.testing.assert_close(states["whole"]["weights"][name], weights, rtol=1e-4, atol=1e-6)
        assert torch.equal(states["whole"]["weights"][name], states["resumed"]["weights"][name]), name
    assert states["whole"]["history"] == states["resumed"]["history"]
    for mine, wanted in zip(states["whole"]["history"], alone["history"], strict=True):
        assert mine["train_accuracy"] == wanted["train_accuracy"]
        assert mine["val_accuracy"] == wanted["val_accuracy"]
        assert mine["train_loss"] == pytest.approx(wanted["train_loss"], abs=1e-5)
        assert mine["val_loss"] == pytest.approx(wanted["val_loss"], abs=1e-5)


@pytest.mark.parametrize("count", [1, 2, 7, 64])
@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_the_shares_of_a_batch_are_even_and_together_the_batch(size: int, count: int) -> None:
    batch: NDArray[np.int64] = np.arange(100, 100 + count)
    shares = [Group(rank, size).share_of(batch) for rank in range(size)]
    assert np.array_equal(np.concatenate([rows[:counted] for rows, counted in shares]), batch)
    assert max(counted for _, counted in shares) - min(counted for _, counted in shares) <= 1
    # Every process has something to run, since the others wait for its gradient.
    assert all(len(rows) for rows, _ in shares)


def test_a_group_refuses_batch_normalisation(params: Params) -> None:
    with pytest.raises(InputError, match=r"model\.norm is 'batch'.*train\.processes to 1"):
        training(params, Group(0, 2), norm="batch")


def test_another_number_of_processes_than_train_processes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    with pytest.raises(InputError, match=r"train\.processes is 2, but torchrun started 4"), process_group.join(2, CPU):
        pass


@pytest.mark.parametrize(
    ("processes", "env", "found"),
    [
        (1, {"RANK": "0", "WORLD_SIZE": "4"}, "RANK=0, WORLD_SIZE=4; if these are left over from another job, unset"),
        (2, {"RANK": "0"}, "RANK=0; if these are left over from another job, unset them"),
        (2, {"WORLD_SIZE": "many"}, "WORLD_SIZE=many; if these are left over"),
    ],
)
def test_what_another_job_left_in_the_environment_is_named(
    processes: int, env: dict[str, str], found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=f"but the environment has {found}"), process_group.join(processes, CPU):
        pass


def test_leftovers_that_say_one_process_do_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "nowhere.invalid", "MASTER_PORT": "x"}.items():
        monkeypatch.setenv(name, value)
    with process_group.join(1, CPU) as group:
        assert group == ALONE

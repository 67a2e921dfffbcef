"""Batches come from the file or from the device's own memory, and are the same."""

import numpy as np
import pytest
import torch

from crosscheck.core.params import Params
from crosscheck.data.dataset import DataSet, Subset
from crosscheck.training import feed
from crosscheck.training.feed import Feed
from crosscheck.training.trainer import Trainer, build_trainer

CPU = torch.device("cpu")


@pytest.fixture
def subset() -> Subset:
    random = np.random.default_rng(0)
    return Subset(random.integers(0, 256, (20, 24, 24, 1), dtype=np.uint8), np.arange(20) % 2)


def train(params: Params, subset: Subset) -> Trainer:
    small = params.model.model_copy(update={"channels": 3, "further_channels": [2], "hidden": [8]})
    recipe = params.train.model_copy(update={"epochs": 2, "batch_size": 6})
    data_set = DataSet(["a", "b"], 24, 24, 1, "stretch", 255)
    trainer = build_trainer(small, recipe, params.augment, data_set, subset, subset, CPU)
    trainer.run()
    return trainer


def test_images_in_the_memory_of_the_device_train_as_those_of_the_file_do(
    params: Params, subset: Subset, monkeypatch: pytest.MonkeyPatch
) -> None:
    from_file = train(params, subset)
    monkeypatch.setattr(feed, "_fits", lambda *_: True)
    resident = train(params, subset)
    assert from_file.feed.resident is None
    assert resident.feed.resident is not None and resident.feed.resident[0].dtype == torch.uint8
    assert from_file.history == resident.history
    weights = resident.net.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in from_file.net.state_dict().items())


def test_images_go_to_a_gpu_where_they_take_half_of_its_free_memory_at_most(
    subset: Subset, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = {"free": 2 * subset.images.nbytes}
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (room["free"], 10**9))
    assert not feed._fits(subset, CPU)
    assert feed._fits(subset, torch.device("cuda"))
    room["free"] -= 2
    assert not feed._fits(subset, torch.device("cuda"))


def test_the_file_is_read_where_the_device_is_the_cpu(subset: Subset) -> None:
    images, labels = Feed(subset, CPU).batch(np.array([3, 1]))
    assert np.array_equal(images.permute(0, 2, 3, 1).numpy(), subset.images[[3, 1]])
    assert labels.tolist() == [1, 1]

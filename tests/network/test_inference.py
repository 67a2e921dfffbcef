"""Batches hold the images asked for, and logits do not depend on their size."""

import numpy as np
import pytest
import torch
from helpers.two_class_trainings import CPU, network, toy
from torch.nn import functional

from crosscheck.core.params import Params
from crosscheck.data.dataset import Subset
from crosscheck.network.inference import batch, compute_logits
from crosscheck.training.validation import score

pytestmark = pytest.mark.usefixtures("one_thread")


def test_batches_are_the_rows_asked_for_in_channels_last_memory() -> None:
    random = np.random.default_rng(0)
    data = Subset(random.integers(0, 256, (5, 4, 6, 3), dtype=np.uint8), np.arange(5))
    images, labels = batch(data, np.array([3, 0]), CPU)
    assert (images.shape, images.dtype, labels.tolist()) == ((2, 3, 4, 6), torch.uint8, [3, 0])
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert np.array_equal(images[0].permute(1, 2, 0).numpy(), data.images[3])
    images.zero_()
    assert data.images.any()


def test_logits_come_in_order_whatever_the_batch_size(params: Params) -> None:
    net, data = network(params), toy(11)
    whole = compute_logits(net, data, 11)
    assert whole.shape == (11, 2)
    for size in (1, 4, 1000):
        torch.testing.assert_close(compute_logits(net, data, size), whole, rtol=1e-5, atol=1e-6)
    loss, accuracy = score(net, data, 4)
    assert loss == pytest.approx(functional.cross_entropy(whole, torch.from_numpy(data.labels)).item(), abs=1e-6)
    assert accuracy == pytest.approx(float((whole.argmax(1).numpy() == data.labels).mean()), abs=1e-6)

"""A run keeps the accuracy of its last network on the training images, which is not that of the last epoch."""

import numpy as np
import pytest
import torch

from crosscheck.core.params import ComputeParams, ModelParams, Params, TrainParams
from crosscheck.network import inference
from crosscheck.study import resplit, single_run, tiny_runs
from crosscheck.training.trainer import build_trainer


def test_the_training_accuracy_of_a_run_is_that_of_its_last_network(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Threads and kernels stay as the tests have them.
    monkeypatch.setattr(single_run.devices, "prepare", lambda compute: torch.device("cpu"))
    model, train = tiny_runs.RUNS["overfitting"]
    tiny = params.model_copy(
        update={
            "split": tiny_runs.SPLIT,
            "model": ModelParams(**tiny_runs.MODEL | model),
            "train": TrainParams(**tiny_runs.TRAIN | train),
            "compute": ComputeParams(threads=1, device="cpu", portable=False),
        }
    )
    drawn = tiny_runs.draw_images(1)
    result, _ = single_run.execute(tiny, drawn)
    subsets = resplit.split_again(drawn, tiny.split, tiny.train.images_per_class)
    trainer = build_trainer(
        tiny.model, tiny.train, tiny.augment, drawn.data_set, subsets.train, subsets.val, torch.device("cpu")
    )
    single_run.fit(trainer)
    predicted = inference.compute_logits(trainer.net, subsets.train, 64).argmax(1).numpy()
    assert result.train_accuracy == pytest.approx(np.mean(predicted == subsets.train.labels), abs=1e-6)
    assert result.train_accuracy > result.curve.train_accuracy[-1]


def test_a_run_that_diverged_has_no_training_accuracy(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single_run.devices, "prepare", lambda compute: torch.device("cpu"))
    model, train = tiny_runs.RUNS["diverging"]
    tiny = params.model_copy(
        update={
            "split": tiny_runs.SPLIT,
            "model": ModelParams(**tiny_runs.MODEL | model),
            "train": TrainParams(**tiny_runs.TRAIN | train),
        }
    )
    result, _ = single_run.execute(tiny, tiny_runs.draw_images(1))
    assert result.diverged and result.train_accuracy is None

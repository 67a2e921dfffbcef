"""Does one run of a study: trains a network, looks into it after each epoch, and tries it on the test images.

The result is plain values that follow from the parameters, the images and the code alone; how long it took and how much
memory is kept apart. The test images decide nothing here: they are looked at once, after the last epoch.
"""

import resource
import statistics
import sys
import time
from dataclasses import asdict
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from crosscheck.core import devices
from crosscheck.core.params import Params
from crosscheck.data.dataset import Subset
from crosscheck.data.guessing import Guess
from crosscheck.evaluation import complexity
from crosscheck.network import inference
from crosscheck.study import corruptions, diagnostics, resplit
from crosscheck.study.resplit import PackedImages, SplitImages
from crosscheck.study.results import (
    Answers,
    Curve,
    DistortionCurve,
    Images,
    NetworkCost,
    RunResult,
    RunTiming,
    VitalsCurve,
)
from crosscheck.training import validation
from crosscheck.training.curves import Epoch
from crosscheck.training.trainer import DivergedError, Trainer, build_trainer

TEST_BATCH = 64


def execute(params: Params, packed: PackedImages) -> tuple[RunResult, RunTiming]:
    """Do a run in a separate process; give its result and, apart from it, the time and the memory it took."""
    began = time.perf_counter()
    device = devices.prepare(params.compute)
    subsets = resplit.split_again(packed, params.split, params.train.images_per_class)
    train = subsets.train
    trainer = build_trainer(params.model, params.train, params.augment, packed.data_set, train, subsets.val, device)
    vitals, seconds, diverged = fit(trainer)
    costs = complexity.count_complexity(params.model, packed.data_set, len(train), params.train.epochs)
    result = RunResult(
        data=Images(
            classes=packed.data_set.classes,
            train_images=len(train),
            train_images_of_class=list(Guess.from_labels(train.labels, len(packed.data_set.classes)).counts),
            val_images=len(subsets.val),
            test_images=len(subsets.test),
        ),
        cost=NetworkCost(
            parameters=costs.parameters,
            multiply_adds=costs.multiply_adds,
            weight_bytes=sum(tensor.nbytes for tensor in trainer.net.state_dict().values()),
        ),
        curve=Curve(**columns([asdict(epoch) for epoch in trainer.history])),
        vitals=VitalsCurve(**columns([asdict(each) for each in vitals])),
        diverged=diverged,
        train_accuracy=None if diverged else accuracy_on(trainer.fast_net, train),
        test=Answers() if diverged else examine(trainer.fast_net, subsets),
        robustness={} if diverged else withstand(trainer.fast_net, subsets.test, params.data.background),
    )
    return result, RunTiming(
        seconds_per_epoch=round(statistics.median(seconds), 4) if seconds else None,
        training_seconds=round(sum(seconds), 3),
        seconds=round(time.perf_counter() - began, 3),
        peak_megabytes=round(peak_bytes() / 2**20, 1),
        machine=devices.fingerprint(),
    )


def fit(trainer: Trainer) -> tuple[list[diagnostics.Vitals], list[float], bool]:
    """Train to the last epoch: the vitals and the seconds of each, and whether the loss ended as no number."""
    vitals: list[diagnostics.Vitals] = []
    seconds: list[float] = []

    def look(_: Epoch, took: float) -> None:
        seconds.append(took)
        look_at = (trainer.trained_part, trainer.taught.train, trainer.device, trainer.loss_weights)
        vitals.append(diagnostics.take(*look_at))

    try:
        trainer.run(look)
    except DivergedError as error:
        print(f"warning: {error}", file=sys.stderr)
        return vitals, seconds, True
    return vitals, seconds, False


def examine(net: nn.Module, subsets: SplitImages) -> Answers:
    """The answers of the network to the test images."""
    logits = inference.compute_logits(net, subsets.test, TEST_BATCH)
    labels = torch.from_numpy(subsets.test.labels.copy())
    return Answers(
        row=subsets.test_rows.tolist(),
        actual=labels.tolist(),
        predicted=logits.argmax(1).tolist(),
        log_loss=round(functional.cross_entropy(logits.double(), labels).item(), 6),
    )


def withstand(net: nn.Module, test: Subset, background: int) -> dict[str, DistortionCurve]:
    """The accuracy on the test images at each level of each distortion."""
    untouched = accuracy_on(net, test)
    found: dict[str, DistortionCurve] = {}
    for kind, levels in corruptions.GRID.items():
        accuracies = [
            untouched
            if level == corruptions.UNTOUCHED[kind]
            else accuracy_on(net, corruptions.distort(test, kind, level, background))
            for level in levels
        ]
        found[kind] = DistortionCurve(level=levels, accuracy=accuracies)
    return found


def accuracy_on(net: nn.Module, subset: Subset) -> float | None:
    return validation.score(net, subset, TEST_BATCH)[1]


def columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Rows of the same names as a list for each name."""
    return {name: [row[name] for row in rows] for name in (rows[0] if rows else {})}


def peak_bytes() -> int:
    """The largest resident memory of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024

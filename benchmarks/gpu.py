"""Checks and times of training on a GPU. Needs torch, numpy, pydantic, Pillow and yamlcore, and nothing else.

    python -m benchmarks.gpu
    python -m benchmarks.gpu --device cpu --tiny

Prints one object of JSON: what was checked, with the figures behind it, and seconds. The exit status is 1 where a check
failed, or an error stopped one; the others run all the same. It has never run on a GPU: the targets are not measured.
"""

import argparse
import io
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import drawings, loader
from benchmarks.graphed import GraphedEpochs
from benchmarks.many_seeds import ManySeeds
from crosscheck.core import devices
from crosscheck.core.params import Params, load
from crosscheck.data import dataset
from crosscheck.data.dataset import DataSet, Subset
from crosscheck.training.trainer import Trainer, build_trainer, new_network

# Of the validation images: another order of sums may turn the answers to a few that are near the border.
ACCURACY_TOLERANCE = 0.02
# The mean loss of the first epoch, in nats: rounding has not grown yet.
LOSS_TOLERANCE = 0.01
BFLOAT16_TOLERANCE = 0.05
# The losses of networks that are trained together, and of each alone.
TOGETHER_TOLERANCE = 1e-3
EPOCH_TARGET = 10.0
TINY: dict[str, Any] = {"channels": 3, "further_channels": [2], "hidden": [8]}
# The original's white background leaves a network at chance for epochs, where accuracies compare nothing.
INVERT = {"invert": True}


@dataclass(frozen=True)
class Setting:
    """What all checks share: parameters, the images on disk and packed, and where to compute."""

    params: Params
    device: torch.device
    files: Path
    data_set: DataSet
    train: Subset
    val: Subset
    epochs: int
    seeds: int

    def trainer(self, device: torch.device | None = None, **recipe: Any) -> Trainer:
        """A new training with a changed recipe."""
        params = self.params
        wanted = params.train.model_copy(update={"epochs": self.epochs, **recipe})
        images = self.data_set, self.train, self.val
        return build_trainer(params.model, wanted, params.augment, *images, device or self.device)

    def seconds(self, work: Callable[[], Any]) -> float:
        """The median time of an epoch, after one that is not counted."""
        times = []
        for _ in range(1 + self.epochs):
            began = time.perf_counter()
            work()
            if self.device.type == "cuda":
                torch.cuda.synchronize()
            times.append(time.perf_counter() - began)
        return statistics.median(times[1:])


def check_resident(setting: Setting) -> dict[str, Any]:
    """On a GPU the images lie in its memory as uint8, and a batch of them is that of the file."""
    feed, rows = setting.trainer().feed, np.arange(len(setting.train))[::-7].copy()
    images, labels = feed.batch(rows)
    same = np.array_equal(images.permute(0, 2, 3, 1).cpu().numpy(), setting.train.images[rows])
    there = feed.resident is not None and feed.resident[0].dtype == torch.uint8
    return {
        "passed": same
        and np.array_equal(labels.cpu().numpy(), setting.train.labels[rows])
        and there == (setting.device.type == "cuda"),
        "resident": there,
    }


def check_same_bits(setting: Setting) -> dict[str, Any]:
    """Two trainings of one seed give the same weights and the same curve, bit for bit."""
    first, second = setting.trainer(), setting.trainer()
    first.run(), second.run()
    return {"passed": _equal(first, second), "deterministic": torch.are_deterministic_algorithms_enabled()}


def check_resume(setting: Setting) -> dict[str, Any]:
    """A training that goes on from a saved state after its first epoch gives the bits of one that was left alone."""
    whole, resumed, stored = setting.trainer(), setting.trainer(), io.BytesIO()
    whole.run_epoch()
    torch.save(whole.state(), stored)
    whole.run()
    stored.seek(0)
    resumed.restore(torch.load(stored, map_location=setting.device, weights_only=True))
    resumed.run()
    return {"passed": _equal(whole, resumed)}


def check_against_cpu(setting: Setting) -> dict[str, Any]:
    """The device learns what the CPU learns: loss of the first epoch and accuracy after the last, within tolerances."""
    ours, theirs = setting.trainer(), setting.trainer(torch.device("cpu"))
    ours.run(), theirs.run()
    loss = abs(ours.history[0].train_loss - theirs.history[0].train_loss)
    accuracies = [trainer.history[-1].val_accuracy or 0.0 for trainer in (ours, theirs)]
    passed = loss <= LOSS_TOLERANCE and abs(accuracies[0] - accuracies[1]) <= ACCURACY_TOLERANCE
    return {
        "passed": passed,
        "first_loss_difference": loss,
        "loss_tolerance": LOSS_TOLERANCE,
        "accuracy": accuracies[0],
        "cpu_accuracy": accuracies[1],
        "accuracy_tolerance": ACCURACY_TOLERANCE,
    }


def check_bfloat16(setting: Setting) -> dict[str, Any]:
    """bfloat16 learns what float32 learns, within a tolerance, and gives the same bits twice."""
    half, again, whole = (setting.trainer(precision=name) for name in ("bfloat16", "bfloat16", "float32"))
    half.run(), again.run(), whole.run()
    accuracies = [trainer.history[-1].val_accuracy or 0.0 for trainer in (half, whole)]
    near = abs(accuracies[0] - accuracies[1]) <= BFLOAT16_TOLERANCE
    return {
        "passed": near and _equal(half, again),
        "accuracy": accuracies[0],
        "float32_accuracy": accuracies[1],
        "accuracy_tolerance": BFLOAT16_TOLERANCE,
        "epoch_seconds": setting.seconds(setting.trainer(precision="bfloat16").run_epoch),
    }


def time_epoch(setting: Setting) -> dict[str, Any]:
    """Seconds of an epoch: of this project, of a plain DataLoader loop on the same device, and of a CUDA graph."""
    params, device = setting.params, setting.device
    recipe = params.train

    def network() -> torch.nn.Module:
        return new_network(params.model, setting.data_set, setting.train, recipe.seed).to(device)

    plain, files = network(), loader.Files(setting.files)
    theirs = setting.seconds(lambda: loader.run_epoch(plain, files, recipe.batch_size, recipe.lr, device))
    trainer = setting.trainer()
    ours = setting.seconds(trainer.run_epoch)
    graphed = GraphedEpochs(network(), setting.train, recipe.batch_size, recipe.lr, recipe.seed)
    loss = graphed.run_epoch()
    return {
        "passed": abs(loss - trainer.history[0].train_loss) <= LOSS_TOLERANCE,
        "plain_seconds": theirs,
        "seconds": ours,
        "ratio": theirs / ours,
        "target": EPOCH_TARGET,
        "graphed_seconds": setting.seconds(graphed.run_epoch),
        "is_graph": graphed.graph is not None,
    }


def time_many_seeds(setting: Setting) -> dict[str, Any]:
    """Runs per hour of one network with many seeds, one after another and together; both learn the same."""
    seeds = list(range(setting.seeds))
    together = ManySeeds(setting.params, setting.data_set, setting.train, seeds, setting.device)
    losses = together.run_epoch()
    alone = [setting.trainer(seed=seed) for seed in seeds]
    difference = max(abs(loss - one.run_epoch().train_loss) for loss, one in zip(losses, alone, strict=True))
    seconds = {"one_after_another": setting.seconds(alone[0].run_epoch) * len(seeds)}
    seconds["together"] = setting.seconds(together.run_epoch)
    runs = {
        f"runs_per_hour_{name}": 3600 * len(seeds) / (took * setting.params.train.epochs)
        for name, took in seconds.items()
    }
    return {"passed": difference <= TOGETHER_TOLERANCE, "seeds": len(seeds), "loss_difference": difference, **runs}


CHECKS = {
    "resident": check_resident,
    "same_bits_twice": check_same_bits,
    "resume": check_resume,
    "against_cpu": check_against_cpu,
    "bfloat16": check_bfloat16,
    "epoch": time_epoch,
    "many_seeds": time_many_seeds,
}


def _equal(one: Trainer, other: Trainer) -> bool:
    states = one.net.state_dict(), other.net.state_dict()
    return one.history == other.history and all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def prepare(folder: Path, device: str, tiny: bool, epochs: int, seeds: int) -> Setting:
    """Draw the images into `folder` and settle the device. Raises InputError where a GPU is asked for and missing."""
    params = load()
    params = params.model_copy(
        update={
            "compute": params.compute.model_copy(update={"device": device}),
            "model": params.model.model_copy(update=INVERT | (TINY if tiny else {})),
        }
    )
    found = devices.prepare(params.compute)
    drawings.make(folder, *((16, 4) if tiny else (850, 150)))
    data_set = dataset.read_data_set(folder / "split")
    train, test = (dataset.read(folder / "split", name, data_set) for name in ("train", "test"))
    return Setting(params, found, folder / "images" / "train", data_set, train, test, epochs, seeds)


def run(setting: Setting, names: list[str]) -> dict[str, Any]:
    """The figures of each check, or the words of the error that stopped it; torch reports a GPU's as RuntimeError."""
    report: dict[str, Any] = {}
    for name in names:
        began = time.perf_counter()
        try:
            report[name] = CHECKS[name](setting)
        except RuntimeError as error:
            report[name] = {"passed": False, "error": " ".join(str(error).split())[:400]}
        report[name]["check_seconds"] = time.perf_counter() - began
        print(f"{name}: {json.dumps(report[name])}", file=sys.stderr, flush=True)
    return report


def main() -> None:
    asked = arguments()
    with tempfile.TemporaryDirectory(prefix="crosscheck-gpu-") as folder:
        setting = prepare(Path(folder), asked.device, asked.tiny, asked.epochs, asked.seeds)
        report = run(setting, asked.checks)
    cuda = asked.device == "cuda"
    machine = {
        "device": torch.cuda.get_device_name() if cuda else "cpu",
        "torch": torch.__version__,
        "peak_device_bytes": torch.cuda.max_memory_allocated() if cuda else 0,
    }
    print(json.dumps({"machine": machine, "tiny": asked.tiny, "epochs": asked.epochs, **report}))
    if not all(each["passed"] for each in report.values()):
        sys.exit(1)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--tiny", action="store_true", help="a small network and few images, to try the command itself")
    parser.add_argument("--epochs", type=int, default=5, help="of each training, and timed epochs")
    parser.add_argument("--seeds", type=int, default=16, help="networks that are trained together")
    parser.add_argument("--checks", nargs="+", choices=list(CHECKS), default=list(CHECKS))
    return parser.parse_args()


if __name__ == "__main__":
    main()

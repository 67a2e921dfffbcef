"""What is compared: each function makes the rows of one question, `repeats` times, the two sides in turn."""

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import reference, training
from benchmarks.comparison import Row, in_turn, module, report_of, repro_seconds, wall_seconds
from crosscheck.core.params import load
from crosscheck.study import plans

EPOCH_TARGETS = {"base": 3.5, "channels_18": 3.5, "three_conv": 3.5, "no_pool": 1.7}
# What portable mode may cost, as a multiple of native time: no_pool is held to what it is against the script instead.
PRICES = {"AVX512": 1.15, "AVX2": 1.02}
NO_POOL_PRICE = 2.0
# What random changes of all training images may add to an epoch of `base`.
AUGMENTATION_PRICE = 1.25
# How many times as long an epoch may take beside a busy process on each core: the script's takes that.
BUSY_PRICE = 2.2
MEMORY_TARGETS = {"base": 1.6, "no_pool": 1.3}
ACCURACY = 0.99
EPOCHS = 10
MOST_EPOCHS = 30
SIZE = 116
BATCH = 64
STUDIED = ("base", "channels_18", "three_conv")
SHIPPED_STUDY = Path(__file__).parents[1] / "study" / "variants.yaml"
SAME_STAGES = ("split", "train", "evaluate", "visualize")


@contextmanager
def cloned(project: Path) -> Iterator[Path]:
    """A clone of the project's commit, in a folder that goes afterwards."""
    with tempfile.TemporaryDirectory(prefix="crosscheck-clone-") as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(project), str(clone)], check=True)
        yield clone


@dataclass(frozen=True)
class Setting:
    """Where the images are, how many there are to train on, how often and how long to measure, on what
    machine, and the project whose commit goes through its pipeline.
    """

    folder: Path
    train_images: int
    repeats: int
    epochs: int
    machine: dict[str, Any]
    project: Path

    def reference(self, *options: object) -> list[str]:
        return module("benchmarks.reference", "--images", self.folder / "images", *options)

    def ours(self, *options: object) -> list[str]:
        return module("benchmarks.training", "--split", self.folder / "split", *options)


def epoch(setting: Setting, network: str) -> list[Row]:
    """Seconds of an epoch, the median of a process's epochs, and for some networks the process's peak memory."""
    theirs, ours = _reports(setting, network)
    seconds = _epoch_seconds(theirs, ours)
    note = _share_of_limit(network, statistics.median(seconds[1]), setting)
    rows = [Row(f"{network}, an epoch", "s", seconds[0], seconds[1], EPOCH_TARGETS[network], note)]
    if network in MEMORY_TARGETS:
        for name, key in (("peak memory", "peak_bytes"), ("peak memory without mapped files", "own_peak_bytes")):
            peaks = [[report[key] / 1e9 for report in side] for side in (theirs, ours)]
            rows.append(Row(f"{network}, {name}", "GB", peaks[0], peaks[1], MEMORY_TARGETS[network]))
    return rows


def portable(setting: Setting) -> list[Row]:
    """Seconds of an epoch: as the reference native mode, with this machine's fastest kernels, as ours portable mode."""
    return [_price(setting, network) for network in EPOCH_TARGETS]


def _price(setting: Setting, network: str) -> Row:
    of_network = ["--network", network]
    native, ours = _own_epochs(setting, [*of_network, "--native"], of_network)
    most = NO_POOL_PRICE if network == "no_pool" else PRICES.get(setting.machine["instructions"], 1.0)
    return Row(f"{network}, an epoch, native against portable", "s", native, ours, 1 / most, _times(native, ours))


def augment(setting: Setting) -> list[Row]:
    """Seconds of an epoch of `base`: as the reference on the images as they are, as ours with every change of them."""
    plain, ours = _own_epochs(setting, [], ["--augment"])
    name = "base, an epoch, its images as they are against changed"
    return [Row(name, "s", plain, ours, 1 / AUGMENTATION_PRICE, _times(plain, ours))]


def _own_epochs(setting: Setting, *sides: list[str]) -> list[list[float]]:
    """Seconds of an epoch of two trainings of this project, by the options of each."""

    def report(options: list[str], seed: int) -> dict[str, Any]:
        return report_of(setting.ours("--epochs", setting.epochs, "--seed", seed, *options))

    return _epoch_seconds(*in_turn(setting.repeats, *(partial(report, options) for options in sides)))


def _times(reference: list[float], ours: list[float]) -> str:
    return f"{statistics.median(ours) / statistics.median(reference):.2f} times as long"


def busy(setting: Setting) -> list[Row]:
    """Seconds of an epoch of `base` while another process keeps each core busy: of both sides, and of ours to idle."""
    with _every_core_busy():
        seconds = _epoch_seconds(*_reports(setting, "base"))
    name = "base, an epoch beside a busy process on each core"
    return [Row(name, "s", seconds[0], seconds[1], 1.0), _busy_against_idle(setting)]


def _busy_against_idle(setting: Setting) -> Row:
    """As the reference ours on an idle machine, as ours the same while another process keeps each core busy."""

    def report(seed: int) -> dict[str, Any]:
        return report_of(setting.ours("--network", "base", "--epochs", setting.epochs, "--seed", seed))

    def busy_report(seed: int) -> dict[str, Any]:
        with _every_core_busy():
            return report(seed)

    idle, beside = _epoch_seconds(*in_turn(setting.repeats, report, busy_report))
    name = "base, an epoch, idle against beside a busy process on each core"
    return Row(name, "s", idle, beside, 1 / BUSY_PRICE, _times(idle, beside))


def _reports(setting: Setting, network: str) -> list[list[dict[str, Any]]]:
    """What the processes of the reference and of ours report of a few epochs, a seed each repeat."""
    options = ("--network", network, "--epochs", setting.epochs)
    return in_turn(
        setting.repeats,
        lambda seed: report_of(setting.reference(*options, "--seed", seed)),
        lambda seed: report_of(setting.ours(*options, "--seed", seed)),
    )


def _epoch_seconds(*sides: list[dict[str, Any]]) -> list[list[float]]:
    return [[statistics.median(report["epoch_seconds"]) for report in side] for side in sides]


@contextmanager
def _every_core_busy() -> Iterator[None]:
    with ExitStack() as stack:
        for _ in range(os.cpu_count() or 1):
            process = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(process.kill)
        yield


def _share_of_limit(network: str, seconds: float, setting: Setting) -> str:
    """How near an epoch comes to the measured rate of products, and to the copy bandwidth with the weights alone."""
    net = reference.network(network)
    with FlopCounterMode(display=False) as counter:
        loss = functional.cross_entropy(net(torch.zeros(BATCH, 1, SIZE, SIZE)), torch.zeros(BATCH, dtype=torch.long))
        torch.autograd.backward(loss)
    steps = setting.train_images / BATCH
    rate = counter.get_total_flops() * steps / seconds / 1e9
    # Read forwards and backwards, read and written to be changed.
    moved = 4 * sum(weights.nbytes for weights in net.parameters()) * math.ceil(steps) / seconds / 1e9
    return (
        f"{rate:.0f} GFLOP/s: {rate / setting.machine['gflops']:.0%} of the products' rate; weights "
        f"{moved:.1f} GB/s: {moved / setting.machine['copy_gigabytes_per_second']:.0%} of the copies'"
    )


def accuracy(setting: Setting) -> list[Row]:
    """Seconds of training until 99 % of the test images are right, looked at after each epoch; a seed each repeat."""
    options = ("--until", ACCURACY, "--epochs", MOST_EPOCHS)
    theirs, ours = in_turn(
        setting.repeats,
        lambda seed: report_of(setting.reference(*options, "--seed", seed)),
        lambda seed: report_of(setting.ours(*options, "--recipe", "fast", "--seed", seed)),
    )
    seconds = [[sum(report["epoch_seconds"]) for report in side] for side in (theirs, ours)]
    epochs = [statistics.median(len(report["epoch_seconds"]) for report in side) for side in (theirs, ours)]
    missed = [sum(report["test_accuracy"][-1] < ACCURACY for report in side) for side in (theirs, ours)]
    note = f"median epochs {epochs[0]:g} and {epochs[1]:g}; {missed[0]} and {missed[1]} stopped short at {MOST_EPOCHS}"
    return [Row("base to 99 % of the test images", "s", seconds[0], seconds[1], 12.0, note)]


def pipeline(setting: Setting) -> list[Row]:
    """The pipeline of this commit in a clone, made again by force, and with nothing to do."""
    with cloned(setting.project) as clone:
        wall_seconds([module("dvc", "repro", "--quiet")], clone)
        script = setting.reference("--epochs", EPOCHS, "--pictures", clone.parent / "pictures")
        script_seconds, whole, same = in_turn(
            setting.repeats,
            lambda _: wall_seconds([script]),
            lambda _: repro_seconds(clone, "--force"),
            lambda _: repro_seconds(clone, "--force", "--single-item", *SAME_STAGES),
        )
        idle = in_turn(
            setting.repeats,
            lambda _: wall_seconds([module("dvc", "status")], clone),
            lambda _: wall_seconds([module("dvc", "repro")], clone),
        )
    return [
        _against_script("dvc repro --force, all stages, against the script", script_seconds, whole),
        _against_script(f"the same, {', '.join(SAME_STAGES)} alone", script_seconds, same),
        Row("dvc repro with nothing to do, against dvc status", "s", idle[0], idle[1], 1 / 1.5),
    ]


def _against_script(name: str, script: list[float], ours: list[tuple[float, dict[str, float]]]) -> Row:
    """A row of the pipeline, whose note says what each stage took."""
    seconds = [whole for whole, _ in ours]
    medians = {stage: statistics.median(stages[stage] for _, stages in ours) for stage in ours[0][1]}
    note = "seconds of each stage: " + ", ".join(f"{stage} {median:.1f}" for stage, median in medians.items())
    return Row(name, "s", script, seconds, 1 / 0.6, note)


def throughput(setting: Setting) -> list[Row]:
    """Trainings of `base` with a final test: one of a single thread on each core, against one script after another."""
    cores = os.cpu_count() or 1
    ours = [setting.ours("--epochs", EPOCHS, "--threads", 1, "--seed", seed) for seed in range(cores)]
    seconds = in_turn(
        setting.repeats,
        lambda _: wall_seconds([setting.reference("--epochs", EPOCHS)]),
        lambda _: wall_seconds(ours),
    )
    rates = [[runs * 3600 / second for second in side] for runs, side in zip((1, cores), seconds, strict=True)]
    return [Row("runs of base", "per hour", rates[0], rates[1], 4.0, f"{cores} side by side", more_is_better=True)]


def study(setting: Setting) -> list[Row]:
    """A part of the shipped study, robustness curves and MLflow included, against one script of each run after another.

    Both train on as many images of the built-in data set, the study on other drawings of it.
    """
    cores = os.cpu_count() or 1
    seeds = plans.read(SHIPPED_STUDY).study.seeds
    with cloned(setting.project) as clone:
        wall_seconds([module("dvc", "repro", "--quiet", "synthesize")], clone)
        drawn = load(clone / "params.yaml").synthesize.images_per_class
        content = json.dumps(study_file(seeds, drawn - setting.train_images // 2))
        for repeat in range(setting.repeats):
            (clone / f"bench{repeat}.yaml").write_text(content, encoding="utf-8")
            wall_seconds([module("stages.study.pack", "--study", f"bench{repeat}.yaml")], clone)
        scripts = [setting.reference("--epochs", EPOCHS, "--network", name) for name in STUDIED]
        seconds = in_turn(
            setting.repeats,
            lambda _: sum(wall_seconds([script]) for script in scripts),
            lambda repeat: wall_seconds([module("stages.study.run", "--study", f"bench{repeat}.yaml")], clone),
        )
    runs = (len(STUDIED), len(STUDIED) * seeds)
    rates = [[count * 3600 / second for second in side] for count, side in zip(runs, seconds, strict=True)]
    note = f"{', '.join(STUDIED)}: {seeds} seeds each, {cores} side by side"
    return [Row("runs of a study", "per hour", rates[0], rates[1], 4.0, note, more_is_better=True)]


def study_file(seeds: int, test_images: int) -> dict[str, Any]:
    """A study of STUDIED with the shipped recipe and this many test images of each class, the rest to train on.

    There are no validation images: the reference has none.
    """
    shared = {
        "split.test": test_images,
        "split.val": 0,
        "train.epochs": EPOCHS,
        "compute.threads": 1,
    }
    variants = {
        name: {"set": {f"model.{key}": value for key, value in training.NETWORKS[name].items()}} for name in STUDIED
    }
    return {"title": "Benchmark", "seeds": seeds, "params": shared, "variants": variants}


ROWS: dict[str, Callable[[Setting], list[Row]]] = {
    **{f"epoch-{name}": partial(epoch, network=name) for name in EPOCH_TARGETS},
    "portable": portable,
    "augment": augment,
    "busy": busy,
    "accuracy": accuracy,
    "pipeline": pipeline,
    "throughput": throughput,
    "study": study,
}

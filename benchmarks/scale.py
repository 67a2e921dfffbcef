"""How time and memory of each stage grow with the number of images.

    python -m benchmarks.scale --counts 2000 20000 200000 --results benchmarks/results

Each count goes through synthesize, split, two epochs of a small network and evaluate, in a separate clone that is
removed afterwards; after each stage DVC hashes and caches its outputs, which is timed apart. `inspect` and a split that
keeps groups of ten images together look at the same folder. Shares of test and validation images are those of
params.yaml. Writes scale.json, scale.md and scale.png after each count. Linux only. An
image takes about 50 KB of disk while its count is measured: 10 GB for 200,000.
"""

import argparse
import json
import math
import os
import shlex
import subprocess
import sys
import tempfile
from contextlib import chdir
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from mlflow import MlflowClient
from ruamel.yaml import YAML

from benchmarks import processes
from benchmarks.comparison import module
from crosscheck.core import devices
from crosscheck.core.files import write_json, write_text
from crosscheck.core.params import load
from crosscheck.core.yaml_files import read_yaml
from crosscheck.pipeline.paths import DVC_FILE
from crosscheck.reporting import style
from crosscheck.tracking import store

STAGES = ("synthesize", "split", "train", "evaluate")
# What is not a stage of the pipeline, so that DVC has nothing to hash.
INSPECT, GROUPED = "inspect", "split by groups"
MEASURED = (*STAGES, INSPECT, GROUPED)
# All digits of a file's name but the last.
GROUP_BY = "/([0-9]+)[0-9][.]"
COLOURS = dict(
    zip(MEASURED, (style.BLUE, style.VERMILION, style.GREEN, style.GREY, style.BLUE, style.VERMILION), strict=True)
)
MARKERS = dict(zip(MEASURED, "os^Dvx", strict=True))
# The axes end at whole powers of ten.
AROUND = (math.floor, math.ceil)
FORECAST = 10_000_000
# Small, so that fetching the images weighs as much as it can.
NETWORK = {"channels": 4, "further_channels": [4], "hidden": [16]}
RECIPE = {"epochs": 2, "snapshots": 0}


def main() -> None:
    asked = arguments()
    # As the stages have it: with the threads of params.yaml.
    devices.prepare(load().compute)
    machine = devices.fingerprint() | {"memory_bytes": str(psutil.virtual_memory().total)}
    found: list[dict[str, Any]] = []
    for count in asked.counts:
        with tempfile.TemporaryDirectory(dir=asked.scratch) as scratch:
            found.append(measure(count, Path(scratch)))
        write_json(asked.results / "scale.json", {"machine": machine, "network": NETWORK, "counts": found})
        write_text(asked.results / "scale.md", table(found, machine))
        style.save(draw(found), asked.results / "scale.png")
        print(json.dumps(found[-1]), flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--counts", type=int, nargs="+", default=[2000, 20000, 200000])
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, help="where the clones go; the system's temporary folder if not given")
    return parser.parse_args()


def measure(count: int, scratch: Path) -> dict[str, Any]:
    """Seconds and bytes of each stage for `count` images, and images per second of the last epoch."""
    clone, log = scratch / "clone", scratch / "log"
    subprocess.run(["git", "clone", "-q", Path.cwd(), clone], check=True)
    change(clone / "params.yaml", count)
    os.environ |= {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(scratch), "DVC_ROOT": str(clone)}
    commands = read_yaml(clone / DVC_FILE)["stages"]
    subprocess.run([sys.executable, *shlex.split(commands["check"]["cmd"])[1:]], cwd=clone, check=True)
    stages: dict[str, dict[str, float]] = {}
    for stage in STAGES:
        (clone / "metrics").mkdir(exist_ok=True)
        usage = processes.run([sys.executable, *shlex.split(commands[stage]["cmd"])[1:]], clone, log)
        dvc = processes.run(["dvc", "commit", "--force", "--quiet", stage], clone, log)
        stages[stage] = asdict(usage) | {"dvc_seconds": dvc.seconds}
    status = processes.run(["dvc", "status", *STAGES], clone, log)
    images = read_yaml(clone / "params.yaml")["data"]["images"]
    stages[INSPECT] = run_alone(module("crosscheck", "inspect", images), clone, log)
    figures = {
        "images": count,
        "stages": stages,
        "status_seconds": status.seconds,
        "epoch_images_per_second": images_per_second(clone, count),
        "disk_bytes": int(subprocess.check_output(["du", "-s", "-B1", clone], text=True).split()[0]),
        "split_bytes": sum(file.stat().st_size for file in (clone / "data" / "split").iterdir()),
    }
    change_sections(clone / "params.yaml", split={"group_by": GROUP_BY})
    grouped = module("stages.split", "--split", scratch / "grouped", "--samples", scratch / "grouped.png")
    stages[GROUPED] = run_alone(grouped, clone, log)
    return figures


def run_alone(words: list[str], clone: Path, log: Path) -> dict[str, float]:
    """What a command takes that is not a stage."""
    return asdict(processes.run(words, clone, log)) | {"dvc_seconds": 0.0}


def change(params: Path, count: int) -> None:
    """Ask for `count` images of both classes, and keep the shares of the subsets."""
    content = read_yaml(params)
    of_each, before = count // 2, content["synthesize"]["images_per_class"]
    sizes = {subset: content["split"][subset] * of_each // before for subset in ("test", "val")}
    change_sections(params, synthesize={"images_per_class": of_each}, split=sizes, model=NETWORK, train=RECIPE)


def change_sections(params: Path, **sections: dict[str, Any]) -> None:
    """Change values in these sections of a params.yaml."""
    yaml = YAML()
    content = yaml.load(params)
    for name, values in sections.items():
        content[name].update(values)
    yaml.dump(content, params)


def images_per_second(clone: Path, count: int) -> float:
    """Training and validation images over the seconds of the last epoch, as the clone's MLflow store has them."""
    with chdir(clone):
        client = MlflowClient(store.uri())
    (run,) = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    card = json.loads((clone / "models" / "model.json").read_text(encoding="utf-8"))["data"]
    return float((card["train_images"] + card["val_images"]) / run.data.metrics["train/epoch_seconds"])


def table(found: list[dict[str, Any]], machine: dict[str, str]) -> str:
    """The figures as Markdown."""
    lines = [
        f"Machine: {machine['cpu']}, {machine['threads']} threads, "
        f"{int(machine['memory_bytes']) / 2**30:.0f} GiB; torch {machine['torch']}. One run of each count.",
        "",
        "| images | stage | seconds | own memory, MiB | with mapped files, MiB | DVC's hashing, seconds |",
        "|---:|---|---:|---:|---:|---:|",
    ]
    for row in found:
        for stage, usage in row["stages"].items():
            own, resident = usage["own_bytes"] / 2**20, usage["resident_bytes"] / 2**20
            lines.append(
                f"| {row['images']:,} | {stage} | {usage['seconds']:.1f} | {own:,.0f} | {resident:,.0f} "
                f"| {usage['dvc_seconds']:.1f} |"
            )
    lines += [
        "",
        "| images | images per second of an epoch | `dvc status`, seconds | disk, MiB |",
        "|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row['images']:,} | {row['epoch_images_per_second']:,.0f} | {row['status_seconds']:.1f} "
        f"| {row['disk_bytes'] / 2**20:,.0f} |"
        for row in found
    ]
    return "\n".join(lines + (forecast(found) if len(found) > 1 else [])) + "\n"


def forecast(found: list[dict[str, Any]]) -> list[str]:
    """What `FORECAST` images would take: the straight line through the two largest counts, never below the larger."""
    smaller, larger = sorted(found, key=lambda row: int(row["images"]))[-2:]

    def line(low: float, high: float) -> float:
        slope = (high - low) / (larger["images"] - smaller["images"])
        return float(high + max(0.0, slope) * (FORECAST - larger["images"]))

    lines = ["", f"{FORECAST:,} images, by the straight line through the two largest counts:", ""]
    lines += ["| stage | hours | DVC's hashing, hours | own memory, GiB |", "|---|---:|---:|---:|"]
    for stage in MEASURED:
        low, high = smaller["stages"][stage], larger["stages"][stage]
        hours, dvc = (line(low[kind], high[kind]) / 3600 for kind in ("seconds", "dvc_seconds"))
        lines.append(f"| {stage} | {hours:.1f} | {dvc:.1f} | {line(low['own_bytes'], high['own_bytes']) / 2**30:.1f} |")
    disk = line(smaller["disk_bytes"], larger["disk_bytes"]) / 2**30
    return [*lines, "", f"Disk, with DVC's cache: {disk:,.0f} GiB; while split runs, the packed images once more."]


def draw(found: list[dict[str, Any]]) -> Figure:
    """Time and memory of each stage over the count, on logarithmic axes."""
    figure = style.new_figure((11, 4.6))
    time_axis, memory_axis = figure.subplots(1, 2)
    counts = [row["images"] for row in found]
    for stage in MEASURED:
        usage = [row["stages"][stage] for row in found]
        look: dict[str, Any] = {"color": COLOURS[stage], "marker": MARKERS[stage]}
        time_axis.plot(counts, [each["seconds"] for each in usage], label=stage, **look)
        if stage in STAGES:
            time_axis.plot(counts, [each["dvc_seconds"] for each in usage], linestyle=":", fillstyle="none", **look)
        memory_axis.plot(counts, [each["own_bytes"] / 2**20 for each in usage], label=stage, **look)
    time_axis.plot([], [], color="black", linestyle=":", label="DVC, hashing its outputs")
    time_axis.set_ylabel("wall time (s)")
    memory_axis.set_ylabel("own peak memory, all processes (MiB)")
    for axis in (time_axis, memory_axis):
        axis.set(xscale="log", yscale="log", xlabel="images")
        axis.set_xticks(counts, [f"{count:,}" for count in counts])
        axis.set_ylim(*(10 ** around(math.log10(limit)) for around, limit in zip(AROUND, axis.get_ylim(), strict=True)))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        for ticks in (axis.xaxis, axis.yaxis):
            ticks.set_minor_formatter(NullFormatter())
        axis.grid(which="major", alpha=0.3)
        axis.legend(fontsize=9)
    figure.suptitle(f"Cost of each stage (n = 1 run of each of {len(counts)} counts)", fontsize=12)
    return figure


if __name__ == "__main__":
    main()

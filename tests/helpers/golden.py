"""Hashes of tiny results, one of each kind, which come out on every x86-64 machine with AVX2: `golden.json`.

    python -m tests.helpers.golden            prints them
    python -m tests.helpers.golden --write    replaces the file, after a release of a library has changed

It takes seconds, so that it can run under valgrind, which takes minutes. Nothing here reads a value of `params.yaml`
that decides a result.
"""

import hashlib
import json
import sys
import tempfile
from dataclasses import astuple
from importlib.metadata import version
from pathlib import Path
from typing import Any

import stages  # noqa: F401 - it chooses the kernels of the libraries below

# isort: split
import numpy as np
import torch
from scipy.linalg import blas

from crosscheck.core import devices, params
from crosscheck.data import synthetic
from crosscheck.data.dataset import DataSet, Subset
from crosscheck.data.guessing import Guess
from crosscheck.evaluation import calibration, metrics, ood, predictions
from crosscheck.explain import attributions, probes
from crosscheck.network import inference
from crosscheck.network.checkpoint import Checkpoint
from crosscheck.reporting import charts, style
from crosscheck.study import corruptions, intervals
from crosscheck.training import fused_linear, trainer

FILE = Path(__file__).with_suffix(".json")
PACKAGES = ("captum", "matplotlib", "numpy", "pillow", "scikit-learn", "scipy", "torch")
SIZE, TRAIN, VAL, TEST = 32, 24, 8, 12
CLASSES = ["circles", "crosses"]
DATA_SET = DataSet(CLASSES, SIZE, SIZE, 1, "stretch", 255)
SHIPPED = params.load(Path(__file__).parents[2] / "params.yaml")
COMPUTE = params.ComputeParams(threads=2, device="cpu", portable=True)
MODEL = params.ModelParams(
    channels=9, further_channels=[5], norm="none", pool="max", head="dense", hidden=[64], invert=True, centre=True
)
RECIPE = params.TrainParams(
    images_per_class="all", epochs=2, batch_size=8, optimizer="sgd", lr=0.1, momentum=0.0, weight_decay=0.0,
    schedule="constant", precision="float32", seed=0, snapshots=0, processes=1,
)  # fmt: skip
GEOMETRY = params.SynthesizeParams(
    images_per_class=1,
    size=SIZE,
    stroke_width=8.0,
    seed=0,
    rotation=0.0,
    stroke_spread=0.0,
    noise=0.02,
    displacement=0.0,
)
NETWORKS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "base": ({}, {}),
    "batch norm, averaging head": ({"norm": "batch", "head": "average", "hidden": []}, {"momentum": 0.9}),
    "adamw": ({"pool": "stride"}, {"optimizer": "adamw", "lr": 0.003, "schedule": "cosine", "weight_decay": 0.01}),
    "large layers": ({"pool": "none"}, {}),
    "bfloat16": ({}, {"precision": "bfloat16"}),
}


def main() -> None:
    devices.prepare(COMPUTE)
    with tempfile.TemporaryDirectory() as folder:
        content = {"releases": releases(), "sha256": results(Path(folder))}
    if "--write" in sys.argv:
        FILE.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(content))


def releases() -> dict[str, str]:
    """What the hashes hold for."""
    return {package: version(package) for package in PACKAGES}


def results(folder: Path) -> dict[str, str]:
    """The hash of each result, by its name."""
    train, val, test = (drawn(count, seed) for seed, count in enumerate((TRAIN, VAL, TEST)))
    found = {"libraries": libraries()}
    for name, (model, recipe) in NETWORKS.items():
        fused_linear.LARGE_BYTES = 0 if name == "large layers" else 2**40
        trained = fit(MODEL.model_copy(update=model), RECIPE.model_copy(update=recipe), train, val)
        found[f"training, {name}"] = digest(*trained.net.state_dict().values(), *map(astuple, trained.history))
        if name == "base":
            net, history = trained.net, trained.history
    figure = charts.draw_training_curves(history, Guess.from_labels(train.labels, len(CLASSES)), (TRAIN, VAL))
    style.save(figure, folder / "curves.png", 50)
    found["plot"] = digest((folder / "curves.png").read_bytes())
    found["evaluation"] = evaluated(net, train, test, folder / "predictions.csv")
    learnt = ood.fit_detector(net, train, val, "")
    found["detector"] = digest(learnt.mean, learnt.deviation, learnt.known, learnt.limit)
    found["probe"] = probed(net, train, val)
    reasons = attributions.reasons(net, Checkpoint(net, MODEL, DATA_SET), test.images[0], int(test.labels[0]))
    found["decision"] = digest(*astuple(reasons))
    for kind, levels in corruptions.GRID.items():
        found[f"distortion, {kind}"] = digest(corruptions.distort(test, kind, levels[1], 255).images)
    found["statistics"] = digest(*astuple(intervals.share(7, 12, 0.95)), intervals.mean([0.5, 0.25, 1.0, 0.8], 0.95))
    return found


def drawn(count: int, seed: int) -> Subset:
    """Circles and crosses by turns, black on white."""
    geometry = GEOMETRY.model_copy(update={"seed": seed})
    inks = np.stack([synthetic.draw(geometry, index % 2, index) for index in range(count)])
    return Subset(np.where(inks, 0, 255).astype(np.uint8)[..., None], np.arange(count) % 2)


def fit(model: params.ModelParams, recipe: params.TrainParams, train: Subset, val: Subset) -> trainer.Trainer:
    """A few steps of training."""
    trained = trainer.build_trainer(model, recipe, params.AugmentParams(), DATA_SET, train, val, torch.device("cpu"))
    trained.run()
    return trained


def evaluated(net: torch.nn.Sequential, train: Subset, test: Subset, table: Path) -> str:
    """The table of predictions, the scores, the bins and the baseline."""
    probabilities = torch.softmax(inference.compute_logits(net, test, 8).double(), dim=1).numpy()
    predictions.write_predictions(
        predictions.make_predictions([f"{row}.png" for row in range(TEST)], test.labels, probabilities), CLASSES, table
    )
    bins = calibration.bin_confidence(probabilities, test.labels, 5)
    return digest(
        table.read_bytes(),
        metrics.score_overall(probabilities, test.labels),
        list(map(astuple, bins)),
        metrics.nearest_neighbour_accuracy(train.images, train.labels, test.images, test.labels),
        inference.compute_logits(net, test, 8),
    )


def probed(net: torch.nn.Sequential, train: Subset, val: Subset) -> str:
    """A linear probe, and the two principal components of its values; valgrind rounds some of their last bits."""
    names = ["block1", "block2"]
    values = probes.features(net, names, train, 8)
    view = probes.view(values["block2"], 2)
    accuracies = probes.Probing(train, val, "validation").accuracies(net, names, 8, 2)
    return digest(values["block1"], accuracies, np.round(view.points, 6), np.round(view.shares, 6))


def libraries() -> str:
    """Functions and products of numpy and scipy, which today no result here leans on with its last bit."""
    values = np.random.default_rng(0).random((300, 400)) * 20
    found = []
    for numbers in (values, values.astype(np.float32)):
        found += [np.exp(numbers), np.log(numbers), np.sin(numbers), np.tanh(numbers), numbers**1.3]
        found += [numbers @ numbers.T, numbers[0] @ numbers.T, numbers.std(axis=1)]
    return digest(*found, blas.dgemm(1.0, values, values, trans_b=1))


def digest(*values: Any) -> str:
    """A hash of arrays and tensors by their bytes, of all else as Python writes it."""
    sha = hashlib.sha256()
    for value in values:
        if isinstance(value, torch.Tensor):
            value = value.detach().contiguous().numpy()
        sha.update(np.ascontiguousarray(value).tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
    return sha.hexdigest()[:32]


if __name__ == "__main__":
    main()

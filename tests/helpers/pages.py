"""A study that has been analysed, made up without a training: for tests of its page."""

from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from crosscheck.study import analysis, corruptions, findings, intervals, plans
from crosscheck.study.analysis import Overview, Timing
from crosscheck.study.baselines import Baseline
from crosscheck.study.plans import Plan, PlannedRun
from crosscheck.study.runs import Run
from helpers.models import run_result
from helpers.repository import ROOT

# Right answers among 300 images, by variant and seed; None: the run failed.
RIGHT: dict[str, list[int | None]] = {
    "most": [299, 300, 299, 300, 299, 298],
    "mean": [295, 294, 297, 293, 296, 295],
    "stride": [280, 283, 281, 284, 279, 282],
    "wider": [299, 299, 300, 300, 299, 299],
    "few": [290, 299, 250, 297, 296, 260],
    "slow": [None, None, None, None, None, 290],
}
CONTENT: dict[str, Any] = {
    "title": "Pooling & <other> things",
    "seeds": 6,
    "variants": {
        "most": {"about": "the largest of each window"},
        "mean": {"set": {"model.pool": "avg"}},
        "stride": {"extends": "most", "set": {"model.pool": "stride"}},
        "wider": {"set": {"model.channels": 18}},
        "few": {"set": {"train.images_per_class": 25}},
        "slow": {"set": {"train.lr": 0.001}},
    },
    "questions": {
        "pooling": {
            "ask": "Does the largest value help, all else equal?",
            "compare": ["most", "stride", "mean"],
            "labels": {"stride": "strides", "mean": "averages"},
            "subject": "first",
            "measure": ["epochs", "noise"],
        },
        "channels": {"ask": "Do more channels help?", "compare": ["most", "wider"], "measure": []},
        "images": {"ask": "Are 25 images of each class enough?", "compare": ["most", "few"], "measure": []},
        "rate": {"ask": "Does a small rate fail?", "compare": ["most", "slow"], "primary": "failures", "measure": []},
    },
    "learning_curves": {"all": ["few", "most"]},
    "reported": [{"variant": "most", "accuracy": 1.0, "says": "100 %", "one_split": True}],
}


def make_plan(folder: Path, **changes: Any) -> Plan:
    """The plan of the made-up study, whose file stands in `folder`."""
    with (folder / "mine.yaml").open("w", encoding="utf-8") as stream:
        YAML().dump(CONTENT | changes, stream)
    return plans.read(folder / "mine.yaml", ROOT / "params.yaml")


def analyse(plan: Plan) -> Overview:
    """All that is known of the study."""
    runs = {name: [_run(planned, RIGHT[name][planned.seed]) for planned in plan.of(name)] for name in RIGHT}
    return Overview(
        runs=runs,
        means={name: analysis.estimate_mean(each, plan.study.confidence) for name, each in runs.items()},
        survival={
            name: intervals.survival([run.reached for run in each], [run.epochs for run in each], 0.95)
            for name, each in runs.items()
        },
        timings={name: Timing(1.0, 500.0) for name in runs},
        machine="a processor",
        provenance="All results were computed in the same way.",
        answers=findings.answer_questions(plan, runs),
        baselines={name: Baseline(1700, 0.5, 0.9) for name in runs},
        hardest=[],
        paths=[f"a/{row}.png" for row in range(300)],
    )


def _run(planned: PlannedRun, right: int | None) -> Run:
    epochs = list(range(1, planned.params.train.epochs + 1))
    losses = [0.693 if right is None or epoch < 3 else 0.01 for epoch in epochs]
    accuracies = [0.5 if right is None else right / 300 for _ in epochs]
    curve = {"epoch": epochs, "train_loss": losses, "train_accuracy": accuracies, "val_loss": losses}
    actual = [0, 1] * 150
    hit = np.arange(300) < (150 if right is None else right)
    robustness = {
        kind: {"level": levels, "accuracy": [0.5 + 0.4 * hit.mean() - 0.01 * planned.seed] * len(levels)}
        for kind, levels in corruptions.GRID.items()
    }
    test = {
        "row": list(range(300)),
        "actual": actual,
        "predicted": [a ^ int(not h) for a, h in zip(actual, hit, strict=True)],
    }
    result = run_result(curve=curve | {"val_accuracy": accuracies}, test=test, robustness=robustness)
    reached = None if right is None else 3 + planned.seed % 2
    return Run(planned, right is None, np.arange(300), hit, reached, len(epochs), result)

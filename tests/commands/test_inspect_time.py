"""The time that `inspect` tells is that of the runs in benchmarks/results/folders.json, where it cannot be measured."""

import json

import pytest
from helpers.repository import ROOT

from crosscheck.commands import inspect
from crosscheck.core.params import Params
from crosscheck.pipeline.recipe import REPORT_OF_BACKBONE

RUNS = {
    run["name"]: run
    for run in json.loads((ROOT / "benchmarks" / "results" / "folders.json").read_text(encoding="utf-8"))["folders"]
}


def besides_training(name: str) -> float:
    return float(RUNS[name]["ours"]["seconds"]) - float(RUNS[name]["stages"]["train"])


@pytest.mark.parametrize("name", ["digits", "marks", "marks-subsets"])
def test_small_networks_take_what_the_stages_take_to_start(name: str) -> None:
    assert besides_training(name) == pytest.approx(inspect.OTHER_STAGES, rel=0.2)


def test_a_backbone_takes_its_time_for_each_image_that_the_other_stages_look_at(params: Params) -> None:
    run, settings = RUNS["shapes"], RUNS["shapes"]["settings"]
    images = run["train_images"] + run["ours"]["tests"]
    # `fit_ood` looks once at the images for training and validation.
    a_pass = (run["stages"]["fit_ood"] - RUNS["marks"]["stages"]["fit_ood"]) / run["train_images"]
    changes = {
        "data": params.data.model_copy(update={side: settings[f"data.{side}"] for side in ("height", "width")}),
        "explain": params.explain.model_copy(update=REPORT_OF_BACKBONE),
    }
    passes = inspect.count_passes(params.model_copy(update=changes), images, round(0.7 * images))
    estimated = inspect.OTHER_STAGES + passes * a_pass
    assert estimated == pytest.approx(besides_training("shapes"), rel=0.1)
    assert 0.5 * besides_training("shapes") > inspect.OTHER_STAGES

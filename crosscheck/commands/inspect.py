"""Looks at a folder of images and recommends what to run: its classes, what the images are like, parameters.

    python -m crosscheck inspect FOLDER [--json] [--write] [--layout classes|subsets] [--labels TABLE]

It changes nothing. It looks at a sample, so 100,000 files take seconds. Every value comes with its reason;
docs/background/recipe.md explains the recipe. `--json` writes one object instead, whose `commands` are lists of words
to run one after the other. `--write` puts the values into params.yaml and keeps comments and all other values; then run
`dvc repro`. `git restore params.yaml` takes back these and all other changes since the last commit. If a folder
cannot be trained on, a line on stderr says what is missing, and the exit status is 1. `--layout` settles how a folder
is read that could be read in two ways; `--labels` names the table of labels in it, or `none` for no table.
"""

import sys
from json import dumps
from pathlib import Path
from typing import get_args

from crosscheck.core import params_file
from crosscheck.core.errors import InputError
from crosscheck.core.param_types import Layout
from crosscheck.core.params import PARAMS_FILE, Params, load
from crosscheck.data import concerns, difficulty, inspection
from crosscheck.data.inspection import Inspection
from crosscheck.explain import workload
from crosscheck.pipeline import experiments, recipe
from crosscheck.reporting import inspection as text

# What starting DVC and all stages takes, and pictures, whatever the images: benchmarks/results/folders.json has 40 to
# 63 s of it besides the training. A backbone's 158 s there are this and 0.048 s for each pass of an image.
OTHER_STAGES = 60.0
WRITTEN = (
    f"{PARAMS_FILE}: has these values now; `dvc repro` runs them; `git restore {PARAMS_FILE}` takes back these and all "
    "other changes since the last commit"
)


def main(*folder: Path, json: bool = False, write: bool = False, layout: str = "auto", labels: str = "") -> None:
    if len(folder) != 1:
        raise InputError(f"{len(folder)} folders given; name one: python -m crosscheck inspect FOLDER")
    if layout != "auto" and labels not in ("", "none"):
        raise InputError(f"--layout {layout} and --labels {labels}: a table decides how a folder is read; give one")
    params = load()
    images = experiments.place(folder[0])
    found = inspection.inspect_folder(Path(images), _layout(layout), labels or None)
    baselines, settings = difficulty.score_baselines(found), recipe.recommend(found)
    values = {each.name: each.value for each in settings}
    seconds = estimate(found, recipe.apply(settings, params))
    warnings = [*concerns.find_concerns(found), *recipe.remarks(found)]
    commands = experiments.commands(images, values, experiments.is_tracked(Path(images)))
    if json:
        reasons = {each.name: each.reason for each in settings}
        advice = {
            "warnings": warnings,
            "settings": values,
            "reasons": reasons,
            "seconds": seconds,
            "commands": commands,
        }
        print(dumps({**text.as_json(found, baselines), **advice}, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print(*text.describe(found, baselines), *(f"warning: {each}" for each in warnings), "", sep="\n")
        print(
            *experiments.explain(settings, params),
            text.REST,
            "",
            *experiments.to_run(commands),
            "",
            text.said(seconds),
            sep="\n",
        )
    if write:
        params_file.change(values)
        print(WRITTEN, file=sys.stderr)


def _layout(text: str) -> Layout:
    layouts: tuple[Layout, ...] = get_args(Layout)
    for layout in layouts:
        if layout == text:
            return layout
    raise InputError(f"--layout is {text!r}; give one of {', '.join(layouts)}")


def estimate(found: Inspection, params: Params) -> dict[str, float]:
    """About how many seconds it takes here to read all images, to train, and to do the rest."""
    # PyTorch takes a while to load.
    from crosscheck.training import timing

    reading = found.sample.seconds / found.sample.files * len(found.listing.paths)
    images, train = len(found.listing.paths), recipe.train_images(found)
    training = timing.estimate_training(params, len(found.counts), train)
    rest = OTHER_STAGES + count_passes(params, images, train) * timing.estimate_pass(params, len(found.counts))
    return {"reading": round(reading, 1), "training": round(training, 1), "rest": round(rest, 1)}


def count_passes(params: Params, images: int, train: int) -> int:
    """About how many of `images`, `train` of them for training, the stages after the training look at."""
    # `fit_ood` looks at all but the test images, `evaluate` at all but the training images; val counts once here.
    held = max(1, images - train)
    return images + workload.count_passes(params.explain, params.data.height, params.data.width, train, held)

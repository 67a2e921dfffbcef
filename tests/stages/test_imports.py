"""What the stages load: a stage that needs no torch must not wait for it, and none waits for what it rarely needs."""

import subprocess
import sys
from pathlib import Path

import pytest
from helpers.imports import module_of
from helpers.repository import ROOT, packages

from crosscheck.core.definitions import Module

# What takes a third of a second and more to load.
HEAVY = (
    "captum",
    "cleanlab",
    "matplotlib",
    "mlflow",
    "pandas",
    "scipy.stats",
    "sklearn",
    "statsmodels",
    "timm",
    "torch",
)
# What each stage loads at its start. MLflow comes when a run begins, cleanlab when labels are examined.
LOADED = {
    "check": set(),
    "synthesize": set(),
    "split": {"matplotlib"},
    "train": {"torch"},
    "fit_ood": {"torch"},
    "evaluate": {"sklearn", "torch"},
    "visualize": {"matplotlib", "torch"},
    "explain": {"captum", "matplotlib", "sklearn", "torch"},
    "track": {"torch"},
}


def loaded_by(file: Path) -> set[str]:
    """The dotted names that a module and all modules of this project behind it import as they are loaded."""
    names, seen, waiting = set(), set(), [file]
    while waiting:
        module = waiting.pop()
        if module in seen or not module.exists():
            continue
        seen.add(module)
        found = Module.from_text(module.stem, module.read_text(encoding="utf-8")).loaded
        names |= found
        own = [name.split(".") for name in found if name.partition(".")[0] in packages(ROOT)]
        # A name may be of a module, or of a definition in one.
        waiting += [
            (ROOT / "/".join(parts[:length])).with_suffix(".py") for parts in own for length in (len(parts), -1)
        ]
    return names


def heavy(names: set[str]) -> set[str]:
    return {package for package in HEAVY for name in names if f"{name}.".startswith(f"{package}.")}


@pytest.mark.parametrize("stage", LOADED)
def test_a_stage_loads_no_more_than_it_needs(stage: str) -> None:
    assert heavy(loaded_by(module_of(stage))) == LOADED[stage]


def test_every_stage_is_looked_at() -> None:
    stages = [file for file in (ROOT / "stages").rglob("*.py") if file.parent == ROOT / "stages"]
    assert LOADED.keys() == {file.stem for file in stages} - {"__init__"}


def test_pictures_do_not_wait_for_statistics() -> None:
    """Also not behind another library: scikit-learn alone would load pandas and scipy.stats."""
    script = "import sys, stages.visualize; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert heavy(set(done.stdout.split())) == LOADED["visualize"]

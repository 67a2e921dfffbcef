"""A toy study, and the commands that run it."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from crosscheck.study import plans
from helpers.project import Project
from helpers.repository import ROOT

TOY: dict[str, Any] = {
    "title": "Bars and discs",
    "seeds": 2,
    "target": 0.5,
    "params": {
        "data.images": "toy",
        "split.test": 4,
        "split.val": 2,
        "train.epochs": 2,
        "train.snapshots": 0,
        "model.invert": True,
    },
    "variants": {"small": {}, "wider": {"set": {"model.channels": 4}}},
    "questions": {"width": {"ask": "Does width matter?", "compare": ["small", "wider"], "measure": ["shift"]}},
}


def write_study(project: Project, content: dict[str, Any]) -> None:
    with (project.folder / "mine.yaml").open("w", encoding="utf-8") as stream:
        YAML().dump(content, stream)


def read_plan(folder: Path, content: dict[str, Any]) -> plans.Plan:
    """The plan of the study `content`, whose file is written to `folder`, over the shipped parameters."""
    file = folder / "study.yaml"
    with file.open("w", encoding="utf-8") as stream:
        YAML().dump(content, stream)
    return plans.read(file, ROOT / "params.yaml")


def command(verb: str) -> list[str]:
    return [sys.executable, "-m", f"stages.study.{verb}", "--study=mine.yaml"]


def run(project: Project, check: bool = True, **env: str) -> str:
    done = project.run(*command("run"), check=check, **env)
    return done.stdout + done.stderr


def compare(project: Project) -> None:
    project.run(*command("compare"))


def lines_of(project: Project) -> dict[str, str]:
    """The line of each result, such as "small 0", in the order of their files."""
    found: dict[str, str] = {}
    for file in sorted((project.folder / "mine" / "results").glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            found[f"{file.name.partition('.')[0]} {json.loads(line)['seed']}"] = line
    return found


def remove_results(project: Project) -> None:
    shutil.rmtree(project.folder / "mine" / "results")

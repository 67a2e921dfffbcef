"""Commits of other results than those that the pipeline gave."""

import hashlib
import io
import json

import torch
from ruamel.yaml import YAML

from helpers.project import Project

MACHINE, CARD = ".crosscheck/machine.json", "models/model.json"


def put_into_cache(project: Project, content: bytes) -> str:
    """Put `content` into DVC's cache and return its MD5."""
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    cached = project.folder / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]
    cached.parent.mkdir(exist_ok=True)
    cached.write_bytes(content)
    return md5


def commit_instead(project: Project, path: str, content: bytes) -> None:
    """Put `content` into DVC's cache and commit a lock in which it is the output `path`."""
    md5 = put_into_cache(project, content)
    yaml = YAML()
    lock = yaml.load(project.read("dvc.lock"))
    for stage in lock["stages"].values():
        for out in stage.get("outs", []):
            if out["path"] == path:
                out["md5"], out["size"] = md5, len(content)
    with (project.folder / "dvc.lock").open("w", encoding="utf-8") as stream:
        yaml.dump(lock, stream)
    project.run("git", "commit", "-qam", f"another {path}")


def commit_other_weights(project: Project, by: float) -> None:
    content = torch.load(project.folder / "models" / "model.pt", weights_only=True)
    content["weights"]["classify.bias"][0] += by
    buffer = io.BytesIO()
    torch.save(content, buffer)
    commit_instead(project, "models/model.pt", buffer.getvalue())


def commit_other_accuracy(project: Project, by: float) -> None:
    figures = json.loads(project.read("metrics/test.json"))
    figures["test"]["accuracy"] += by
    commit_instead(project, "metrics/test.json", json.dumps(figures).encode())


def commit_other_bits(project: Project, **changes: str) -> None:
    """Commit a card that says that the results are of another mode or of other releases."""
    card = json.loads(project.read(CARD))
    card["bits"] |= changes
    commit_instead(project, CARD, json.dumps(card).encode())


def note_other_cpu(project: Project) -> None:
    """The working tree's own last training was on another machine."""
    machine = json.loads(project.read(MACHINE)) | {"cpu": "Another CPU"}
    (project.folder / MACHINE).write_text(json.dumps(machine), encoding="utf-8")

"""The search that is shipped, and changes to it."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from crosscheck.data.dataset import DataSet
from helpers.repository import ROOT

SHIPPED = ROOT / "search" / "space.yaml"
STANDARD = DataSet(["circles", "crosses"], 116, 116, 1, "stretch", 255)


def change_space(file: Path, **sections: Any) -> None:
    """Set keys of the space file: a dictionary for a section, or a value for what is no section."""
    yaml = YAML()
    content = yaml.load(file.read_text(encoding="utf-8"))
    for section, values in sections.items():
        if isinstance(values, dict):
            content[section].update(values)
        else:
            content[section] = values
    with file.open("w", encoding="utf-8") as stream:
        yaml.dump(content, stream)

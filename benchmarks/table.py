"""The results as JSON and as a table. What was not measured again stays, with the commit it was measured of."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from benchmarks.comparison import Row
from crosscheck.core.files import write_json, write_text

SAME = ("cpu", "instructions", "threads", "torch")


def markdown(rows: Sequence[Row], machine: dict[str, Any]) -> str:
    """Medians with the smallest and the largest value in brackets, and how many there are."""
    about = (
        f"{machine['threads']} threads of {machine['cpu']} ({machine['instructions']}), torch {machine['torch']}; "
        f"float32 matrix products {machine['gflops']:.0f} GFLOP/s, "
        f"copies {machine['copy_gigabytes_per_second']:.0f} GB/s (read and written)."
    )
    lines = [
        "# Against the original script",
        "",
        about,
        "",
        "Medians, with the smallest and the largest in brackets; the ratio is how many times better ours is.",
        "",
        "| what | reference | ours | ratio | target | of commit | of the machine's limit |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [
            f"{row.name} ({row.unit})",
            _spread(row.reference),
            _spread(row.ours),
            f"{row.ratio:.2f}",
            f"{row.target:.2f}",
            row.commit,
            row.note,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def kept(machine: dict[str, Any], folder: Path) -> list[Row]:
    """The rows of `folder`/speed.json, if it is of the same machine and torch."""
    file = folder / "speed.json"
    content = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"machine": {}, "rows": []}
    if any(content["machine"].get(name) != machine[name] for name in SAME):
        return []
    columns = {column.name for column in fields(Row)}
    return [Row(**{name: value for name, value in row.items() if name in columns}) for row in content["rows"]]


def write(rows: Sequence[Row], machine: dict[str, Any], folder: Path) -> None:
    """`folder`/speed.json and `folder`/speed.md."""
    content = {"machine": machine, "rows": [{**asdict(row), "ratio": round(row.ratio, 3)} for row in rows]}
    write_json(folder / "speed.json", content)
    write_text(folder / "speed.md", markdown(rows, machine))


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g}, n = {len(values)})"

"""Says by how much two files that should be the same differ."""

import csv
import json
import math
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
from PIL import Image

from crosscheck.core.nesting import flatten

# What the readers of the kinds below raise where a file is not what its ending says.
UNREADABLE = (AttributeError, EOFError, KeyError, OSError, RuntimeError, TypeError, UnpicklingError, ValueError)


def difference(old: Path, new: Path, name: str) -> str:
    """One line on how `new` differs from `old`, both of the kind that the file `name` is by its ending."""
    if old.read_bytes() == new.read_bytes():
        return "identical"
    try:
        return _BY_ENDING[Path(name).suffix](old, new)
    except UNREADABLE:
        return f"{old.stat().st_size} bytes became {new.stat().st_size} others"


def numbers(content: Any) -> dict[str, float]:
    """Every number of a JSON value by its dotted name."""
    values = flatten(content, lists=True).items()
    return {
        name: float(value) for name, value in values if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _json(old: Path, new: Path) -> str:
    before, after = (numbers(json.loads(file.read_text(encoding="utf-8"))) for file in (old, new))
    if before.keys() != after.keys():
        gone, fresh = sorted(before.keys() - after.keys()), sorted(after.keys() - before.keys())
        changes = [f"without {', '.join(gone)}"] * bool(gone) + [f"with {', '.join(fresh)}"] * bool(fresh)
        return f"other numbers: {', '.join(changes)}"
    gaps = {name: abs(before[name] - after[name]) for name in before if before[name] != after[name]}
    if not gaps:
        return "the same numbers, other text"
    widest = max(sorted(gaps), key=lambda name: gaps[name])
    return f"{len(gaps)} of {len(before)} numbers differ, most {widest}: {before[widest]:g} became {after[widest]:g}"


def _csv(old: Path, new: Path) -> str:
    before, after = (_cells(file) for file in (old, new))
    if len(before) != len(after):
        return f"{len(before)} cells became {len(after)}"
    differing = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    if not differing:
        return "the same cells, other text"
    numeric = [(_number(a), _number(b)) for a, b in differing]
    gaps = [abs(a - b) for a, b in numeric if a is not None and b is not None]
    by = f", numbers by at most {max(gaps):g}" if gaps else ""
    return f"{len(differing)} of {len(before)} cells differ{by}"


def _npy(old: Path, new: Path) -> str:
    before, after = (np.load(file, mmap_mode="r", allow_pickle=False) for file in (old, new))
    if before.shape != after.shape:
        return f"shape {before.shape} became {after.shape}"
    if before.dtype != after.dtype:
        return f"{before.dtype} became {after.dtype}"
    # In float64, since the difference of unsigned numbers would wrap around.
    gap = np.abs(before[before != after].astype(np.float64) - after[before != after].astype(np.float64))
    return f"{gap.size} of {before.size} values differ, by at most {gap.max(initial=0):g}"


def _png(old: Path, new: Path) -> str:
    before, after = (np.asarray(Image.open(file).convert("RGB"), dtype=np.int16) for file in (old, new))
    if before.shape != after.shape:
        height, width = before.shape[:2]
        return f"size {width} x {height} became {after.shape[1]} x {after.shape[0]}"
    gap = np.abs(before - after).max(axis=2)
    if not gap.any():
        return "the same pixels, other bytes"
    return f"{int((gap > 0).sum())} of {gap.size} pixels differ, by at most {int(gap.max())} of 255"


def _checkpoint(old: Path, new: Path) -> str:
    import torch

    before, after = (torch.load(file, weights_only=True, map_location="cpu")["weights"] for file in (old, new))
    if before.keys() != after.keys() or any(before[name].shape != after[name].shape for name in before):
        return "another architecture"
    gaps = {name: float((before[name].double() - after[name].double()).abs().max()) for name in before}
    widest = max(gaps, key=lambda name: gaps[name])
    return f"weights differ by at most {gaps[widest]:.3g}, in {widest}"


def _cells(file: Path) -> list[str]:
    with file.open(encoding="utf-8", newline="") as lines:
        return [cell for row in csv.reader(lines) for cell in row]


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


_BY_ENDING = {".json": _json, ".csv": _csv, ".npy": _npy, ".png": _png, ".pt": _checkpoint}

"""Where the project is, and its own modules."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Modules that the fixture `planted` adds to a copy of the code, where a search may miss them.
PLANTED = ["stages/inner/deep/planted.py", "library/planted.py", "library/inner/planted.py"]


def packages(root: Path = ROOT) -> list[str]:
    """The packages of the project itself, without what is only about it."""
    found = sorted(file.parent.name for file in root.glob("*/__init__.py"))
    return [name for name in found if name not in ("benchmarks", "concepts", "tests")]


def modules(root: Path = ROOT, also: tuple[str, ...] = ()) -> list[Path]:
    """Every module of the project's packages and of the folders `also`, however deep."""
    return [file for folder in (*packages(root), *also) for file in sorted((root / folder).rglob("*.py"))]

"""What modules import, and whether the dependencies of a stage name it."""

import ast
from functools import cache
from pathlib import Path

from helpers.repository import ROOT, packages


@cache
def tree_of(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"))


def imported_names(module: Path) -> set[str]:
    """What a module imports, by dotted names, also inside of functions."""
    names: set[str] = set()
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def imported_by(module: Path) -> set[Path]:
    """The project's modules that this one imports itself."""
    names = imported_names(module)
    own = [name for name in names if name.partition(".")[0] in packages(ROOT)]
    files = {ROOT / f"{name.replace('.', '/')}.py" for name in own}
    return {file for file in files if file.exists()}


def closure(module: Path) -> set[Path]:
    """The module with all that it imports, but for tracking: that observes, and decides no output."""
    found, waiting = set(), [module]
    while waiting:
        module = waiting.pop()
        if module not in found and module.parent != ROOT / "crosscheck" / "tracking":
            found.add(module)
            waiting += imported_by(module)
    return found


def unlisted_and_unreached(deps: list[str], modules: set[Path]) -> tuple[set[str], set[str]]:
    """The modules that no dependency names or holds, and the dependencies that name and hold none of them."""
    listed = {path for path in deps if is_code(path)}
    used = {path.relative_to(ROOT).as_posix() for path in modules | beside(modules)}
    unreached = {path for path in listed if not any(within(each, {path}) for each in used)}
    return {path for path in used if not within(path, listed)}, unreached


def beside(modules: set[Path]) -> set[Path]:
    """What modules read stands beside them under their names."""
    files = {module.with_suffix(ending) for module in modules for ending in (".html", ".json", ".md", ".txt")}
    return {file for file in files if file.exists()}


def module_of(stage: str) -> Path:
    return ROOT / "stages" / f"{stage}.py"


def is_code(path: str) -> bool:
    return Path(path).parts[0] in packages()


def within(path: str, folders: set[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)

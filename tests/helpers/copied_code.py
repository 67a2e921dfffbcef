"""A copy of the project's modules, and made-up ones, to change and to hash."""

import ast
import re
from pathlib import Path

from crosscheck.core import code_digest
from crosscheck.study import result_cache

ENTRY = result_cache.CODE


def digest(code: Path) -> str:
    return code_digest.digest(ENTRY, root=code.parent)


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def rename(code: Path, old: str, new: str) -> None:
    """Rename a definition wherever it is named."""
    for file in code.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        file.write_text(re.sub(rf"\b{old}\b", new, text), encoding="utf-8")


def move(code: Path, old: str, new: str) -> None:
    """Move the module `old` to the dotted name `new`, and correct what imports it."""
    package, _, name = new.rpartition(".")
    old_package, _, old_name = old.rpartition(".")
    for file in code.parent.rglob("*.py"):
        lines = file.read_text(encoding="utf-8").splitlines()
        nodes = [node for node in ast.walk(ast.parse("\n".join(lines))) if isinstance(node, ast.ImportFrom)]
        for node in sorted(nodes, key=lambda node: -node.lineno):
            kept = [ast.unparse(each) for each in node.names if each.name != old_name]
            indent = " " * node.col_offset
            fresh = []
            if node.module == old:
                fresh = [f"{indent}from {new} import {', '.join(map(ast.unparse, node.names))}"]
            elif node.module == old_package and len(kept) < len(node.names):
                fresh = [f"{indent}from {package} import {name} as {old_name}"]
                fresh += [f"{indent}from {old_package} import {', '.join(kept)}"] if kept else []
            if fresh:
                lines[node.lineno - 1 : node.end_lineno] = fresh
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    target = code.parent.joinpath(*new.split(".")).with_suffix(".py")
    target.parent.mkdir(parents=True, exist_ok=True)
    for folder in [target.parent, *target.parent.parents]:
        if folder == code.parent:
            break
        (folder / "__init__.py").touch()
    code.parent.joinpath(*old.split(".")).with_suffix(".py").rename(target)


def write(root: Path, **modules: str) -> Path:
    """A made-up package `made`, each module with its text."""
    (root / "made").mkdir(exist_ok=True)
    (root / "made" / "__init__.py").touch()
    for name, text in modules.items():
        (root / "made" / f"{name}.py").write_text(text, encoding="utf-8")
    return root


def made(root: Path, text: str, **others: str) -> str:
    """The hash of the function `main` of a made-up module."""
    return code_digest.digest(["made.one.main"], root=write(root, one=text, **others))

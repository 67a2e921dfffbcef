"""A hash of the code that decides a result: of a module and of all that it imports of this project."""

import ast
import hashlib
import io
import tokenize
from pathlib import Path

# They carry and check values and files, or word errors; what passes through them comes out as it went in. Images, and
# how they are dealt out, are hashed as they arrive; a group of one process hands every batch on as it is.
CARRIERS = {"dealing", "distributed", "errors", "explanation", "files", "images", "params", "subsets", "tables"}


def digest(module: Path) -> str:
    """A hash of the text of `module` and its project's imports, without comments, docstrings and blank lines."""
    found = sorted(_closure(module), key=lambda file: file.stem)
    texts = [(file.stem, _bare(file.read_text(encoding="utf-8"))) for file in found if file.stem not in CARRIERS]
    return hashlib.sha256(repr(texts).encode()).hexdigest()


def _closure(module: Path) -> set[Path]:
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += _imports(file)
    return found


def _imports(file: Path) -> list[Path]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    package = file.parent.name
    beside = [file.with_name(f"{name.rpartition('.')[2]}.py") for name in names if name.startswith(f"{package}.")]
    return [path for path in beside if path.exists()]


def _bare(text: str) -> str:
    """The code without what says something about it; as text, since how Python shows a tree depends on its version."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    gone: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            docstring = node.body[0]
            gone |= set(range(docstring.lineno, (docstring.end_lineno or docstring.lineno) + 1))
    lines = text.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            line, column = token.start
            lines[line - 1] = lines[line - 1][:column]
    kept = (line.rstrip() for number, line in enumerate(lines, start=1) if number not in gone)
    return "\n".join(line for line in kept if line)

"""The project's own definitions: which statements make them, and what a dotted name stands for."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from crosscheck.core.errors import InputError

COMPOUND = (ast.If, ast.For, ast.While, ast.Try, ast.TryStar, ast.With, ast.Match)
# A call of these while a module is imported changes nothing but the name that its result gets.
HARMLESS = {"builtins", "collections", "contextlib", "dataclasses", "datetime", "functools", "pathlib", "re", "typing"}


@dataclass(frozen=True, order=True)
class Definition:
    """A function, class, constant or effect of the module `module`, or all of it where `name` is empty."""

    module: str
    name: str = ""


def find_root(file: Path) -> Path:
    """The folder in which the packages around the module `file` stand, however deep it lies in them."""
    folder = file.resolve().parent
    while (folder / "__init__.py").exists():
        folder = folder.parent
    return folder


def imported(node: ast.stmt) -> dict[str, str]:
    """The names that an import statement binds, each with the dotted name of what it stands for.

    Raises InputError for a relative import and for `*`, which this project does not use.
    """
    if isinstance(node, ast.Import):
        # Without `as`, it is the outermost package that gets a name.
        pairs = [(each.asname, each.name) if each.asname else (_top(each.name),) * 2 for each in node.names]
        return dict(pairs)
    if not isinstance(node, ast.ImportFrom):
        return {}
    if node.level or node.module is None or any(each.name == "*" for each in node.names):
        raise InputError(
            f"`{ast.unparse(node)}`: a relative import, or one of everything; name the package and what is imported"
        )
    return {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}


def _top(dotted: str) -> str:
    return dotted.partition(".")[0]


@dataclass
class Module:
    """What a module's own statements bind and do when it is imported."""

    name: str
    imports: dict[str, str] = field(default_factory=dict)
    loaded: set[str] = field(default_factory=set)
    statements: dict[str, list[ast.stmt]] = field(default_factory=dict)

    @classmethod
    def from_text(cls, name: str, text: str) -> "Module":
        module = cls(name)
        for number, statement in enumerate(ast.parse(text).body):
            module._add(statement, f"#{number}")
        return module

    def _add(self, statement: ast.stmt, effect: str) -> None:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            self.imports |= imported(statement)
            self.loaded |= set(imported(statement).values())
            if isinstance(statement, ast.Import):
                self.loaded |= {each.name for each in statement.names}
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            self.statements.setdefault(statement.name, []).append(statement)
        elif isinstance(statement, COMPOUND):
            self._add_compound(statement, effect)
        elif names := list(_assigned(statement)):
            for name in names:
                self.statements.setdefault(name, []).append(statement)
        elif not (isinstance(statement, ast.Pass) or _is_constant(statement) or _declares(statement)):
            self.statements[effect] = [statement]

    def _add_compound(self, statement: ast.stmt, effect: str) -> None:
        if isinstance(statement, ast.If) and ast.unparse(statement.test) == "__name__ == '__main__'":
            return
        acts = False
        for node in _of_module_level(statement):
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._add(node, effect)
            elif isinstance(node, ast.stmt) and not isinstance(node, (*COMPOUND, ast.Pass)):
                acts = True
                names = [node.name] if isinstance(node, ast.FunctionDef | ast.ClassDef) else _assigned(node)
                for name in names:
                    self.statements.setdefault(name, []).append(statement)
        if acts:
            self.statements[effect] = [statement]

    @cached_property
    def effects(self) -> list[str]:
        """The names under `statements` whose import does more than bind a name, as far as it can be told."""
        return [
            name
            for name, found in self.statements.items()
            if name.startswith("#") or any(self._acts(each) for each in found)
        ]

    def _acts(self, statement: ast.stmt) -> bool:
        called = [node.func for node in _run_at_import(statement) if isinstance(node, ast.Call)]
        decorated = [node for node in _of_module_level(statement) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        decorators = [each for node in decorated for each in node.decorator_list if not isinstance(each, ast.Call)]
        return not all(self._is_harmless(each) for each in [*called, *decorators])

    def _is_harmless(self, called: ast.expr) -> bool:
        while isinstance(called, ast.Attribute):
            called = called.value
        if not isinstance(called, ast.Name):
            return isinstance(called, ast.Constant | ast.JoinedStr)
        if called.id in self.statements:
            return False
        return _top(self.imports.get(called.id, "builtins")) in HARMLESS


def _is_constant(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _declares(statement: ast.stmt) -> bool:
    """Whether it only says of which type a name will be."""
    return isinstance(statement, ast.AnnAssign) and statement.value is None


def _assigned(statement: ast.stmt) -> Iterator[str]:
    """The names that an assignment binds; those of `table[key] = value` and `thing.name = value` are none."""
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AugAssign | ast.AnnAssign) and statement.value is not None:
        targets = [statement.target]
    else:
        return
    waiting = list(targets)
    while waiting:
        target = waiting.pop()
        if isinstance(target, ast.Name):
            yield target.id
        elif isinstance(target, ast.Tuple | ast.List):
            waiting += target.elts
        elif isinstance(target, ast.Starred):
            waiting.append(target.value)


def _of_module_level(statement: ast.AST) -> Iterator[ast.AST]:
    """The statement and all in it, but for the bodies of functions."""
    yield statement
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return
    for child in ast.iter_child_nodes(statement):
        yield from _of_module_level(child)


def _run_at_import(statement: ast.AST) -> Iterator[ast.AST]:
    """As `_of_module_level`, with the decorators and defaults of functions and without annotations."""
    inner: list[ast.AST] = []
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        inner += [*statement.decorator_list, *statement.args.defaults, *filter(None, statement.args.kw_defaults)]
    elif isinstance(statement, ast.AnnAssign):
        inner += [statement.value] if statement.value else []
    elif not isinstance(statement, ast.Lambda):
        inner += ast.iter_child_nodes(statement)
    yield statement
    for child in inner:
        yield from _run_at_import(child)


class Project:
    """The modules of the packages under `root`, read when they are asked for."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._modules: dict[str, Module | None] = {}

    def module(self, name: str) -> Module | None:
        """The project's module of this dotted name, or None where there is none."""
        if name not in self._modules:
            self._modules[name] = self._read(name)
        return self._modules[name]

    def _read(self, name: str) -> Module | None:
        place = self.root.joinpath(*name.split("."))
        if not (self.root / _top(name) / "__init__.py").exists():
            return None
        for file in (place / "__init__.py", place.with_name(f"{place.name}.py")):
            if file.exists():
                return Module.from_text(name, file.read_text(encoding="utf-8"))
        return None

    def look_up(self, dotted: str) -> tuple[Definition | str, list[str]]:
        """What a dotted name stands for, and which attributes of it are meant.

        Of other libraries it is the name itself. Raises InputError where a module does not have what is asked of it.
        """
        parts = dotted.split(".")
        module = self.module(parts[0])
        if module is None:
            return dotted, []
        for number, part in enumerate(parts[1:], start=1):
            if part in module.statements:
                return Definition(module.name, part), parts[number + 1 :]
            # A package that imports its own module binds that module.
            if part in module.imports and module.imports[part] != f"{module.name}.{part}":
                return self.look_up(".".join([module.imports[part], *parts[number + 1 :]]))
            inner = self.module(f"{module.name}.{part}")
            if inner is None:
                if part.startswith("__"):
                    return part, parts[number + 1 :]
                raise InputError(f"{dotted}: the module {module.name} has no {part!r}; correct the name")
            module = inner
        return Definition(module.name), []

    def loaded_by(self, name: str) -> set[str]:
        """The project's modules, packages around them too, that importing the module `name` loads at once."""
        module = self.module(name)
        found = set()
        for dotted in {name, *(module.loaded if module else ())}:
            parts = dotted.split(".")
            found |= {".".join(parts[:count]) for count in range(1, len(parts) + 1)}
        return {each for each in found if self.module(each)}

"""The text of a definition without what does not decide what it does, and with its references to others marked.

Left out are comments, docstrings, annotations, imports, the words of errors and the definition's own name. What stands
in other libraries is named in full, however it was imported. Names within a function and of attributes stay.

The text supposes of Python only what `ast` has in common from 3.11 to 3.13: fields are written with their names and
in the order of these, empty ones are not written, and neighbouring parts of an f-string are one.
"""

import ast
from collections.abc import Callable, Iterator

from crosscheck.core.definitions import Definition, Module, Project, imported

Text = list[str | Definition]
# What a name is within a function: the dotted name that was imported, LOCAL or GLOBAL.
Frame = dict[str, str]
LOCAL, GLOBAL, CLASS = "", "global", "class"
LEFT_OUT = {"annotation", "ctx", "kind", "returns", "type_comment", "type_ignores", "type_params"}
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSION = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def read_text(definition: Definition, module: Module, project: Project) -> Text:
    """The text of the statements that make `definition`, in which other definitions stand for themselves."""
    writer = _Writer(definition, module, project)
    for statement in module.statements[definition.name]:
        writer.write(statement)
    return writer.text


class _Writer:
    def __init__(self, definition: Definition, module: Module, project: Project) -> None:
        self.own, self.module, self.project = definition.name, module, project
        self.text: Text = []
        self.frames: list[Frame] = []

    def write(self, value: object) -> None:
        """Add a node of the tree, a list of them or a plain value."""
        if isinstance(value, list):
            self._list(value)
        elif not isinstance(value, ast.AST):
            self.text.append(f"{type(value).__name__}:{value!r};")
        elif (special := self._special(value)) is not None:
            special(value)
        else:
            self._plain(value)

    def _special(self, node: ast.AST) -> Callable[..., None] | None:
        if isinstance(node, FUNCTION):
            return self._function
        if isinstance(node, COMPREHENSION):
            return self._comprehension
        kinds: dict[type[ast.AST], Callable[..., None]] = {
            ast.Name: self._name,
            ast.Attribute: self._attribute,
            ast.ClassDef: self._class,
            ast.AnnAssign: self._annotated,
            ast.Call: self._call,
            ast.Raise: self._raise,
            ast.Assert: self._assert,
            ast.JoinedStr: self._f_string,
        }
        return kinds.get(type(node))

    def _list(self, values: list[object]) -> None:
        self.text.append("[")
        for value in values:
            self.write(value)
        self.text.append("]")

    def _plain(self, node: ast.AST, *without: str) -> None:
        self.text.append(f"({type(node).__name__}")
        for name, value in sorted(ast.iter_fields(node)):
            self._field(name, value, *without)
        self.text.append(")")

    def _field(self, name: str, value: object, *without: str) -> None:
        if isinstance(value, list) and name in ("body", "orelse", "finalbody"):
            value = [each for each in value if not self._says_nothing(each)]
        if name not in {*LEFT_OUT, *without} and value is not None and value != []:
            self.text.append(f" {name}=")
            self.write(value)

    def _says_nothing(self, statement: ast.AST) -> bool:
        if isinstance(statement, ast.Pass | ast.Import | ast.ImportFrom | ast.Global):
            return True
        if isinstance(statement, ast.AnnAssign) and statement.value is None:
            return not self._in_class()
        return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)

    def _in_class(self) -> bool:
        return bool(self.frames) and CLASS in self.frames[-1]

    # Names.

    def _name(self, node: ast.Name) -> None:
        self._reference(node.id, [], isinstance(node.ctx, ast.Load))

    def _attribute(self, node: ast.Attribute) -> None:
        attributes, base = [node.attr], node.value
        while isinstance(base, ast.Attribute):
            attributes.insert(0, base.attr)
            base = base.value
        if isinstance(base, ast.Name):
            self._reference(base.id, attributes, True)
            return
        self._plain(node)

    def _reference(self, name: str, attributes: list[str], is_read: bool) -> None:
        found = self._meaning(name)
        if found == LOCAL:
            target: Definition | str = f"local:{name}"
        elif found is not None:
            target, attributes = self.project.look_up(".".join([found, *attributes]))
        elif name not in self.module.statements:
            target = f"builtin:{name}"
        elif is_read or self.frames:
            target = Definition(self.module.name, name)
        else:
            target = "own" if name == self.own else "other"
        self.text += ["<" if is_read else "<to ", target, *(f".{each}" for each in attributes), ">"]

    def _meaning(self, name: str) -> str | None:
        """LOCAL, the dotted name that `name` was imported from, or None where it is of the module itself."""
        for frame in reversed(self.frames):
            if (CLASS not in frame or frame is self.frames[-1]) and name in frame:
                if frame[name] == GLOBAL:
                    break
                return frame[name]
        return self.module.imports.get(name)

    # What has names of its own.

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        arguments = node.args
        body = node.body if isinstance(node.body, list) else [node.body]
        names = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        names += [each for each in (arguments.vararg, arguments.kwarg) if each]
        frame = dict.fromkeys((each.arg for each in names), LOCAL) | _bound(body)
        self.text.append(f"({type(node).__name__}")
        if not isinstance(node, ast.Lambda):
            self._named(node.name)
            self._field("decorator_list", node.decorator_list)
        # Python works out defaults where the function stands.
        self._field("args", arguments)
        self.frames.append(frame)
        self._field("body", node.body)
        self.frames.pop()
        self.text.append(")")

    def _class(self, node: ast.ClassDef) -> None:
        self.text.append("(ClassDef")
        self._named(node.name)
        for name in ("bases", "decorator_list", "keywords"):
            self._field(name, getattr(node, name))
        self.frames.append(_bound(node.body) | {CLASS: CLASS})
        self._field("body", node.body)
        self.frames.pop()
        self.text.append(")")

    def _named(self, name: str) -> None:
        if self.frames:
            self.text.append(f" name={name}")

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        targets = [each.target for each in node.generators]
        names = [each for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)]
        self.frames.append({each.id: LOCAL for each in names if _is_stored(each)})
        self._plain(node)
        self.frames.pop()

    # What is written in another form than it stands.

    def _annotated(self, node: ast.AnnAssign) -> None:
        # In a dataclass it is a field; elsewhere it assigns.
        if self._in_class():
            self._plain(node, "simple")
        elif node.value is not None:
            self._plain(ast.Assign([node.target], node.value))

    def _call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and self._meaning(node.func.id) == "typing.cast" and len(node.args) == 2:
            self.write(node.args[1])
            return
        self._plain(node)

    def _raise(self, node: ast.Raise) -> None:
        if isinstance(raised := node.exc, ast.Call):
            kept = [each for each in raised.args if not _is_words(each)]
            named = [each for each in raised.keywords if not _is_words(each.value)]
            node = ast.Raise(ast.Call(raised.func, kept, named), node.cause)
        self._plain(node)

    def _assert(self, node: ast.Assert) -> None:
        self._plain(node, "msg")

    def _f_string(self, node: ast.JoinedStr) -> None:
        self.text.append("(JoinedStr")
        words = ""
        for part in node.values:
            if isinstance(part, ast.Constant):
                words += str(part.value)
            else:
                self.text.append(f" {words!r} ")
                self.write(part)
                words = ""
        self.text.append(f" {words!r})")


def _is_stored(node: ast.Name) -> bool:
    return not isinstance(node.ctx, ast.Load)


def _is_words(node: ast.expr) -> bool:
    """Whether an argument of an exception is a text that is put together where it stands."""
    if isinstance(node, ast.BinOp):
        return _is_words(node.left) or _is_words(node.right)
    if isinstance(node, ast.JoinedStr):
        return not any(isinstance(each, ast.NamedExpr | ast.Await | ast.Yield) for each in ast.walk(node))
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _bound(body: list[ast.stmt] | list[ast.expr]) -> Frame:
    """The names that statements bind in the scope that they stand in."""
    frame: Frame = {}
    # An import wins: what it stands for is not to be missed.
    for name, meaning in (pair for node in body for pair in _bindings(node)):
        frame[name] = frame.get(name) or meaning
    return frame


def _bindings(node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from imported(node).items()
    elif isinstance(node, ast.Global):
        yield from dict.fromkeys(node.names, GLOBAL).items()
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name, LOCAL
    elif isinstance(node, COMPREHENSION):
        # Only `:=` binds a name outside of it.
        yield from ((each.target.id, LOCAL) for each in ast.walk(node) if isinstance(each, ast.NamedExpr))
    elif not isinstance(node, ast.Lambda):
        if isinstance(node, ast.Name) and _is_stored(node):
            yield node.id, LOCAL
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name, LOCAL
        elif isinstance(node, ast.MatchMapping) and node.rest:
            yield node.rest, LOCAL
        for child in ast.iter_child_nodes(node):
            yield from _bindings(child)

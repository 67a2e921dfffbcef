"""Runs one of the project's commands, or lists them.

python -m crosscheck
python -m crosscheck COMMAND [--help]
"""

import ast
import sys
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from crosscheck.core import cli

FOLDER = Path(__file__).with_name("commands")


def main() -> None:
    asked, *words = sys.argv[1:] or ["--help"]
    known = commands()
    if asked in ("-h", "--help"):
        print(overview(known))
    elif asked not in known:
        near = get_close_matches(asked, known, 1)
        meant = f"did you mean {near[0]!r}?" if near else "run `python -m crosscheck` for a list"
        sys.exit(f"error: {asked}: is not a command of Crosscheck; {meant}")
    else:
        sys.argv = [f"python -m crosscheck {asked}", *words]
        cli.run(import_module(f"crosscheck.commands.{asked}").main)
        cli.leave()


def commands() -> dict[str, str]:
    """Each command with the first line of its module's docstring, which is read without loading the module."""
    names = sorted(module.name for module in iter_modules([str(FOLDER)]))
    files = {name: (FOLDER / name).with_suffix(".py").read_text(encoding="utf-8") for name in names}
    found = {name: ast.get_docstring(ast.parse(text)) or "" for name, text in files.items()}
    return {name: text.partition("\n")[0] for name, text in found.items()}


def overview(known: dict[str, str]) -> str:
    """The list that is printed where no command is named."""
    width = max(map(len, known))
    lines = [f"  {name:{width}}  {said}" for name, said in known.items()]
    return "\n".join(["usage: python -m crosscheck COMMAND ...", "", *lines, "", "Each has --help."])


if __name__ == "__main__":
    main()

"""Sentences of a report, as macros of a template next to the module that computes the values in them."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape


class Sentences:
    """The macros of the text file in a module's folder that has its name.

    Filters that every template has: `count` a noun, numbers `grouped` by thousands, with a number of `decimals` or of
    `significant` digits, with their sign (`signed`), and shares in `percent`. `filters` are further ones.
    """

    def __init__(self, module: str, **filters: Callable[..., str]) -> None:
        self._file = Path(module).with_suffix(".txt")
        self._filters = filters

    def __call__(self, sentence: str, *content: Any) -> str:
        """What the macro `sentence` makes of `content`."""
        return str(getattr(self._macros, sentence)(*content))

    @cached_property
    def _macros(self) -> Any:
        """Compiled once: that takes longer than all the sentences."""
        environment = Environment(
            loader=FileSystemLoader(self._file.parent), autoescape=select_autoescape(), undefined=StrictUndefined
        )
        environment.filters |= {
            "count": lambda number, noun: f"{number:,} {noun}{'' if number == 1 else 's'}",
            "decimals": lambda value, places: f"{value:.{places}f}",
            "grouped": lambda number: f"{number:,}",
            "percent": lambda share, places=1: f"{share:.{places}%}",
            "signed": lambda value, places: f"{value:+.{places}f}",
            "significant": lambda value, digits=6: f"{value:.{digits}g}",
        }
        environment.filters |= self._filters
        return environment.get_template(self._file.name).module

"""Nested dictionaries as flat ones."""

from typing import Any


def flatten(content: Any, separator: str = ".", lists: bool = False) -> dict[str, Any]:
    """Every value of nested dictionaries, by the keys that lead to it, such as `train.lr`.

    `lists`: their values count too, by their numbers from 0; otherwise a list is a value. What is neither has the
    empty name.
    """
    if isinstance(content, dict):
        parts = list(content.items())
    elif lists and isinstance(content, list):
        parts = list(enumerate(content))
    else:
        return {"": content}
    return {
        f"{key}{separator}{name}" if name else str(key): value
        for key, part in parts
        for name, value in flatten(part, separator, lists).items()
    }

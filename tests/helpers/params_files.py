"""What is said of a wrong params.yaml."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crosscheck.core.errors import InputError
from crosscheck.core.params import load


def fault(file: Path, read: Callable[[Path], Any] = load) -> str:
    """The one line in which reading `file` ends."""
    with pytest.raises(InputError) as caught:
        read(file)
    line = str(caught.value)
    assert len(line.splitlines()) == 1, line
    return line

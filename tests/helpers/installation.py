"""Stand-ins for python3 and pip, for tests of what the Makefile installs."""

import re
from pathlib import Path

from helpers.repository import ROOT


def extras() -> list[str]:
    """The extras that the Makefile installs by name."""
    return re.findall(r"^EXTRAS := (.*)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[0].split()


def fake_python(folder: Path, install: str) -> Path:
    """A stand-in for python3 whose `-m venv` makes an environment in which `pip install` does `install`.

    `pip freeze` shows the file `installed`.
    """
    made = folder / "made"
    script = folder / "python3"
    made.write_text(
        '#!/bin/sh\nif [ "$3" = freeze ]; then cat installed 2>/dev/null; exit 0; fi\n'
        '[ "$2" = pip ] || exit 0\n'
        f'echo "$*" >> installs\n{install}\n',
        encoding="utf-8",
    )
    script.write_text(f"#!/bin/sh\nmkdir -p .venv/bin && cp {made} .venv/bin/python\n", encoding="utf-8")
    for file in (made, script):
        file.chmod(0o755)
    return script

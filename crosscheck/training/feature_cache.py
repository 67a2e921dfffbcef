"""Arrays that took long to compute, in `.checkpoints/features/` under the project's root: outside of DVC's outputs.

The folder holds MOST_BYTES; the array that was used longest ago goes first. It can be removed at any time.
"""

import hashlib
import io
import os
import re
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from crosscheck.core.files import remove_state, write_file
from crosscheck.core.project import STATES, root

FOLDER = "features"
# What 800,000 images of 1,280 maps come to.
MOST_BYTES = 4 * 2**30
OWN_NAME = re.compile(r"[0-9a-f]{32}\.npy")
DIGEST_BYTES = hashlib.sha256().digest_size


def fetch(key: str, compute: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
    """The array that is kept under `key`, 32 hexadecimal digits, or else what `compute` gives, which is kept then."""
    file = root() / STATES / FOLDER / f"{key}.npy"
    file.parent.mkdir(parents=True, exist_ok=True)
    # The processes of one training want the same array: one computes it, and the others wait.
    with _lock(file):
        known = _read(file)
        if known is not None:
            return known
        found = compute()
        try:
            write_file(file, lambda partial: _write(found, partial))
        except (OSError, RuntimeError) as error:
            problem = " ".join(str(error).split())[:120]
            print(f"warning: {file}: cannot be written ({problem}); the next training computes it", file=sys.stderr)
    _remove_oldest(file)
    return found


def _remove_oldest(newest: Path) -> None:
    """Remove what was used longest ago until the rest fits; never `newest`, and nothing that has another name."""
    found = []
    for file in newest.parent.iterdir():
        # Another training may have removed it since.
        with suppress(FileNotFoundError):
            state = file.lstat()
            if OWN_NAME.fullmatch(file.name) and stat.S_ISREG(state.st_mode):
                found.append((file != newest, -state.st_mtime_ns, state.st_size, file))
    held = 0
    for removable, _, size, file in sorted(found):
        held += size
        if removable and held > MOST_BYTES:
            _remove(file)


def _remove(file: Path) -> None:
    try:
        with _lock(file, 0):
            remove_state(file)
            remove_state(Path(_lock(file).lock_file))
    except Timeout:
        # Another training uses it.
        return


def _lock(file: Path, timeout: float = -1) -> FileLock:
    return FileLock(file.with_suffix(".lock"), timeout=timeout)


def _write(array: NDArray[np.float32], file: Path) -> None:
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    # The hash stands behind the array, where numpy does not look.
    file.write_bytes(content.getvalue() + hashlib.sha256(content.getbuffer()).digest())


def _read(file: Path) -> NDArray[np.float32] | None:
    """What `_write` wrote, or None where it is missing or damaged."""
    try:
        content = file.read_bytes()
        array, told = content[:-DIGEST_BYTES], content[-DIGEST_BYTES:]
        if hashlib.sha256(array).digest() != told:
            return None
        # Used now; many disks do not note when a file was read.
        os.utime(file)
    except OSError:
        return None
    found: NDArray[np.float32] = np.load(io.BytesIO(array), allow_pickle=False)
    return found

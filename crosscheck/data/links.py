"""Where links in a folder of images lead, and which of them are followed."""

import os
import stat
import subprocess
import sys
from functools import cache
from pathlib import Path


def leads_to_folder(link: Path) -> bool:
    """Whether there is a folder at the end of `link`; not where nobody may look."""
    try:
        return stat.S_ISDIR(link.stat().st_mode)
    except OSError:
        return False


def leads_nowhere(link: Path) -> bool:
    """Whether nothing is at the end of `link`: what it names is gone, or it is one of a loop of links."""
    return not os.access(link, os.F_OK)


def stays_inside(link: Path, root: Path) -> bool:
    """Whether `link`, which must lead somewhere, ends in `root`."""
    return link.resolve().is_relative_to(root.resolve())


def is_followed(link: Path, root: Path) -> bool:
    """Whether the file that `link`, a link in `root`, leads to may be read: it is in `root`, or in its DVC's cache.

    Where DVC's setting `cache.type` is symlink, DVC makes such a link of every file that it tracks.
    """
    if stays_inside(link, root):
        return True
    kept = dvc_cache(root)
    return kept is not None and link.resolve().is_relative_to(kept)


@cache
def dvc_cache(folder: Path) -> Path | None:
    """The cache of the DVC project that `folder` is in, or None where it is in none.

    Four files of settings may name another place for it, and a temporary copy of the project shares the original's. So
    DVC is asked, which takes a third of a second: once, and only for a folder with links.
    """
    words = [sys.executable, "-m", "dvc", "cache", "dir"]
    answer = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
    lines = answer.stdout.splitlines()
    return Path(lines[-1]).resolve() if answer.returncode == 0 and lines else None

"""Whether the folder of images can be found where this runs: experiments may run in a temporary copy of the project."""

import os
from pathlib import Path

from crosscheck.core.errors import InputError
from crosscheck.core.project import root
from crosscheck.pipeline import paths

COPIED = "`dvc exp run --temp` and experiments of the queue run in a temporary copy of the project"


def check(images: str) -> None:
    """Raise InputError where `images`, a path from params.yaml, names another folder here than in the project, or none.

    DVC itself would only say that a file in the temporary copy is missing.
    """
    project = root()
    copy, path = Path.cwd().resolve(), Path(os.path.normpath(images))
    # DVC makes its copies inside of the project.
    if path.is_absolute() or copy == project or not copy.is_relative_to(project):
        return
    if path.parts[:1] == ("..",):
        meant = os.path.normpath(project / path)
        raise InputError(
            f"params.yaml: data.images is {images!r}, outside of the project, but {COPIED}, from where that is another "
            f"folder; give the whole path: -S data.images={meant}"
        )
    drawn = paths.read_paths("synthesize").values()
    if path not in drawn and not (copy / path).exists() and (project / path).exists():
        raise InputError(
            f"params.yaml: data.images is {images!r}, which neither DVC nor git tracks, but {COPIED} that holds only "
            f"what they track; run `dvc add {images}` and `git add {path}.dvc`, or leave out --temp and --queue"
        )

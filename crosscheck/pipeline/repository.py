"""DVC's repository of this project, opened to read its experiments."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from crosscheck.core.errors import InputError
from crosscheck.core.project import root

if TYPE_CHECKING:
    from dvc.repo.experiments import Experiments


@contextmanager
def open_experiments() -> Iterator["Experiments"]:
    """What DVC knows of the experiments. Raises InputError where DVC cannot tell, in the block as well."""
    # DVC takes half a second to load.
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from dvc.scm import map_scm_exception

    try:
        with Repo(str(root())) as repository, map_scm_exception():
            yield repository.experiments
    except DvcException as error:
        raise InputError(f"DVC cannot list the experiments ({' '.join(str(error).split())}); fix that first") from None

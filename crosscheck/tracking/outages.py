"""What it means when MLflow's store fails, and what the user can do about it, in one line without secrets."""

import re
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from crosscheck.core import addresses
from crosscheck.core.errors import InputError, StoreError
from crosscheck.core.project import root
from crosscheck.tracking import store

LONGEST = 200
SCHEMA = re.compile(r"out-of-date database schema \(found version (\w+)|Can't locate revision identified by '(\w+)'")
# What sqlite says, in part, and what helps.
SQLITE_REMEDIES = {
    "not a database": "move it away, so that a new one is made",
    "malformed": "move it away, so that a new one is made",
    "no such table": "move it away, so that a new one is made",
    "unable to open": "see that it is a file, and that you may read and write it and its folder",
    "readonly": "see that you may write it and its folder",
    "full": "make room on the disk",
    "locked": "wait until no other program uses it",
}


def outages() -> tuple[type[Exception], ...]:
    """What says that the store is out of reach, damaged, full or not willing, or that a user deleted the run in it.

    A mistake in this project raises something else, and is not passed over.
    """
    from alembic.util.exc import CommandError
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return StoreError, MlflowException, SQLAlchemyError, CommandError, sqlite3.Error, OSError


def try_to_record(record: Callable[[], object], what: str, later: str) -> bool:
    """Call `record`, and say whether the store took it.

    An outage is one line on stderr: `what` is not recorded, why, and which command records it `later`.
    """
    try:
        record()
    except outages() as error:
        _warn(error, what, later)
        return False
    return True


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Raise InputError where the store fails within the block; `what` it does not do then, as in "does not answer"."""
    try:
        yield
    except outages() as error:
        problem, remedy = describe(error)
        raise InputError(f"MLflow at {store.shown_uri()} {what} ({problem}); {remedy or 'fix that first'}") from None


def _warn(error: Exception, what: str, later: str) -> None:
    problem, remedy = describe(error)
    print(
        f"warning: MLflow at {store.shown_uri()} does not record this {what} ({problem}); "
        f"nothing else is lost: {f'{remedy}, then ' if remedy else ''}{later}",
        file=sys.stderr,
    )


def describe(error: Exception) -> tuple[str, str]:
    """What failed, and what the user can do about it, which is nothing (an empty text) where waiting is enough."""
    if isinstance(error, StoreError):
        return addresses.hidden(str(error)), addresses.hidden(error.remedy)
    text = " ".join(str(error).split())
    if found := SCHEMA.search(text):
        return _describe_schema(found[1] or found[2])
    if found := re.search(r"The run (\w+) must be in the 'active' state", text):
        restore = store.typed(f"mlflow runs restore --run-id {found[1]}")
        return "the run was deleted in MLflow", f"run `{restore}` if you want it back"
    for cause in _causes(error):
        if isinstance(cause, sqlite3.Error):
            said = str(cause)
            return addresses.hidden(said), next((fix for part, fix in SQLITE_REMEDIES.items() if part in said), "")
    hidden = addresses.hidden(text)
    return hidden if len(hidden) <= LONGEST else f"{hidden[:LONGEST].rsplit(' ', 1)[0]} ...", ""


def _describe_schema(revision: str) -> tuple[str, str]:
    if not _is_known(revision):
        return (
            f"the database was made by a newer MLflow than the installed {version('mlflow')}",
            "move it away, name another one in MLFLOW_TRACKING_URI, or install this project's environment again "
            "if that MLflow was its own",
        )
    file = addresses.sqlite_file(store.uri())
    own = file == root() / store.DATABASE
    named = f"{addresses.SQLITE}{store.DATABASE}" if own else '"$MLFLOW_TRACKING_URI"'
    return (
        f"the database was made by an older MLflow than the installed {version('mlflow')}",
        f"make a copy of it and run `mlflow db upgrade {named}`",
    )


def _is_known(revision: str) -> bool:
    """Whether the installed MLflow knows this version of the database, as it does all older ones."""
    import mlflow
    from alembic.script import ScriptDirectory
    from alembic.util.exc import CommandError

    try:
        found = ScriptDirectory(str(Path(mlflow.__file__).parent / "store" / "db_migrations")).get_revision(revision)
    except CommandError:
        return False
    return found is not None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and those that it came from, outermost first."""
    following: BaseException | None = error
    while following is not None:
        yield following
        following = following.__cause__ or following.__context__

"""The database of searches: one Optuna study for each, which workers on several machines may share."""

import os
import warnings
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.study import StudyDirection
from sqlalchemy.exc import SQLAlchemyError

from crosscheck.core import addresses
from crosscheck.core.errors import InputError
from crosscheck.tracking import store

VARIABLE = "CROSSCHECK_SEARCH_DATABASE"
DATABASE = "search.db"
DESCRIPTION = "description"
# A trial whose worker gave no sign of life for so long is failed, and tried again.
HEARTBEAT_SECONDS, GRACE_SECONDS = 30, 120
MOST_RETRIES = 2
SQLITE_SECONDS = 120


def address() -> str:
    """`CROSSCHECK_SEARCH_DATABASE`, any address that SQLAlchemy takes, or the sqlite file next to MLflow's."""
    return store.anchored(os.environ.get(VARIABLE) or f"{addresses.SQLITE}{DATABASE}")


def open_study(
    url: str,
    name: str,
    directions: list[StudyDirection],
    description: dict[str, Any],
    sampler: optuna.samplers.BaseSampler,
) -> optuna.Study:
    """The study `name`, which is made where the database does not have it.

    Raises InputError where the database cannot be opened, and where the study was begun with another description.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        # Two processes that make the tables at once would break them.
        with store.lock():
            study = optuna.create_study(
                storage=_storage(url), study_name=name, directions=directions, sampler=sampler, load_if_exists=True
            )
            begun = study.user_attrs.get(DESCRIPTION)
            if begun is None:
                study.set_user_attr(DESCRIPTION, description)
    except (SQLAlchemyError, ImportError, RuntimeError, ValueError) as error:
        problem = addresses.hidden(str(error))[:200]
        raise InputError(
            f"{VARIABLE}: {addresses.shown(url)} cannot be opened ({problem}); fix the address, or move the file away"
        ) from None
    changed = [key for key, value in description.items() if begun is not None and begun.get(key) != value]
    if changed:
        raise InputError(
            f"{addresses.shown(url)}: the search {name!r} was begun with other {' and '.join(changed)}; "
            "give study.name another name, for a separate search"
        )
    return study


def load_study(url: str, name: str, sampler: optuna.samplers.BaseSampler) -> optuna.Study:
    """The study `name` that `open_study` made, in a worker."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.load_study(storage=_storage(url), study_name=name, sampler=sampler)


def _storage(url: str) -> RDBStorage:
    wait = {"connect_args": {"timeout": SQLITE_SECONDS}} if url.startswith("sqlite") else {}
    with warnings.catch_warnings(action="ignore", category=ExperimentalWarning):
        return RDBStorage(
            # Optuna fills in what stands in braces, which a password may hold.
            url.replace("{", "{{").replace("}", "}}"),
            engine_kwargs=wait,
            heartbeat_interval=HEARTBEAT_SECONDS,
            grace_period=GRACE_SECONDS,
            heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=MOST_RETRIES),
        )

"""MLflow's tables for a new store in sqlite, copied from a first one: its migrations take two seconds a store."""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import sqlalchemy
from mlflow.store.db import utils


def copy_tables(template: Path) -> None:
    """Let MLflow in this process take the tables of a new sqlite file from `template`, which the first one makes."""
    if utils._initialize_tables.__module__ == __name__:
        return
    migrate = utils._initialize_tables

    def initialize(engine: sqlalchemy.Engine) -> None:
        file = engine.url.database or ":memory:"
        is_file = engine.dialect.name == "sqlite" and file != ":memory:"
        if not is_file or sqlalchemy.inspect(engine).get_table_names():
            migrate(engine)
        elif template.exists():
            _copy(template, Path(file))
        else:
            migrate(engine)
            with tempfile.TemporaryDirectory(dir=template.parent) as folder:
                _copy(Path(file), Path(folder) / "new.db")
                (Path(folder) / "new.db").replace(template)

    utils._initialize_tables = initialize


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)

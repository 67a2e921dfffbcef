"""A search of toy images in a folder: it runs, and its database and its runs in MLflow are read."""

from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from crosscheck.commands import search
from crosscheck.core.files import read_json


def store_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'mlflow.db'}"


def run(folder: Path) -> dict[str, Any]:
    search.main(folder / "space.yaml")
    found: dict[str, Any] = read_json(folder / "space" / "report.json")
    return found


def query(folder: Path, statement: str) -> list[Any]:
    engine = create_engine(f"sqlite:///{folder / 'search.db'}")
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(text(statement))]
    engine.dispose()
    return rows


def runs_below_the_parent(folder: Path) -> dict[str, Any]:
    import mlflow

    client = mlflow.MlflowClient(store_of(folder))
    runs = client.search_runs([client.get_experiment_by_name("crosscheck").experiment_id])
    parents = [run for run in runs if run.info.run_name == "search small"]
    assert len(parents) == 1 and parents[0].info.status == "FINISHED"
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parents[0].info.run_id]
    assert len(children) == len(runs) - 1
    named = {run.info.run_name: run for run in children}
    assert len(named) == len(children)
    return named

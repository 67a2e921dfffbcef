"""Tells MLflow of a study: one parent run, and below it a run for each cell.

As all tracking, it observes: the results are files before it hears of them, and what an outage kept from it is recorded
by the next run of the study.
"""

import sys
from collections.abc import Callable
from typing import Any

from stages import store, tracking
from stages.plans import Cell, Plan

PARENT_TAG, STUDY_TAG, CELL_TAG = "mlflow.parentRunId", "crosscheck.study", "crosscheck.cell"


class StudyRuns:
    """The runs of one study or, after the first failure, nothing: every later call then returns at once."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.failed = False
        self.parent = self.experiment = ""
        self.recorded: set[str] = set()

    def cell(self, cell: Cell, result: dict[str, Any], timing: dict[str, Any]) -> None:
        """Record a cell, unless this result of it is recorded already."""

        def record() -> None:
            client = self._client()
            tag = f"{cell.variant}/{cell.seed}/{result['key']}"
            if tag not in self.recorded:
                self._record(client, cell, result, timing, tag)
                self.recorded.add(tag)

        self._attempt(record)

    def finish(self) -> None:
        """Close the parent run."""
        self._attempt(lambda: self._client().set_terminated(self.parent))

    def _record(self, client: Any, cell: Cell, result: dict[str, Any], timing: dict[str, Any], tag: str) -> None:
        from mlflow.entities import Metric, Param

        tags = {PARENT_TAG: self.parent, CELL_TAG: tag, "variant": cell.variant}
        run = client.create_run(self.experiment, run_name=f"{cell.variant} seed {cell.seed}", tags=tags)
        now = run.info.start_time
        metrics = [Metric(name, float(value), now, 0) for name, value in figures(result, timing).items()]
        metrics += [
            Metric(name, float(value), now, epoch)
            for name, values in result["curve"].items()
            for epoch, value in zip(result["curve"]["epoch"], values, strict=True)
            if name != "epoch" and value is not None
        ]
        sections = {name: getattr(cell.params, name).model_dump() for name in ("split", "model", "train")}
        flat = {f"{section}.{key}": value for section, content in sections.items() for key, value in content.items()}
        parameters = [Param(name, str(value)) for name, value in flat.items()]
        most = tracking.MOST_METRICS - len(parameters)
        for start in range(0, len(metrics), most):
            part = metrics[start : start + most]
            client.log_batch(run.info.run_id, metrics=part, params=parameters if start == 0 else [])
        client.set_terminated(run.info.run_id, "FAILED" if result["diverged"] else "FINISHED")

    def _client(self) -> Any:
        """MLflow's client, with the parent run found or made at the first call."""
        mlflow, experiment = store.connect()
        client = mlflow.MlflowClient()
        if not self.parent:
            self.experiment = experiment
            with store.lock():
                found = client.search_runs([experiment], f"tags.`{STUDY_TAG}` = '{self.plan.name}'")
                tags = {STUDY_TAG: self.plan.name, "mlflow.source.name": "make study"}
                run = (
                    found[0] if found else client.create_run(experiment, run_name=f"study {self.plan.name}", tags=tags)
                )
            self.parent = run.info.run_id
            client.update_run(self.parent, status="RUNNING")
            self.recorded = _children(client, experiment, self.parent)
        return client

    def _attempt(self, action: Callable[[], None]) -> None:
        if self.failed:
            return
        try:
            action()
        except tracking.outages() as error:
            self.failed = True
            problem = " ".join(str(error).split())[:200]
            print(
                f"warning: MLflow at {store.uri()} does not record this study ({problem}); "
                "nothing else is lost: the next run of the study records it",
                file=sys.stderr,
            )


def figures(result: dict[str, Any], timing: dict[str, Any]) -> dict[str, float]:
    """The figures of a cell as a whole."""
    numbers: dict[str, float] = {
        name: value for name, value in timing.items() if isinstance(value, int | float)
    } | result["cost"]
    test = result["test"]
    if test:
        right = sum(actual == predicted for actual, predicted in zip(test["actual"], test["predicted"], strict=True))
        numbers |= {"test.accuracy": right / len(test["actual"]), "test.log_loss": test["log_loss"]}
    return numbers


def _children(client: Any, experiment: str, parent: str) -> set[str]:
    tags: set[str] = set()
    token = None
    while True:
        page = client.search_runs([experiment], f"tags.`{PARENT_TAG}` = '{parent}'", page_token=token)
        tags |= {run.data.tags.get(CELL_TAG, "") for run in page}
        token = page.token
        if not token:
            return tags

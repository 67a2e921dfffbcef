"""Tells MLflow of a search: one parent run, and below it a run for each trial and each final training.

As all tracking, it observes: the search's database has everything, and what an outage kept from MLflow is recorded at
the end of the next session.
"""

import sys
from collections.abc import Callable
from typing import Any

from optuna import Study
from optuna.trial import FrozenTrial, TrialState

from stages import store, tracking
from stages.front import Candidate
from stages.trials import RESULT, WANTED

PARENT_TAG, SEARCH_TAG, RUN_TAG = "mlflow.parentRunId", "crosscheck.search", "crosscheck.search.run"
STATUS = {TrialState.COMPLETE: "FINISHED", TrialState.PRUNED: "KILLED", TrialState.FAIL: "FAILED"}


class TrialRuns:
    """The runs of one study in MLflow or, after the first failure, nothing: every later call returns at once."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.failed = False
        self.parent = ""
        self.recorded: set[str] = set()

    def trial(self, trial: FrozenTrial) -> None:
        """Record a finished trial, unless it is recorded already."""
        if RESULT not in trial.user_attrs:
            return
        wanted, result = trial.user_attrs[WANTED], trial.user_attrs[RESULT]
        tags = {"crosscheck.stopped": result["stopped"] or ""}
        self._attempt(lambda: self._record(f"trial {trial.number}", wanted, result, STATUS[trial.state], tags))

    def final(self, candidate: Candidate, figures: dict[str, Any]) -> None:
        """Record a second training of a candidate, unless it is recorded already."""
        name = f"final {candidate.number} seed {figures['seed']}"
        recipe = candidate.train.model_copy(update={"seed": figures["seed"]})
        wanted = {"model": candidate.model.model_dump(), "train": recipe.model_dump()}
        status = "FAILED" if figures["diverged"] else "FINISHED"
        self._attempt(lambda: self._record(name, wanted, figures, status, {}))

    def finish(self, figures: dict[str, float]) -> None:
        """Close the parent run with the figures of the search as a whole."""

        def close() -> None:
            client = self._client()
            for name, value in figures.items():
                client.log_metric(self.parent, name, value)
            client.set_terminated(self.parent)

        self._attempt(close)

    def _record(
        self, name: str, wanted: dict[str, Any], figures: dict[str, Any], status: str, tags: dict[str, str]
    ) -> None:
        client = self._client()
        if name in self.recorded:
            return
        from mlflow.entities import Metric, Param

        run = client.create_run(self.experiment, run_name=name, tags={PARENT_TAG: self.parent, RUN_TAG: name, **tags})
        now = run.info.start_time
        numbers = {key: value for key, value in figures.items() if isinstance(value, int | float) and key != "seed"}
        metrics = [Metric(key, float(value), now, 0) for key, value in numbers.items()]
        for epoch in figures["curve"]:
            points = {key: value for key, value in epoch.items() if key != "epoch" and value is not None}
            metrics += [Metric(key, float(value), now, epoch["epoch"]) for key, value in points.items()]
        flat = {f"{section}.{key}": value for section, content in wanted.items() for key, value in content.items()}
        parameters = [Param(key, str(value)) for key, value in flat.items()]
        for start in range(0, max(1, len(metrics)), tracking.MOST_METRICS - len(parameters)):
            part = metrics[start : start + tracking.MOST_METRICS - len(parameters)]
            client.log_batch(run.info.run_id, metrics=part, params=parameters if start == 0 else [])
        client.set_terminated(run.info.run_id, status)
        self.recorded.add(name)

    def _client(self) -> Any:
        """MLflow's client, with the parent run found or made at the first call."""
        mlflow, experiment = store.connect()
        client = mlflow.MlflowClient()
        if not self.parent:
            self.experiment = experiment
            # The name may be used again in another database; the first trial's time may not.
            begun = self.study.get_trials(deepcopy=False)[0].datetime_start
            identity = f"{self.study.study_name} {begun}"
            with store.lock():
                found = client.search_runs([experiment], f"tags.`{SEARCH_TAG}` = '{identity}'")
                run = (
                    found[0]
                    if found
                    else client.create_run(
                        experiment,
                        run_name=f"search {self.study.study_name}",
                        tags={SEARCH_TAG: identity, "mlflow.source.name": "make search"},
                    )
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
                f"warning: MLflow at {store.uri()} does not record this search ({problem}); "
                "nothing else is lost: the next `make search` records it",
                file=sys.stderr,
            )


def _children(client: Any, experiment: str, parent: str) -> set[str]:
    names: set[str] = set()
    token = None
    while True:
        page = client.search_runs([experiment], f"tags.`{PARENT_TAG}` = '{parent}'", page_token=token)
        names |= {run.data.tags.get(RUN_TAG, "") for run in page}
        token = page.token
        if not token:
            return names

"""Tells MLflow what a stage did. It observes: files are written first, and an outage is a warning, not an error.

There is one run for each trained checkpoint, found again by the checkpoint's SHA-256. While it trains it has no
checkpoint yet, and is found by a name that its training gave it before it was made. Every part of a run (curve, model,
evaluation, pictures) leaves a tag with a hash of what was recorded, so that recording again adds nothing. `tags` says
where people see such tags, which is nowhere.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from crosscheck.tracking import store, tags
from crosscheck.tracking.changes import find_commit
from crosscheck.tracking.names import metric_name
from crosscheck.tracking.outages import try_to_record
from crosscheck.tracking.tags import CHECKPOINT, TRAINING
from crosscheck.tracking.usage import Usage

ORIGIN_TAG = "crosscheck.origin"
EXPERIMENT_TAG = "dvc.experiment"
# What a tracking server takes at once, and the longest parameter that also an older one takes.
MOST_METRICS = 1000
LONGEST_VALUE = 500
# How long a training waits for MLflow in all, in seconds, and as a share of its time, before it goes on without.
PATIENCE = 30.0
SHARE = 0.1

Point = tuple[int, dict[str, float | None]]


class Recorder:
    """One MLflow run, or, after the first failure, nothing: every later call then returns at once."""

    def __init__(self) -> None:
        self.run_id: str | None = None
        self.failed = False
        self.is_new = False
        self.training = ""
        # What a resumed training had told before; asked for once.
        self.steps: set[tuple[str, int]] | None = None
        self.began = time.monotonic()
        self.waited = 0.0
        self.usage = Usage()

    def start(self, parameters: dict[str, Any], machine: dict[str, str], training: str, resumed: bool = False) -> None:
        """Open the run of the training of this name, or go on with it where an interrupted one has made it."""
        self.training = training

        def open_run() -> None:
            mlflow, experiment = store.connect()
            client = mlflow.MlflowClient()
            self.run_id = _find(client, experiment, TRAINING, training) if resumed else None
            if self.run_id is None:
                named = {ORIGIN_TAG: "trained", tags.hidden(TRAINING): training}
                self.run_id = _create(client, experiment, machine | named)
                self.is_new = True
            else:
                client.update_run(self.run_id, status="RUNNING")
            log_parameters(client, self.run_id, parameters)

        self._attempt(open_run)

    def catch_up(self, epochs: Sequence[Point]) -> None:
        """Log what the run of a resumed training does not have of the epochs before: a kill may have come between."""
        if epochs:
            self._attempt(lambda: self.points(epochs))

    def find_or_restore(self, checkpoint: str, parameters: dict[str, Any]) -> None:
        """Go on with the run of the checkpoint with this SHA-256, or make one where the store does not have it."""

        def find() -> None:
            mlflow, experiment = store.connect()
            client = mlflow.MlflowClient()
            with store.lock():
                self.run_id = _find(client, experiment, CHECKPOINT, checkpoint)
                training = store.unfinished(checkpoint)
                if self.run_id is None and training:
                    # The store was out of reach when this training ended.
                    self.run_id = _find(client, experiment, TRAINING, training)
                    if self.run_id is not None:
                        _close(client, self.run_id, checkpoint)
                if self.run_id is None:
                    named = {ORIGIN_TAG: "restored", tags.hidden(CHECKPOINT): checkpoint}
                    self.run_id = _create(client, experiment, named)
                    client.set_terminated(self.run_id)
                # Also where it was found: an outage may have come between.
                log_parameters(client, self.run_id, parameters)
                store.forget_unfinished(checkpoint)

        self._attempt(find)

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Close the run as failed where the block ends in an error or is interrupted."""
        try:
            yield
        except BaseException:
            self._attempt(lambda: _client().set_terminated(self.run_id, "FAILED"))
            raise

    def metrics(self, values: dict[str, float | None], step: int) -> None:
        """Log the values of an epoch that has just ended, but for those that are None, and what the process has used.

        A store that answers, but so slowly that it holds up the training, is told no more.
        """
        told = {**values, **self.usage.look()}

        def log() -> None:
            if self.steps is None:
                self.steps = set() if self.is_new else _steps(_client(), self.run_id, told)
            known = self.steps
            fresh = {name: value for name, value in told.items() if (metric_name(name), step) not in known}
            log_metrics(_client(), self.run_id, [(step, fresh)])
            if self.waited > max(PATIENCE, SHARE * (time.monotonic() - self.began)):
                raise TimeoutError(f"it answers too slowly, {self.waited:.0f} s so far")

        self._attempt(log)

    def finish(self, checkpoint: str) -> None:
        """Tie the run to the checkpoint that training wrote, and close it."""

        self._attempt(lambda: _close(_client(), self.run_id, checkpoint))
        if self.failed:
            # Without the note, `make sync` makes another run.
            with suppress(OSError):
                store.note_unfinished(checkpoint, self.training)

    def part(self, name: str, content_hash: str, record: Callable[[], None]) -> None:
        """Let `record` log one part of the run, unless exactly this content of it is recorded already.

        An outage within `record` leaves the part unmarked, so that all of it is recorded another time.
        """

        def once() -> None:
            client, tag = _client(), tags.recorded(name)
            with store.lock():
                if tags.read(client.get_run(self.run_id).data.tags, tag) != content_hash:
                    record()
                    client.set_tag(self.run_id, tags.hidden(tag), content_hash)

        self._attempt(once)

    def points(self, points: Sequence[Point]) -> None:
        """Within a part: log what the run does not have yet of these steps and their values."""
        client = _client()
        known = {
            (metric.key, metric.step, metric.value)
            for name in {metric_name(name) for _, values in points for name in values}
            for metric in client.get_metric_history(self.run_id, name)
        }
        fresh = [
            (step, {name: value for name, value in values.items() if (metric_name(name), step, value) not in known})
            for step, values in points
        ]
        log_metrics(client, self.run_id, fresh)

    def files(self, *paths: Path) -> None:
        """Within a part: log files and folders as artifacts under their own names."""
        log_files(_client(), self.run_id, paths)

    def tell(self, action: Callable[[Any, str], None]) -> None:
        """Within a part: call `action` with MLflow's client and the id of the run."""
        action(_client(), str(self.run_id))

    def _attempt(self, action: Callable[[], None]) -> None:
        if self.failed:
            return
        asked = time.monotonic()
        try:
            self.failed = not try_to_record(action, "run", "`make sync` records it later")
        finally:
            self.waited += time.monotonic() - asked


def _client() -> Any:
    from mlflow import MlflowClient

    return MlflowClient()


def _create(client: Any, experiment: str, own: dict[str, str]) -> str:
    name = os.environ.get("DVC_EXP_NAME", "")
    described = {
        **own,
        EXPERIMENT_TAG: name,
        "mlflow.source.name": "dvc exp run" if name else "dvc repro",
        "mlflow.source.git.commit": find_commit() or "none",
    }
    run = client.create_run(experiment, run_name=name or "workspace", tags=described)
    return str(run.info.run_id)


def _find(client: Any, experiment: str, tag: str, value: str) -> str | None:
    runs = tags.find_runs(client, experiment, tag, value)
    name = os.environ.get("DVC_EXP_NAME", "")
    same_experiment = [run for run in runs if run.data.tags.get(EXPERIMENT_TAG) == name]
    found = (same_experiment or runs)[:1]
    return str(found[0].info.run_id) if found else None


def _close(client: Any, run_id: str | None, checkpoint: str) -> None:
    client.set_tag(run_id, tags.hidden(CHECKPOINT), checkpoint)
    client.set_terminated(run_id)


def _steps(client: Any, run_id: str | None, names: Iterable[str]) -> set[tuple[str, int]]:
    wanted = map(metric_name, names)
    return {(name, metric.step) for name in wanted for metric in client.get_metric_history(run_id, name)}


def log_metrics(client: Any, run_id: str | None, points: Sequence[Point]) -> None:
    """Log the values of each step under MLflow's names, but for those that are None.

    It takes as many requests as a server asks for.
    """
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    fresh = [
        Metric(metric_name(name), float(value), now, step)
        for step, values in points
        for name, value in values.items()
        if value is not None
    ]
    for start in range(0, len(fresh), MOST_METRICS):
        client.log_batch(run_id, metrics=fresh[start : start + MOST_METRICS])


def log_files(client: Any, run_id: str | None, paths: Iterable[Path]) -> None:
    """Log files and folders as artifacts under their own names."""
    for path in paths:
        if path.is_dir():
            client.log_artifacts(run_id, str(path), path.name)
        else:
            client.log_artifact(run_id, str(path))


def log_parameters(client: Any, run_id: str, parameters: dict[str, Any]) -> None:
    """Log what the run does not have yet."""
    from mlflow.entities import Param

    known = client.get_run(run_id).data.params
    fresh = [Param(name, str(value)[:LONGEST_VALUE]) for name, value in parameters.items() if name not in known]
    if fresh:
        client.log_batch(run_id, params=fresh)

"""Tells MLflow of many trainings at once: one parent run, and below it a run for each of them.

As all tracking, it observes: the results are kept elsewhere before it hears of them, and what an outage kept from it is
recorded the next time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crosscheck.core.nesting import flatten
from crosscheck.tracking import store, tags
from crosscheck.tracking.names import split_constants
from crosscheck.tracking.notes import note_tags, write_note
from crosscheck.tracking.outages import try_to_record
from crosscheck.tracking.run import Point, log_files, log_metrics, log_parameters

PARENT_TAG = "mlflow.parentRunId"


@dataclass(frozen=True)
class Kind:
    """What many trainings are called, and the tags that tell their parent run and the runs below it from all others."""

    name: str
    parent: str
    child: str

    @property
    def command(self) -> str:
        return f"make {self.name}"


@dataclass(frozen=True)
class Child:
    """A run below the parent. `key` tells it from the others; `parameters` are given by section.

    `figures` are of the training as a whole, `epochs` those of each epoch. `note` says in Markdown what came of it.
    """

    key: str
    name: str
    note: str
    tags: dict[str, str]
    parameters: dict[str, dict[str, Any]]
    figures: dict[str, float]
    epochs: Sequence[Point]
    status: str


class NestedRuns:
    """The runs below one parent or, after the first failure, nothing: every later call then returns at once.

    `identity` tells the parent from others of its kind, and is asked for at the first use.
    """

    def __init__(self, kind: Kind, name: str, identity: Callable[[], str]) -> None:
        self.kind = kind
        self.name = name
        self.identity = identity
        self.failed = False
        self.parent = self.experiment = ""
        self.recorded: set[str] = set()

    def open(self) -> None:
        """Find or make the parent run now, which takes some seconds, rather than with the first record."""
        self._attempt(self._client)

    def record(self, child: Child) -> None:
        """Record a run, unless one of its key is recorded already."""

        def once() -> None:
            client = self._client()
            if child.key not in self.recorded:
                self._create(client, child)
                self.recorded.add(child.key)

        self._attempt(once)

    def describe(self, note: str, paths: Sequence[Path]) -> None:
        """Give the parent run a note, in Markdown, and files and folders as artifacts under their own names.

        A note that a user has written there stays.
        """

        def tell() -> None:
            client = self._client()
            write_note(client, self.parent, note)
            log_files(client, self.parent, paths)

        self._attempt(tell)

    def finish(self, figures: dict[str, float] | None = None) -> None:
        """Close the parent run, with the figures of the whole."""

        def close() -> None:
            client = self._client()
            log_metrics(client, self.parent, [(0, dict(figures or {}))])
            client.set_terminated(self.parent)

        self._attempt(close)

    def _create(self, client: Any, child: Child) -> None:
        own = {PARENT_TAG: self.parent, tags.hidden(self.kind.child): child.key, **note_tags(child.note), **child.tags}
        run_id = client.create_run(self.experiment, run_name=child.name, tags=own).info.run_id
        measured, constants = split_constants(child.figures)
        log_parameters(client, run_id, constants | flatten(child.parameters))
        log_metrics(client, run_id, [(0, dict(measured)), *child.epochs])
        client.set_terminated(run_id, child.status)

    def _client(self) -> Any:
        """MLflow's client, with the parent run found or made at the first call."""
        mlflow, experiment = store.connect()
        client = mlflow.MlflowClient()
        if not self.parent:
            self.experiment = experiment
            own = {tags.hidden(self.kind.parent): self.identity(), "mlflow.source.name": self.kind.command}
            with store.lock():
                found = tags.find_runs(client, experiment, self.kind.parent, self.identity())
                run = found[0] if found else client.create_run(experiment, run_name=self.name, tags=own)
            self.parent = run.info.run_id
            client.update_run(self.parent, status="RUNNING")
            self.recorded = self._keys(client)
        return client

    def _keys(self, client: Any) -> set[str]:
        keys: set[str] = set()
        token = None
        while True:
            page = client.search_runs([self.experiment], f"tags.`{PARENT_TAG}` = '{self.parent}'", page_token=token)
            keys |= {tags.read(run.data.tags, self.kind.child) for run in page}
            token = page.token
            if not token:
                return keys

    def _attempt(self, action: Callable[[], object]) -> None:
        if not self.failed:
            later = f"the next `{self.kind.command}` records it"
            self.failed = not try_to_record(action, self.kind.name, later)

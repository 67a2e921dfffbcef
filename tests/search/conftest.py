"""A folder in which a small search can run."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from helpers.project import TINY, change_params
from helpers.repository import ROOT
from helpers.search import SHIPPED, change_space
from helpers.toy_searches import store_of

from crosscheck.commands import search


@pytest.fixture
def folder(split_images: Callable[..., Path], toy_images: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a split of toy images and a space for tiny networks, which one thread searches."""
    split_images(toy_images, val=3, test=3)
    root = Path.cwd()
    for source in (ROOT / "dvc.yaml", SHIPPED):
        shutil.copy(source, root / source.name)
    change_params(root / "params.yaml", model=TINY["model"], train=TINY["train"])
    change_space(
        root / "space.yaml",
        study={"trials": 3, "workers": 1, "repeats": 1, "startup_trials": 2},
        space={
            "convolutions": {"low": 1, "high": 2},
            "channels": {"low": 1, "high": 3},
            "epochs": {"low": 1, "high": 3},
            "batch_size": [8],
        },
        initial_points=[],
        constraints={"accuracy": 0.0, "parameters": 100_000, "cost": 1000.0},
        final={"models": 2, "seeds": [0, 1]},
    )

    @contextmanager
    def in_this_process(workers: int) -> Iterator[ThreadPoolExecutor]:
        with ThreadPoolExecutor(workers) as pool:
            yield pool

    monkeypatch.setattr(search, "worker_pool", in_this_process)
    # MLflow leaves its address in the environment, where the next test would find it.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_of(root))
    return root

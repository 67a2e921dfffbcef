"""`make champion`: the registry's alias follows the checkpoint at hand."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from helpers.project import TINY, change_params
from helpers.repository import ROOT

from crosscheck.commands import promote
from crosscheck.core.errors import InputError
from crosscheck.network import model_card
from crosscheck.tracking.tags import CHECKPOINT, hidden
from stages import train

OUTPUTS = {
    "snapshots": "models/snapshots",
    "checkpoint": "models/model.pt",
    "card": "models/model.json",
    "machine": ".crosscheck/machine.json",
    "curve": "metrics/curve.csv",
    "metrics": "metrics/train.json",
}


def trained(folder: Path, seed: int) -> str:
    """Train on the split of `folder`, as the pipeline would; the checkpoint's SHA-256."""
    change_params(
        folder / "params.yaml", model=TINY["model"], train={**TINY["train"], "seed": seed}, compute={"threads": 1}
    )
    train.main(Path("data/split"), **{name: Path(path) for name, path in OUTPUTS.items()})
    return str(model_card.read_card(folder / OUTPUTS["card"]).sha256)


@pytest.fixture
def folder(
    split_images: Callable[..., Path], toy_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder in which a network was trained with seed 0."""
    split_images(toy_images)
    # MLflow leaves its address in the environment, where the next test would find it.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    shutil.copy(ROOT / "dvc.yaml", tmp_path / "dvc.yaml")
    trained(tmp_path, 0)
    return tmp_path


def client() -> Any:
    return mlflow.MlflowClient()


def champion() -> Any:
    return client().get_model_version_by_alias("crosscheck", "champion")


def test_the_champion_is_the_checkpoint_at_hand_and_promoting_twice_changes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = str(model_card.read_card(folder / OUTPUTS["card"]).sha256)
    shutil.copytree(folder / "models", folder / "kept")
    for _ in range(2):
        promote.main()
        assert f"version 1: 148 parameters, checkpoint {first[:12]}" in capsys.readouterr().out
        assert champion().tags[hidden(CHECKPOINT)] == first
        assert client().get_run(champion().run_id).data.tags[hidden(CHECKPOINT)] == first
        assert len(client().search_model_versions("name = 'crosscheck'")) == 1
    answers = mlflow.pyfunc.load_model("models:/crosscheck@champion").predict(np.zeros((3, 1, 16, 16), dtype=np.uint8))
    assert answers.shape == (3, 2)

    second = trained(folder, 1)
    promote.main()
    assert champion().tags[hidden(CHECKPOINT)] == second != first
    assert int(champion().version) == 2

    for name in ("model.pt", "model.json"):
        shutil.copy(folder / "kept" / name, folder / "models" / name)
    promote.main()
    assert int(champion().version) == 1
    assert len(client().search_model_versions("name = 'crosscheck'")) == 2


def test_a_checkpoint_other_than_the_card_s_is_not_promoted(folder: Path) -> None:
    with (folder / OUTPUTS["checkpoint"]).open("ab") as file:
        file.write(b"x")
    with pytest.raises(InputError, match="not the weights that train wrote"):
        promote.main()


def test_an_outage_of_the_store_is_an_error_since_the_registry_is_all_that_was_asked_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(InputError, match="the registry needs MLflow"):
        promote.main()

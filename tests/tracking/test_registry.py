"""The registry: its champion is that of this project, and MLflow's own server serves it.

docs/how-to/export-and-serve.md shows how.
"""

import json
import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.project import Project
from helpers.servers import free_port, stop, wait_for
from helpers.tracking import Enter, record

from crosscheck.core.errors import InputError
from crosscheck.network.checkpoint import load_checkpoint
from crosscheck.tracking import registry


@pytest.mark.soak
def test_mlflow_serves_the_champion_which_answers_as_the_checkpoint(reproduced: Project) -> None:
    reproduced.command("promote")
    port, log = free_port(), reproduced.folder.parent / "serve.log"
    command = [
        "mlflow", "models", "serve", "-m", "models:/crosscheck@champion", "--env-manager", "local",
        "--host", "127.0.0.1", "--port", str(port),
    ]  # fmt: skip
    env = reproduced.env | {"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, cwd=reproduced.folder, env=env, stdout=output, stderr=output, start_new_session=True
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/ping", server, log)
        images = np.load(reproduced.folder / "data" / "split" / "test.npy").transpose(0, 3, 1, 2)
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations",
            json.dumps({"inputs": images.tolist()}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310 - a loopback address
            served = np.array(json.load(answer)["predictions"])
    finally:
        stop(server)
    trained = load_checkpoint(reproduced.folder / "models" / "model.pt")
    with torch.inference_mode():
        expected = trained.net(torch.from_numpy(np.array(images, order="C"))).numpy()
    np.testing.assert_allclose(served, expected, rtol=1e-4, atol=1e-5)


def with_model(root: Path) -> str:
    """A run with a small model; its id."""
    import mlflow
    import torch

    recorder = record(root, "a" * 64, "first")
    example = np.zeros((2, 2), np.float32)
    with mlflow.start_run(run_id=recorder.run_id):
        mlflow.pytorch.log_model(torch.nn.Linear(2, 2), name="model", input_example=example, pip_requirements=["torch"])
    return str(recorder.run_id)


def champion() -> Any:
    import mlflow

    return mlflow.MlflowClient().get_model_version_by_alias("crosscheck", "champion")


def test_the_champion_of_a_copy_is_loaded_from_the_copy(enter: Enter, tmp_path: Path) -> None:
    import mlflow

    first = enter(tmp_path / "first")
    run_id = with_model(first)
    assert registry.make_champion(run_id, "a" * 64) == 1
    first.rename(tmp_path / "moved")
    moved = enter(tmp_path / "moved")
    assert registry.make_champion(run_id, "a" * 64) == 1
    assert not first.exists()
    assert mlflow.pyfunc.load_model("models:/crosscheck@champion").predict(np.zeros((2, 2), np.float32)).shape == (2, 2)
    assert mlflow.get_logged_model(champion().source.removeprefix("models:/")).artifact_location.startswith(
        (moved / "mlartifacts").as_uri()
    )


def test_a_model_whose_files_are_gone_is_not_promoted_and_the_alias_stays(enter: Enter, tmp_path: Path) -> None:
    root = enter(tmp_path / "root")
    run_id = with_model(root)
    shutil.rmtree(root / "mlartifacts" / "crosscheck" / "models")
    with pytest.raises(InputError) as caught:
        registry.make_champion(run_id, "a" * 64)
    assert f"the model of the run {run_id} cannot be loaded (" in str(caught.value)
    assert (
        f"run `MLFLOW_TRACKING_URI=sqlite:///mlflow.db mlflow runs delete --run-id {run_id}`, then `make champion`"
        in str(caught.value)
    )
    import mlflow

    assert not list(mlflow.MlflowClient().search_registered_models())


def test_a_version_or_a_model_that_was_deleted_in_mlflow_is_made_again(enter: Enter, tmp_path: Path) -> None:
    import mlflow

    run_id = with_model(enter(tmp_path / "root"))
    client = mlflow.MlflowClient()
    assert registry.make_champion(run_id, "a" * 64) == 1
    client.delete_model_version("crosscheck", "1")
    assert registry.make_champion(run_id, "a" * 64) > 0
    client.delete_registered_model("crosscheck")
    assert registry.make_champion(run_id, "a" * 64) == 1
    client.delete_registered_model("crosscheck")
    client.delete_logged_model(client.get_run(run_id).outputs.model_outputs[-1].model_id)
    with pytest.raises(InputError, match="cannot be loaded") as caught:
        registry.make_champion(run_id, "a" * 64)
    assert "mlflow runs delete" in str(caught.value)


def test_a_damaged_model_is_not_promoted(enter: Enter, tmp_path: Path) -> None:
    root = enter(tmp_path / "root")
    run_id = with_model(root)
    (archive,) = root.rglob("*.pt2")
    archive.write_bytes(archive.read_bytes()[:100])
    with pytest.raises(InputError, match="cannot be loaded"):
        registry.make_champion(run_id, "a" * 64)


def test_a_folder_from_which_mlflow_cannot_load_is_named_before_the_alias_is_set(enter: Enter, tmp_path: Path) -> None:
    run_id = with_model(enter(tmp_path / "a%2Fb"))
    with pytest.raises(InputError, match=r"whose path holds a percent sign.*move the project"):
        registry.make_champion(run_id, "a" * 64)
    import mlflow

    assert not list(mlflow.MlflowClient().search_registered_models())

"""The champion of the registry behind MLflow's own server, as docs/use.md shows it."""

import json
import subprocess
import urllib.request

import numpy as np
import pytest
import torch
from helpers.project import Project
from helpers.servers import free_port, stop, wait_for

from crosscheck.network.checkpoint import load_checkpoint


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

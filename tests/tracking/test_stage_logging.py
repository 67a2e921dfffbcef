"""What MLflow is told, once each, and what happens where it cannot be told."""

import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.project import Project, runs_of
from helpers.servers import free_port, tracking_server
from helpers.tracking import WARNING, check_run_is_complete, client_of, histories, models

from crosscheck.core.errors import InputError
from crosscheck.core.files import sha256
from crosscheck.data import dataset
from crosscheck.network.checkpoint import load_checkpoint
from crosscheck.pipeline import paths


def test_a_repro_is_one_run_with_all_of_its_parts(reproduced: Project) -> None:
    (run,) = runs_of(reproduced)
    client = client_of(reproduced)
    check_run_is_complete(reproduced, client, run)
    assert len(models(client)) == 1
    assert run.info.run_name == "workspace"
    assert run.data.tags["crosscheck.origin"] == "trained"
    assert run.data.tags["dvc.experiment"] == ""
    assert run.data.tags["threads"] == "1"
    assert run.data.tags["torch"] == version("torch")
    # The results were committed after the run.
    before = reproduced.run("git", "rev-parse", "HEAD~1").stdout.strip()
    assert run.data.tags["mlflow.source.git.commit"] == before
    assert [step for step, _ in histories(client, run)["train/epoch_seconds"]] == [1, 2]


def test_pictures_and_database_lie_in_the_root_and_git_ignores_them(reproduced: Project) -> None:
    (run,) = runs_of(reproduced)
    assert run.info.artifact_uri.startswith((reproduced.folder / "mlartifacts").as_uri())
    for name in ("mlflow.db", "mlartifacts", ".mlflow.db.lock"):
        assert reproduced.run("git", "check-ignore", name).stdout.strip() == name
    assert not list(reproduced.folder.glob("*.partial"))
    assert not (reproduced.folder / "mlruns").exists()


def test_the_recorded_model_gives_the_logits_of_the_checkpoint(
    reproduced: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import mlflow

    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{reproduced.folder / 'mlflow.db'}")
    (model_id,) = models(client_of(reproduced))
    split = reproduced.folder / "data" / "split"
    test = dataset.read(split, "test", dataset.read_data_set(split))
    pixels = np.array(test.images.transpose(0, 3, 1, 2), order="C")
    with torch.inference_mode():
        expected = load_checkpoint(reproduced.folder / "models" / "model.pt").net(torch.from_numpy(pixels)).numpy()

    served = mlflow.pyfunc.load_model(f"models:/{model_id}")
    assert served.metadata.get_input_schema() is not None
    assert served.metadata.get_output_schema() is not None
    assert served.metadata.metadata["classes"] == ["circles", "crosses"]
    np.testing.assert_allclose(served.predict(pixels), expected, rtol=1e-5, atol=1e-6)


# A tracking server.


@pytest.mark.slow
def test_a_tracking_server_gets_the_run_and_its_artifacts(copy_of_reproduced: Project, tmp_path: Path) -> None:
    import mlflow

    project = copy_of_reproduced
    with tracking_server(tmp_path / "server") as address:
        trained = project.run("dvc", "repro", "--force", "--single-item", "train", MLFLOW_TRACKING_URI=address)
        assert WARNING not in trained.stderr
        synced = project.run(sys.executable, "-m", "crosscheck", "sync", MLFLOW_TRACKING_URI=address)
        assert synced.stderr == ""
        assert synced.stdout == ""
        client = mlflow.MlflowClient(address)
        experiment = client.get_experiment_by_name("crosscheck")
        (run,) = client.search_runs([experiment.experiment_id])
        assert run.data.tags["crosscheck.origin"] == "trained"
        check_run_is_complete(project, client, run)
    assert (tmp_path / "server" / "served").is_dir()
    assert not (project.folder / "mlflow.db").exists()
    assert not (project.folder / "mlartifacts").exists()


@pytest.mark.slow
def test_a_server_out_of_reach_costs_one_line_and_sync_completes_later(copy_of_reproduced: Project) -> None:
    project = copy_of_reproduced
    before = sha256(project.folder / "models" / "model.pt")
    address = f"http://127.0.0.1:{free_port()}"
    done = project.run("dvc", "repro", "--force", "--single-item", "train", MLFLOW_TRACKING_URI=address)
    about_tracking = [line for line in done.stderr.splitlines() if not line.startswith("warning: the training loss")]
    assert len(about_tracking) == 1, done.stderr
    assert about_tracking[0].startswith(f"{WARNING}{address} does not record this run (")
    assert sha256(project.folder / "models" / "model.pt") == before

    refused = project.run(sys.executable, "-m", "crosscheck", "sync", check=False, MLFLOW_TRACKING_URI=address)
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    project.command("sync")
    (run,) = runs_of(project)
    check_run_is_complete(project, client_of(project), run)


def test_the_paths_come_from_dvc_yaml_and_a_damaged_one_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="not found"):
        paths.read_paths("train")
    file = tmp_path / "dvc.yaml"
    file.write_text("stages: {train: {cmd: python -m stages.train --checkpoint 'a b/m.pt' --curve c.csv}}\n")
    assert paths.read_paths("train") == {"checkpoint": Path("a b/m.pt"), "curve": Path("c.csv")}
    for text in ("stages: {}\n", "nothing\n", "stages: [\n"):
        file.write_text(text)
        with pytest.raises(InputError, match=r"dvc\.yaml"):
            paths.read_paths("train")


@pytest.mark.parametrize("order", [("train", "evaluate"), ("evaluate", "train")])
def test_an_option_that_two_stages_share_is_that_of_the_stage_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: tuple[str, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [f"  {stage}: {{cmd: python -m stages.{stage} --metrics {stage}.json}}" for stage in order]
    (tmp_path / "dvc.yaml").write_text("\n".join(["stages:", *lines]), encoding="utf-8")
    for asked in (order, order[::-1]):
        found = paths.read_paths_by_stage(*asked)
        assert found == {stage: {"metrics": Path(f"{stage}.json")} for stage in asked}

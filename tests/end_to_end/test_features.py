"""Every feature for a folder of one's own, by everything that takes what is trained: no cell is left out."""

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import onnxruntime
import pytest
from helpers.demo import serving
from helpers.features import FEATURES, Built, build, inside
from helpers.search import SHIPPED, change_space
from helpers.servers import ask
from scipy.special import softmax

import stages.study.compare
import stages.study.pack
import stages.study.run
from crosscheck.app import networks, server
from crosscheck.commands import demo, export, predict, search
from crosscheck.core.errors import InputError
from crosscheck.explain import attributions
from crosscheck.pipeline import paths
from crosscheck.study import result_files
from crosscheck.tracking.tags import CHECKPOINT, hidden

pytestmark = [pytest.mark.soak, pytest.mark.ci]
# Of probabilities, which stand in a table with 6 decimals.
CLOSE = 2e-5


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One MLflow store for all, since making one takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('store') / 'mlflow.db'}"


@pytest.fixture(scope="module", params=FEATURES)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, store: str) -> Built:
    """The trained project of each feature, made once. Shared: tests add to it and change nothing."""
    return build(request.param, tmp_path_factory.mktemp("feature") / "project", store)


@pytest.fixture(autouse=True)
def in_project(built: Built, store: str) -> Iterator[None]:
    with inside(built.folder, store):
        yield


def test_the_pipeline_has_its_results_and_the_feature_is_in_them(built: Built) -> None:
    test = built.read("metrics/test.json")["test"]
    assert test["n"] == len(built.manifest("test")) == len(built.answers())
    # Else what follows would compare one answer with itself.
    assert np.ptp(built.probabilities(), axis=0).min() > 100 * CLOSE
    for picture in ("curves.png", "confusion.png"):
        assert (built.folder / "plots" / picture).stat().st_size > 0
    assert (built.folder / "report" / "report.html").stat().st_size > 0
    built.feature.holds(built)


def test_predict_answers_as_evaluate_did(built: Built, capsys: pytest.CaptureFixture[str]) -> None:
    answers = built.answers()
    predict.main(*(Path("images") / path for path in answers), json=True)
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["image"] for each in told] == [f"images/{path}" for path in answers]
    known = [(each, expected) for each, expected in zip(told, answers.values(), strict=True) if each["in_distribution"]]
    assert known
    for each, expected in known:
        assert list(each["probabilities"].values()) == pytest.approx(expected, abs=CLOSE)


def test_the_demo_answers_as_evaluate_did(built: Built) -> None:
    path, expected = next(iter(built.answers().items()))
    with served() as address:
        listed = json.loads(ask(address, "GET", "/networks").read())["networks"]
        content = (built.folder / "images" / path).read_bytes()
        answer = ask(address, "POST", "/look?network=0", content, content_type="image/png")
        assert answer.status == 200
        header = json.loads(answer.read().partition(b"\n")[0])
        why = ask(address, "POST", "/explain?network=0", content, content_type="image/png")
        assert why.status == 200
        assert json.loads(why.read().partition(b"\n")[0])["label"] == header["label"]
    assert [each["name"] for each in listed] == ["model"]
    assert header["probabilities"] == pytest.approx(expected, abs=CLOSE)


@contextmanager
def served() -> Iterator[str]:
    """The demo of the project in this folder, in a thread."""
    at = paths.read_paths_by_stage("train", "fit_ood")
    trained = at["train"]
    found = networks.find(trained["checkpoint"], at["fit_ood"]["detector"], trained["snapshots"], trained["split"], ())
    with demo.listen(0) as listener, serving(server.app(found, 1, attributions.occlude), listener) as address:
        yield address


def test_the_exported_network_answers_as_evaluate_did(built: Built) -> None:
    export.main(Path("exported/model.onnx"))
    session = onnxruntime.InferenceSession("exported/model.onnx", providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"images": built.test_pixels()})
    np.testing.assert_allclose(softmax(logits, axis=1), built.probabilities(), atol=CLOSE)


def test_the_model_in_mlflow_answers_as_evaluate_did(built: Built, store: str) -> None:
    client = mlflow.MlflowClient(store)
    experiment = client.get_experiment_by_name("crosscheck").experiment_id
    digest = built.read("models/model.json")["sha256"]
    (run,) = client.search_runs([experiment], f"tags.`{hidden(CHECKPOINT)}` = '{digest}'")
    assert run.info.status == "FINISHED"
    assert "test/accuracy" in run.data.metrics
    logged = [each for each in client.search_logged_models([experiment]) if each.source_run_id == run.info.run_id]
    assert len(logged) == 1
    mlflow.set_tracking_uri(store)
    logits = mlflow.pyfunc.load_model(f"models:/{logged[0].model_id}").predict(built.test_pixels())
    np.testing.assert_allclose(softmax(logits, axis=1), built.probabilities(), atol=CLOSE)


def test_a_study_compares_two_variants(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDY_WORKERS", "1")
    study = Path("mine.yaml")
    content = {
        "title": built.name,
        "seeds": 1,
        "target": 0.5,
        "params": {"train.epochs": 3, "train.snapshots": 0},
        "variants": {"as_set": {}, "changed": {"set": built.feature.variant}},
        "questions": {"change": {"ask": "Does it matter?", "compare": ["as_set", "changed"]}},
    }
    study.write_text(json.dumps(content), encoding="utf-8")
    for stage in (stages.study.pack, stages.study.run, stages.study.compare):
        stage.main(study)
    results = built.folder / "mine" / "results"
    found = [next(iter(result_files.read_variant(results, name).values())) for name in ("as_set", "changed")]
    for each in found:
        assert not each.result.diverged
        assert len(each.result.test.predicted) == len(built.manifest("test"))
    assert found[0].key != found[1].key
    assert found[0].result != found[1].result
    assert "as_set" in Path("mine/report/report.md").read_text(encoding="utf-8")


def test_a_search_tries_two_networks_or_refuses_a_backbone_in_one_line(
    built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(SHIPPED, "space.yaml")
    change_space(Path("space.yaml"), **SMALL_SPACE)
    monkeypatch.setattr(search, "worker_pool", in_this_process)
    if built.has_backbone:
        with pytest.raises(InputError, match=r"^params\.yaml: model\.backbone is '.*', but a search .*$"):
            search.main(Path("space.yaml"))
        return
    search.main(Path("space.yaml"))
    trials = built.read("space/report.json")["trials"]
    assert trials["complete"] + trials["stopped"] == 2


@contextmanager
def in_this_process(workers: int) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(workers) as pool:
        yield pool


SMALL_SPACE: dict[str, Any] = {
    "study": {"trials": 2, "workers": 1, "repeats": 1, "startup_trials": 2},
    "space": {
        "convolutions": {"low": 1, "high": 2},
        "channels": {"low": 1, "high": 3},
        "epochs": {"low": 1, "high": 3},
        "batch_size": [8],
    },
    "initial_points": [],
    "constraints": {"accuracy": 0.0, "parameters": 100_000, "cost": 1000.0},
    "final": {"models": 1, "seeds": [0]},
}

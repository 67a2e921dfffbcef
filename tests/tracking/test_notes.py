"""What runs say of themselves to people, and that nothing else of this project's shows among their tags."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from helpers.models import describe
from helpers.repository import ROOT
from helpers.tracking import found_run, started, visible

from crosscheck.core.params import Params
from crosscheck.data.dataset import DataSet
from crosscheck.tracking import changes, experiment, models, notes, store, usage
from crosscheck.tracking.changes import Changes
from crosscheck.tracking.nested_runs import Child, Kind, NestedRuns
from crosscheck.tracking.notes import NOTE_TAG
from crosscheck.tracking.run import Recorder

FIGURES = {
    "n": 300,
    "accuracy": 0.99,
    "accuracy_low": 0.971,
    "accuracy_high": 0.998,
    "baseline_1nn": 0.9933,
    "baseline_majority": 0.5,
}


def client() -> Any:
    return store.connect()[0].MlflowClient()


def experiment_tags(name: str) -> dict[str, str]:
    return dict(client().get_experiment_by_name(name).tags)


def test_the_note_of_a_run_says_how_accurate_it_is_what_the_baselines_are_and_what_is_different() -> None:
    text = notes.describe_scores(FIGURES, Changes("0123456789", {"model.centre": (False, True), "train.lr": (0.1, 1)}))
    assert text.split("\n\n") == [
        "99.00% of n = 300 test images are right, 95 % interval 97.10% to 99.80%. "
        "Without a network: 99.33% nearest neighbour on pixels, 50.00% most frequent class. "
        "The network does no better than the nearest neighbour on pixels (99.33%).",
        "Different from commit 01234567: `model.centre` true, not false; `train.lr` 1, not 0.1.",
    ]
    assert "commit" not in notes.describe_scores(FIGURES, None)
    older = {name: value for name, value in FIGURES.items() if name != "baseline_1nn"}
    assert notes.describe_scores(older, None).endswith("97.10% to 99.80%.")
    same = notes.describe_scores(FIGURES, Changes("0123456789", {}))
    assert same.endswith("The parameters are those of commit 01234567.")
    many = notes.describe_changes({f"a.{number}": (0, 1) for number in range(15)}, "x")
    assert many.endswith("`a.11` 1, not 0; and 3 more.")


def test_a_note_is_replaced_by_a_newer_one_but_not_one_that_a_user_wrote(root: Path) -> None:
    run_id = str(started().run_id)

    def told() -> str:
        return str(client().get_run(run_id).data.tags[NOTE_TAG])

    for text in ("first", "second", "x" * 9000):
        notes.write_note(client(), run_id, text)
        assert told()[:100] == text[:100] and len(told()) <= notes.LONGEST
    for own in ("mine", ""):
        client().set_tag(run_id, NOTE_TAG, own)
        notes.write_note(client(), run_id, "another")
        assert told() == own


def test_the_experiment_says_how_to_read_it_and_what_a_user_wrote_there_stays(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started()
    own = {NOTE_TAG, experiment.VIEW_TAG}
    told = experiment_tags("crosscheck")
    assert told.keys() == own
    assert told[NOTE_TAG] == experiment.note()
    number = client().get_experiment_by_name("crosscheck").experiment_id
    client().set_experiment_tag(number, NOTE_TAG, "mine")
    client().delete_experiment_tag(number, experiment.VIEW_TAG)
    started()
    assert experiment_tags("crosscheck") == {NOTE_TAG: "mine"}

    # One that an earlier version made, and one that a user made for other things as well.
    client().delete_experiment_tag(number, NOTE_TAG)
    started()
    assert experiment_tags("crosscheck").keys() == own
    client().create_experiment("shared")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "shared")
    started()
    assert not own & experiment_tags("shared").keys()


def test_people_see_what_a_run_ran_on_and_no_receipt(root: Path) -> None:
    recorder = started()
    recorder.part("curve", "a" * 64, lambda: None)
    recorder.finish("b" * 64)
    told = client().get_run(recorder.run_id).data.tags
    assert visible(told) == {"crosscheck.origin", "dvc.experiment", "threads"}
    assert {"a" * 64, "b" * 64} <= set(told.values())


def test_runs_of_an_earlier_version_are_found_by_their_former_tags(root: Path) -> None:
    number = store.connect()[1]
    by_checkpoint = client().create_run(number, tags={"crosscheck.checkpoint": "a" * 64}).info.run_id
    by_training = client().create_run(number, tags={"crosscheck.training": "one"}).info.run_id
    found = found_run("a" * 64)
    assert found.run_id == by_checkpoint
    assert started(training="one", resumed=True).run_id == by_training
    client().set_tag(by_checkpoint, "crosscheck.recorded.curve", "hash")
    said: list[str] = []
    for content in ("hash", "other", "other"):
        found.part("curve", content, lambda: said.append("recorded"))
    assert said == ["recorded"]
    # The newest counts, whichever name it has.
    newer = Recorder()
    newer.start({}, {}, "two")
    newer.finish("a" * 64)
    assert found_run("a" * 64).run_id == newer.run_id


def test_the_runs_of_a_study_that_an_earlier_version_recorded_are_not_made_again(root: Path) -> None:
    number = store.connect()[1]
    parent = client().create_run(number, tags={"crosscheck.study": "quick"}).info.run_id
    below = {"mlflow.parentRunId": parent, "crosscheck.cell": "key"}
    client().create_run(number, tags=below)
    runs = NestedRuns(Kind("study", parent="study", child="cell"), "study quick", lambda: "quick")
    for key in ("key", "new"):
        runs.record(Child(key, key, "a note", {}, {"model": {"channels": 2}}, {"parameters": 9}, [], "FINISHED"))
    assert runs.parent == parent
    found = client().search_runs([number], f"tags.mlflow.parentRunId = '{parent}'")
    assert len(found) == 2
    (fresh,) = [run for run in found if NOTE_TAG in run.data.tags]
    assert fresh.data.params == {"parameter_count": "9", "model.channels": "2"}
    assert fresh.data.tags[NOTE_TAG] == "a note" and visible(fresh.data.tags) == set()


def test_what_is_different_is_what_the_stages_ran_with_and_not_what_params_yaml_says_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_EXP_BASELINE_REV", raising=False)
    assert changes.find_changes() is None
    Path("params.yaml").write_text("model:\n  channels: 9\n  pool: max\ntrain:\n  lr: 0.1\n", encoding="utf-8")
    author = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    for words in (["init", "-q"], ["add", "-A"], [*author, "commit", "-qm", "base"]):
        subprocess.run(["git", *words], check=True)
    assert changes.find_changes() is None
    Path("params.yaml").write_text("model:\n  channels: 1\n", encoding="utf-8")
    Path("dvc.lock").write_text(
        "stages:\n"
        "  train: {params: {params.yaml: {model: {channels: 18, pool: max, freeze: false}, train: {lr: 0.1}}}}\n"
        "  check: {params: {params.yaml: {model: {channels: 1}}}}\n"
        "  track: {cmd: x}\n",
        encoding="utf-8",
    )
    found = changes.find_changes()
    assert found is not None
    assert found.values == {"model.channels": (9, 18)}
    assert found.commit == changes.find_commit() != ""


def test_a_parameter_that_came_later_and_is_off_is_no_difference(params: Params) -> None:
    own = params.model_dump()
    older = {name: dict(values) for name, values in own.items() if name != "augment"}
    del older["split"]["folds"]
    assert changes.differences(older, own) == {}
    own["split"]["folds"] = 5
    assert changes.differences(older, own) == {"split.folds": (0, 5)}


def test_a_model_is_named_by_what_it_is(params: Params) -> None:
    data_set = DataSet(["circles", "crosses"], 16, 16, 1, "stretch", 255)
    described = describe(params.model, data_set, params)
    assert models.model_name(described) == "conv-9-5-max-dense"
    text = models.describe_model(described)
    assert "channels 9" in text and "(n, 1, 16, 16)" in text and "circles, crosses" in text
    backbone = params.model.model_copy(update={"backbone": "mobilenetv3_small_050.lamb_in1k"})
    assert models.model_name(describe(backbone, data_set, params)) == "mobilenetv3_small_050-lamb_in1k"


def test_usage_is_that_of_this_process_since_the_last_look() -> None:
    looking = usage.Usage()
    sum(number * number for number in range(300_000))
    found = looking.look()
    assert found[usage.PEAK_MEMORY] > 10
    assert 0 < found[usage.CPU] < 1000
    assert set(found) == {usage.PEAK_MEMORY, usage.CPU}


def test_the_note_of_the_experiment_names_metrics_that_there_are() -> None:
    text = experiment.note()
    for name in ("test/accuracy", "test/accuracy_low", "test/baseline_1nn", "parameter_count"):
        assert f"`{name}`" in text
    assert (ROOT / "crosscheck" / "tracking" / "experiment_note.md").is_file()

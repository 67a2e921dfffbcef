"""A study as a whole: on real processes and files, small."""

import json

from helpers.project import Project
from helpers.study import TOY, command, compare, lines_of, remove_results, run, write_study
from helpers.tracking import age, all_that_is_recorded, visible

from crosscheck.study import result_lines


def test_a_cell_can_be_run_again_to_the_same_bytes(studied: Project, copied: Project) -> None:
    remove_results(copied)
    run(copied, STUDY_WORKERS="1")
    assert lines_of(copied) == lines_of(studied)
    assert len(lines_of(copied)) == 4


def test_what_is_known_does_not_run_again_and_a_new_variant_and_seed_do(copied: Project) -> None:
    before = lines_of(copied)
    assert "4 runs, 4 of them cached" in run(copied)
    grown = TOY | {"seeds": 3, "variants": {**TOY["variants"], "wider_still": {"set": {"model.channels": 5}}}}
    write_study(copied, grown)
    assert "9 runs, 4 of them cached" in run(copied)
    after = lines_of(copied)
    assert len(after) == 9
    assert {name: after[name] for name in before} == before


def test_a_variant_that_changes_runs_again_and_one_that_is_gone_keeps_its_results(copied: Project) -> None:
    before = lines_of(copied)
    write_study(copied, TOY | {"seeds": 1, "variants": {"small": {"set": {"train.lr": 0.05}}}, "questions": {}})
    assert "1 runs, 0 of them cached" in run(copied)
    after = lines_of(copied)
    assert {name for name in before if after[name] != before[name]} == {"small 0"}
    assert after.keys() == before.keys()


def test_a_damaged_result_is_one_line_that_names_it(copied: Project) -> None:
    file = copied.folder / "mine" / "results" / "small.jsonl"
    file.write_text(file.read_text(encoding="utf-8")[:-40], encoding="utf-8")
    for verb in ("run", "compare"):
        done = copied.run(*command(verb), check=False)
        assert done.returncode == 1
        (said,) = done.stderr.splitlines()
        assert said.startswith("error: mine/results/small.jsonl, line 2: not a")
        assert said.endswith("; remove the line and run the study again")


def test_a_result_holds_nothing_of_the_clock_or_of_the_machine_and_a_timing_does(studied: Project) -> None:
    line = lines_of(studied)["small 0"]
    timing = json.loads((studied.folder / "mine" / "timings" / "small" / "000.json").read_text(encoding="utf-8"))
    assert timing["seconds"] > 0 and timing["peak_megabytes"] > 0
    assert json.loads(line).keys() == {"seed", "key", "bits", "instructions", "right", "tested", "packed"}
    assert not [word for word in (timing["machine"]["cpu"], "second", "megabytes") if word in line]
    assert len(result_lines.decode(line).result.test.predicted) == 8


def test_mlflow_has_a_run_for_the_study_and_one_below_it_for_each_cell(studied: Project) -> None:
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{studied.folder / 'mlflow.db'}")
    runs = list(client.search_runs([client.get_experiment_by_name("crosscheck").experiment_id]))
    parents = [each for each in runs if "mlflow.parentRunId" not in each.data.tags]
    children = [each for each in runs if "mlflow.parentRunId" in each.data.tags]
    assert len(parents) == 1 and len(children) == 4
    assert {each.data.tags["mlflow.parentRunId"] for each in children} == {parents[0].info.run_id}
    wanted = {"test/accuracy", "test/log_loss", "train/loss", "val/accuracy", "train/epoch_seconds", "train/seconds"}
    for each in children:
        assert wanted <= each.data.metrics.keys()
        assert {"parameter_count", "model.channels"} <= each.data.params.keys()
        assert not {name for name in each.data.metrics if "/" not in name}
        assert "mlflow.note.content" in each.data.tags and visible(each.data.tags) == {"variant"}
    assert visible(parents[0].data.tags) == set()
    (note,) = {
        each.data.tags["mlflow.note.content"].rpartition("\n\n")[2]
        for each in children
        if each.data.tags["variant"] == "wider"
    }
    assert note == "Different from the parameters of the study: `model.channels` 4, not 2."


def test_a_study_that_an_earlier_version_recorded_goes_on_in_its_run_and_adds_none_twice(copied: Project) -> None:
    run(copied)
    age(copied)
    before = all_that_is_recorded(copied)
    run(copied)
    assert all_that_is_recorded(copied) == before
    compare(copied)
    after = all_that_is_recorded(copied)
    assert [run_id for run_id, *_ in after] == [run_id for run_id, *_ in before]


def test_the_study_goes_on_without_mlflow(copied: Project) -> None:
    remove_results(copied)
    printed = run(copied, MLFLOW_TRACKING_URI="http://127.0.0.1:1")
    assert printed.count("warning: MLflow") == 1
    assert len(lines_of(copied)) == 4


def test_a_diverging_variant_is_a_failed_run_and_no_end_of_the_study(copied: Project) -> None:
    variants = {**TOY["variants"], "wild": {"set": {"train.lr": 1000.0, "train.momentum": 0.99, "train.epochs": 12}}}
    questions = {"rate": {"ask": "Is it too high?", "compare": ["small", "wild"], "measure": ["failures"]}}
    write_study(copied, TOY | {"variants": variants, "questions": questions})
    run(copied)
    compare(copied)
    numbers = json.loads((copied.folder / "mine" / "numbers.json").read_text(encoding="utf-8"))
    assert numbers["variants"]["wild"]["failed"] == 2
    assert numbers["variants"]["wild"]["accuracy"] is None


def test_results_of_another_study_are_not_compared_as_if_they_were_of_this(copied: Project) -> None:
    write_study(copied, TOY | {"params": {**TOY["params"], "train.lr": 0.05}})
    done = copied.run(*command("compare"), check=False)
    assert done.returncode != 0 and "run the study again" in done.stderr
    assert not (copied.folder / "mine" / "report").exists()


def test_a_folder_for_temporary_files_too_deep_for_a_socket_is_one_line(copied: Project) -> None:
    remove_results(copied)
    deep = copied.folder / "/".join(["a folder of a cluster's job"] * 4)
    deep.mkdir(parents=True)
    done = copied.run(*command("run"), check=False, TMPDIR=str(deep))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: TMPDIR: ") and "set it to a shorter one" in done.stderr
    assert "Traceback" not in done.stderr

"""A study as a whole: on real processes and files, small."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from helpers.imports import closure, module_of, unlisted_and_unreached
from helpers.project import Project, make_project
from helpers.repository import ROOT
from helpers.study import TOY, command, compare, lines_of, remove_results, run, write_study
from helpers.tracking import age, all_that_is_recorded, visible
from PIL import Image
from ruamel.yaml import YAML
from sklearn.datasets import load_digits

from crosscheck.study import result_lines

PIPELINE = YAML(typ="safe").load(ROOT / "study" / "dvc.yaml")["stages"]

DIGITS: dict[str, Any] = {
    "title": "Handwritten digits",
    "seeds": 5,
    "equivalence_margin": 0.03,
    "target": 0.85,
    "params": {
        "data.images": "digits",
        "data.height": 8,
        "data.width": 8,
        "split.test": 40,
        "split.val": 20,
        "model.channels": 16,
        "model.further_channels": [],
        "model.hidden": [32],
        "model.invert": True,
        "train.epochs": 6,
        "train.batch_size": 32,
        "train.optimizer": "adamw",
        "train.lr": 0.01,
    },
    "variants": {
        "sixteen": {},
        "two": {"set": {"model.channels": 2, "model.hidden": [4]}},
        "few_images": {"set": {"train.images_per_class": 10, "train.epochs": 30}},
        "hopeless": {"set": {"train.lr": 1.0e-6}},
    },
    "questions": {
        "size": {"ask": "Does size matter?", "compare": ["two", "sixteen"]},
        "rate": {"ask": "Can the learning rate be too low?", "compare": ["sixteen", "hopeless"]},
    },
    "learning_curves": {"sixteen channels": ["few_images", "sixteen"]},
    "reported": [{"variant": "hopeless", "accuracy": 0.1, "says": "10 %"}],
}


@pytest.mark.parametrize("stage", list(PIPELINE))
def test_a_stage_of_the_study_depends_on_what_it_imports_and_on_nothing_else_of_the_code(stage: str) -> None:
    modules = closure(module_of(f"study/{stage}"))
    assert unlisted_and_unreached(PIPELINE[stage]["deps"], modules) == (set(), set())


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


@pytest.mark.soak
def test_a_killed_study_leaves_no_process_behind_and_goes_on(studied: Project, copied: Project) -> None:
    remove_results(copied)
    write_study(copied, TOY | {"params": {**TOY["params"], "train.epochs": 60}})
    words = command("run")
    study = subprocess.Popen(
        words, cwd=copied.folder, env=copied.env, stdout=subprocess.DEVNULL, start_new_session=True
    )
    until = time.monotonic() + 120
    while not lines_of(copied) and time.monotonic() < until:
        time.sleep(0.1)
    os.kill(study.pid, signal.SIGKILL)
    study.wait()
    while _processes(study.pid) and time.monotonic() < until:
        time.sleep(0.2)
    assert not _processes(study.pid)
    done = lines_of(copied)
    assert done
    assert f"{len(done)} of them cached" in run(copied)
    after = lines_of(copied)
    assert len(after) == 4 and {name: after[name] for name in done} == done


@pytest.mark.soak
def test_a_cell_that_has_long_to_go_ends_with_a_killed_study(studied: Project, copied: Project) -> None:
    remove_results(copied)
    write_study(copied, TOY | {"params": {**TOY["params"], "train.epochs": 100_000}})
    words = command("run")
    study = subprocess.Popen(
        words, cwd=copied.folder, env=copied.env, stdout=subprocess.DEVNULL, start_new_session=True
    )
    until = time.monotonic() + 120
    # The study, what tracks its resources, the server that forks, and its two cells.
    while len(_processes(study.pid)) < 5 and time.monotonic() < until:
        time.sleep(0.1)
    assert len(_processes(study.pid)) >= 5
    os.kill(study.pid, signal.SIGKILL)
    study.wait()
    until = time.monotonic() + 30
    while _processes(study.pid) and time.monotonic() < until:
        time.sleep(0.2)
    left = _processes(study.pid)
    for process in left:
        os.kill(process, signal.SIGKILL)
    assert not left


def _processes(session: int) -> list[int]:
    found = subprocess.run(["pgrep", "-s", str(session)], capture_output=True, check=False, text=True)
    return [int(line) for line in found.stdout.split()]


@pytest.mark.soak
def test_a_clone_has_the_results_of_the_study_and_runs_only_what_is_new(project: Project, tmp_path: Path) -> None:
    kept = {"dvc.yaml", ".gitignore"}
    shutil.copytree(ROOT / "study", project.folder / "study", ignore=lambda _, names: set(names) - kept)
    params = {name: value for name, value in TOY["params"].items() if name != "data.images"}

    def write(**changes: Any) -> None:
        with (project.folder / "study" / "variants.yaml").open("w", encoding="utf-8") as stream:
            YAML().dump(TOY | {"params": params | {"split.test": 3}} | changes, stream)

    def study(project: Project, *words: str) -> str:
        return project.run("make", "-s", "-o", ".venv/.ready", "study", *words).stdout

    write()
    assert "2 runs, 0 of them cached" in study(project, "SHARD=1/2")
    assert not (project.folder / "study" / "variants" / "summary.json").exists()
    assert "4 runs, 2 of them cached" in study(project)
    assert json.loads(project.read("study/variants/summary.json"))["small"]["runs"] == 2
    assert not (project.folder / "models").exists()
    again = study(project)
    assert "4 of them cached" in again and "variants compared" not in again
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "study")
    project.run("git", "clone", "-q", ".", str(tmp_path / "clone"))
    clone = Project(tmp_path / "clone")
    assert {file.name for file in (clone.folder / "study" / "variants" / "results").iterdir()} == {
        "small.jsonl",
        "wider.jsonl",
    }
    # The report without running anything, by DVC alone; then one more seed.
    assert "2 variants compared" in clone.run("dvc", "repro", "study/dvc.yaml").stdout
    write(seeds=3)
    shutil.copy(project.folder / "study" / "variants.yaml", clone.folder / "study")
    assert "6 runs, 4 of them cached" in study(clone)
    assert json.loads(clone.read("study/variants/summary.json"))["small"]["runs"] == 3


@pytest.mark.soak
def test_a_study_of_another_folder_gives_a_sensible_report(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    digits = load_digits()
    for number, (image, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        folder = project.folder / "digits" / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((255 - image * 255 / 16).astype("uint8")).save(folder / f"{number:04d}.png")
    write_study(project, DIGITS)
    project.run(*command("pack"))
    run(project)
    compare(project)
    numbers = json.loads((project.folder / "mine" / "numbers.json").read_text(encoding="utf-8"))
    assert numbers["variants"]["hopeless"]["failed"] == 5
    assert numbers["variants"]["sixteen"]["failed"] == 0
    assert numbers["variants"]["sixteen"]["accuracy"]["value"] > 0.9
    verdicts = {
        (answer["second"], measure): found["verdict"]
        for answer in numbers["answers"]
        for measure, found in answer["measures"].items()
    }
    assert verdicts["sixteen", "accuracy"] == "better"
    assert verdicts["hopeless", "failures"] == "worse"
    assert verdicts["hopeless", "accuracy"] == "inconclusive"
    assert numbers["baselines"]["majority"] == pytest.approx(0.1)
    page = (project.folder / "mine" / "report" / "report.html").read_text(encoding="utf-8")
    # How many follows from the untrained weights, which another CPU makes otherwise.
    ends = [json.loads(line) for name, line in lines_of(project).items() if name.startswith("hopeless")]
    rights = [line["right"] / line["tested"] for line in ends]
    alike = sum(abs(right - 0.1) <= 0.02 for right in rights)
    assert len(rights) == 5
    assert f"{alike} of 5 runs end within 2 points of it" in page
    assert "http" not in page


def test_the_report_says_what_is_known_and_needs_no_other_file(copied: Project) -> None:
    compare(copied)
    compare_again = {name: copied.read(f"mine/{name}") for name in ("numbers.json", "summary.json")}
    compare(copied)
    assert {name: copied.read(f"mine/{name}") for name in compare_again} == compare_again
    page, text = copied.read("mine/report/report.html"), copied.read("mine/report/report.md")
    for sentence in ("Does width matter?", "wider against small", "model.channels 2 → 4", "How this was found"):
        assert sentence in page and sentence in text
    assert 'src="data:image/png' in page and 'href="http' not in page
    pictures = [line.split("](")[1].rstrip(")") for line in text.splitlines() if line.startswith("![")]
    assert pictures and all((copied.folder / "mine" / "report" / picture).is_file() for picture in pictures)


def test_mlflow_has_the_answers_and_the_report_in_the_run_of_the_study(copied: Project) -> None:
    import mlflow

    compare(copied)
    client = mlflow.MlflowClient(f"sqlite:///{copied.folder / 'mlflow.db'}")
    (run,) = client.search_runs([client.get_experiment_by_name("crosscheck").experiment_id])
    assert run.info.status == "FINISHED"
    printed = copied.command("answers", "--study", "mine.yaml", "--markdown").stdout
    note = run.data.tags["mlflow.note.content"]
    assert note.endswith(printed.strip()) and "`report/report.html`" in note
    assert run.data.metrics == {"variants": 2, "runs": 4}
    assert "| Does width matter? | **" in printed
    assert {each.path for each in client.list_artifacts(run.info.run_id)} == {
        "answers.json",
        "numbers.json",
        "report",
        "summary.json",
    }
    kept = {each.path for each in client.list_artifacts(run.info.run_id, "report")}
    assert {"report/report.html", "report/differences.png", "report/convergence.png"} <= kept
    plain = copied.command("answers", "--study", "mine.yaml").stdout
    assert "Bars and discs: 4 runs of 2 variants" in plain and "Does width matter?" in plain


def test_metrics_diff_does_not_begin_with_what_a_fresh_clone_lacks(copy_of_reproduced: Project) -> None:
    project = copy_of_reproduced
    (project.folder / "study").mkdir()
    for name in ("dvc.yaml", "variants.yaml"):
        shutil.copy(ROOT / "study" / name, project.folder / "study" / name)
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "study")
    for words in (["metrics", "diff"], ["metrics", "show"]):
        done = project.run("dvc", *words)
        assert "failed to load" not in done.stdout + done.stderr

"""The report of a study, in a folder and in MLflow."""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.project import Project, make_project
from helpers.study import command, compare, lines_of, run, write_study
from PIL import Image
from sklearn.datasets import load_digits

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

"""What DVC runs again, keeps and prints, on a tiny project."""

import json
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from helpers.project import Project, copy_project, runs_of, stages_run

from crosscheck.tracking.tags import CHECKPOINT, hidden, recorded


def contents(project: Project) -> dict[str, bytes]:
    """Every result in the working tree."""
    folders = ("data", "models", "metrics", "plots")
    files = [file for name in folders for file in sorted((project.folder / name).rglob("*")) if file.is_file()]
    return {file.relative_to(project.folder).as_posix(): file.read_bytes() for file in files}


def test_repro_makes_every_result_and_says_nothing_but_its_progress(reproduced: Project) -> None:
    after_split = ["train", "fit_ood", "evaluate", "visualize", "explain", "track"]
    assert stages_run(reproduced.printed) == ["check", "synthesize", "split", *after_split]
    assert "INFO" not in reproduced.complaints
    assert "Warning" not in reproduced.complaints
    assert "warning: MLflow" not in reproduced.complaints
    assert reproduced.run("dvc", "status").stdout.strip() == "Data and pipelines are up to date."
    assert reproduced.run("git", "status", "--porcelain").stdout == ""


def test_a_second_repro_does_nothing(copy_of_reproduced: Project) -> None:
    before = contents(copy_of_reproduced)
    assert stages_run(copy_of_reproduced.run("dvc", "repro").stdout) == []
    assert contents(copy_of_reproduced) == before
    assert not (copy_of_reproduced.folder / "mlflow.db").exists()


@pytest.mark.soak
@pytest.mark.ci
def test_a_forced_run_leaves_an_identical_lock_and_a_run_of_its_own(copy_of_reproduced: Project) -> None:
    project = copy_of_reproduced
    lock, before = project.read("dvc.lock"), contents(project)
    project.command("sync")
    done = project.run("dvc", "repro", "--force")
    assert len(stages_run(done.stdout)) == 9
    assert project.read("dvc.lock") == lock
    assert contents(project) == before
    newest, restored = runs_of(project)
    assert [run.data.tags["crosscheck.origin"] for run in (newest, restored)] == ["trained", "restored"]
    assert newest.data.tags[hidden(CHECKPOINT)] == restored.data.tags[hidden(CHECKPOINT)]
    assert newest.data.metrics["test/accuracy"] == restored.data.metrics["test/accuracy"]


@dataclass(frozen=True)
class Explored:
    """A project after four experiments, run in the four ways that DVC has, and what DVC printed at each."""

    project: Project
    wider: str
    sharper: str
    temporary: str
    queued: str


@pytest.fixture(scope="module")
def explored(reproduced: Project, tmp_path_factory: pytest.TempPathFactory) -> Explored:
    project = copy_project(reproduced, tmp_path_factory.mktemp("explored"))
    project.run("dvc", "exp", "run", "--queue", "-n", "slow-lr", "-S", "train.lr=0.01")
    queued = project.run("dvc", "queue", "start").stdout
    wait_for_queue(project)
    temporary = project.run("dvc", "exp", "run", "--temp", "-n", "no-pool", "-S", "model.pool=none").stdout
    sharper = project.run("dvc", "exp", "run", "-n", "sharper", "-S", "visualize.dpi=50").stdout
    project.run("git", "checkout", "-q", ".")
    wider = project.run("dvc", "exp", "run", "-n", "wider", "-S", "model.channels=3").stdout
    return Explored(project, wider, sharper, temporary, queued)


def wait_for_queue(project: Project) -> None:
    """Until the queue's worker has ended; ten minutes are for a hang."""
    for _ in range(600):
        if "Worker status: 0 active, 0 idle" in project.run("dvc", "queue", "status").stdout:
            return
        time.sleep(1)
    project.run("dvc", "queue", "stop", "--kill")
    pytest.fail(project.run("dvc", "queue", "logs", "slow-lr", check=False).stdout)


@pytest.mark.slow
def test_more_channels_rerun_the_training_and_not_the_split(explored: Explored) -> None:
    assert stages_run(explored.wider) == ["check", "train", "fit_ood", "evaluate", "visualize", "explain", "track"]
    card = json.loads(explored.project.read("models/model.json"))
    assert card["model"]["channels"] == 3


@pytest.mark.slow
def test_a_parameter_of_the_pictures_reruns_them_alone(explored: Explored) -> None:
    assert stages_run(explored.sharper) == ["check", "visualize", "track"]


@pytest.mark.slow
def test_an_experiment_without_pooling_runs_in_a_temporary_copy(explored: Explored) -> None:
    assert stages_run(explored.temporary)[-6:] == ["train", "fit_ood", "evaluate", "visualize", "explain", "track"]
    rows = experiments_of(explored.project)
    assert rows["no-pool"]["model.pool"] == "none"
    assert rows["no-pool"]["model.channels"] == 2


@pytest.mark.slow
def test_every_experiment_is_recorded_under_its_name_in_the_store_of_the_root(explored: Explored) -> None:
    named = {run.info.run_name: run for run in runs_of(explored.project)}
    # `sharper` trained nothing and shares the run of its checkpoint, which the store of this copy had not known.
    assert sorted(named) == ["no-pool", "sharper", "slow-lr", "wider"]
    assert len(runs_of(explored.project)) == 4
    expected = {
        "no-pool": ("trained", "none", "0.1", "2"),
        "sharper": ("restored", "max", "0.1", "2"),
        "slow-lr": ("trained", "max", "0.01", "2"),
        "wider": ("trained", "max", "0.1", "3"),
    }
    keys = ("model.pool", "train.lr", "model.channels")
    for name, run in named.items():
        assert (run.data.tags["crosscheck.origin"], *(run.data.params[key] for key in keys)) == expected[name]
        assert run.data.tags["dvc.experiment"] == name
        assert run.info.status == "FINISHED"
    baseline = explored.project.run("git", "rev-parse", "HEAD").stdout.strip()
    for name in ("no-pool", "slow-lr", "wider"):
        assert "test/accuracy" in named[name].data.metrics
        assert hidden(recorded("pictures")) in named[name].data.tags
        assert named[name].data.tags["mlflow.source.git.commit"] == baseline
    different = {
        "no-pool": "`model.pool` none, not max",
        "sharper": "`visualize.dpi` 50, not 40",
        "slow-lr": "`train.lr` 0.01, not 0.1",
        "wider": "`model.channels` 3, not 2",
    }
    for name, said in different.items():
        note = named[name].data.tags["mlflow.note.content"]
        assert note.endswith(f"Different from commit {baseline[:8]}: {said}.")


@pytest.mark.slow
def test_metrics_of_mlflow_and_dvc_agree_for_every_experiment(explored: Explored) -> None:
    rows = experiments_of(explored.project)
    for run in runs_of(explored.project):
        if run.info.run_name != "sharper":
            row = rows[run.info.run_name]
            assert run.data.metrics["test/log_loss"] == pytest.approx(row["test.log_loss"], abs=1e-6)


@pytest.mark.slow
def test_metrics_diff_shows_what_the_experiment_changed(explored: Explored) -> None:
    printed = explored.project.run("dvc", "metrics", "diff").stdout
    assert "metrics/test.json" in printed
    assert "test.log_loss" in printed
    found = json.loads(explored.project.run("dvc", "metrics", "diff", "--json").stdout)
    change = found["metrics/test.json"]["test.log_loss"]
    assert change["diff"] == pytest.approx(change["new"] - change["old"])
    named = json.loads(explored.project.run("dvc", "metrics", "diff", "HEAD", "wider", "--json").stdout)
    assert named["metrics/test.json"]["test.log_loss"] == change


@pytest.mark.slow
def test_params_diff_shows_the_one_parameter(explored: Explored) -> None:
    found = json.loads(explored.project.run("dvc", "params", "diff", "--json").stdout)
    assert found == {"params.yaml": {"model.channels": {"old": 2, "new": 3, "diff": 1}}}


@pytest.mark.slow
@pytest.mark.parametrize("width", [80, 140])
def test_the_table_of_experiments_shows_the_accuracy_first_and_what_differs(explored: Explored, width: int) -> None:
    done = explored.project.run("make", "-s", "-o", ".venv/.ready", "experiments", COLUMNS=str(width))
    header, *lines = done.stdout.splitlines()
    assert header.split()[:6] == ["experiment", "test", "accuracy", "95", "%", "interval"]
    assert max(map(len, done.stdout.splitlines())) <= width
    rows = experiments_of(explored.project)
    changed = {
        "wider": "model.channels=3", "no-pool": "model.pool=none", "slow-lr": "train.lr=0.01",
        "sharper": "visualize.dpi=50", "workspace": "model.channels=3",
    }  # fmt: skip
    for name, difference in changed.items():
        (at,) = [number for number, line in enumerate(lines) if line.startswith(f"{name} ")]
        assert difference in " ".join(lines[at : at + 2])
        if name in rows:
            low, high = (f"{rows[name][f'test.accuracy_{end}']:.2%}" for end in ("low", "high"))
            assert lines[at].split()[1:5] == [f"{rows[name]['test.accuracy']:.2%}", low, "to", high]


@pytest.mark.slow
def test_plots_show_holds_curves_confusion_and_pictures_of_both_sides(explored: Explored) -> None:
    page = Path(
        explored.project.run("dvc", "plots", "diff", "HEAD", "-o", "page").stdout.strip().removeprefix("file://")
    )
    assert "Loss by epoch" in page.read_text(encoding="utf-8")
    page = Path(explored.project.run("dvc", "plots", "show", "-o", "page").stdout.strip().removeprefix("file://"))
    html = page.read_text(encoding="utf-8")
    for title in ("Loss by epoch", "Accuracy by epoch", "Confusion matrix of the test set"):
        assert title in html
    for picture in ("curves.png", "confusion.png", "samples.png"):
        assert picture in html
    # Without a network the first three charts stay empty, and the page says where the same is.
    assert "<code>plots/curves.png</code>" in html and "<code>plots/confusion.png</code>" in html
    assert "max-width" in html
    shutil.rmtree(page.parent)


@pytest.mark.slow
def test_plots_show_holds_each_picture_once(explored: Explored) -> None:
    page = Path(explored.project.run("dvc", "plots", "show", "-o", "page").stdout.strip().removeprefix("file://"))
    sources = re.findall(r'<img src="([^"]+)"', page.read_text(encoding="utf-8"))
    contents = [(page.parent / source).read_bytes() for source in sources]
    assert len(contents) > 10
    names = [Path(source).name for source in sources]
    assert len(set(contents)) == len(contents), f"a picture stands twice among {sorted(names)}"
    assert sum("kernels_block1" in name for name in names) == 1
    shutil.rmtree(page.parent)


def experiments_of(project: Project) -> dict[str, dict[str, object]]:
    """The rows of `dvc exp show` by the experiment's name, with parameters and metrics side by side."""
    rows = {}
    for revision in json.loads(project.run("dvc", "exp", "show", "--json").stdout):
        for group in revision["experiments"] or []:
            for experiment in group["revs"]:
                row: dict[str, object] = {}
                for kind in ("params", "metrics"):
                    for file in experiment["data"][kind].values():
                        row |= flat(file["data"])
                rows[experiment["name"]] = row
    return rows


def flat(content: dict[str, object], prefix: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in content.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return found


@pytest.mark.parametrize(
    "override", ["model.channels=abc", "model.channels=0", "train.lr=-1", "model.further_channels=[2,2,2,2]"]
)
def test_a_wrong_parameter_ends_in_one_line_and_leaves_the_results(copy_of_reproduced: Project, override: str) -> None:
    project = copy_of_reproduced
    before = contents(project)
    done = project.run("dvc", "exp", "run", "-S", override, check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    complaints = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(complaints) == 1
    assert override.partition("=")[0].partition(".")[0] in complaints[0]
    before.pop("data/params.schema.json")
    assert contents(project) == before


def test_the_summary_prints_the_result_and_where_the_rest_is(reproduced: Project) -> None:
    printed = reproduced.command("summary").stdout
    test = json.loads(reproduced.read("metrics/test.json"))["test"]
    assert f"{test['accuracy']:.2%} of n = 6 test images" in printed
    assert f"{test['baseline_1nn']:.2%} nearest neighbour" in printed
    assert "plots/ and data/samples.png" in printed
    assert f"sqlite:///{reproduced.folder}/mlflow.db" in printed

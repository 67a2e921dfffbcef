"""The whole pipeline with a frozen backbone, from params.yaml to MLflow's model, a study and a refused search."""

import json
import shutil
from pathlib import Path

import pytest
from helpers.backbones import SMALL, write_weights
from helpers.project import Project, copy_project, make_project, runs_of, stages_run
from helpers.study import TOY, command, run, write_study

from crosscheck.core.files import sha256

MODEL = {"backbone": SMALL, "pretrained": "own.safetensors", "freeze": True, "hidden": "auto"}
DATA = {"height": 32, "width": 32, "channels": 3}


@pytest.fixture(scope="module")
def with_backbone(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A tiny project after `dvc repro` with a frozen backbone."""
    project = make_project(tmp_path_factory.mktemp("backbones") / "project")
    write_weights(project.folder / "weights" / "own.safetensors")
    project.set(data=DATA, model=MODEL, synthesize={"size": 32})
    project.run("dvc", "repro")
    return project


@pytest.mark.slow
def test_the_pipeline_runs_to_its_end(with_backbone: Project) -> None:
    card = json.loads(with_backbone.read("models/model.json"))
    assert card["backbone"]["weights"] == "own.safetensors"
    assert len(card["backbone"]["sha256"]) == 64
    assert "The backbone is the network" in with_backbone.read("report/report.html")
    assert {file.stem for file in (with_backbone.folder / "plots").glob("maps_*")} == {
        "maps_backbone_class0",
        "maps_backbone_class1",
    }


@pytest.mark.slow
def test_mlflow_keeps_the_model_and_what_it_began_with(with_backbone: Project) -> None:
    (found,) = runs_of(with_backbone)
    assert found.data.params["backbone.weights"] == "own.safetensors"
    assert found.data.params["model.backbone"] == SMALL
    requirements = [
        file.read_text() for file in (with_backbone.folder / "mlartifacts").rglob("requirements.txt") if file.is_file()
    ]
    assert any("timm==" in text for text in requirements)


@pytest.mark.slow
def test_the_commands_answer(with_backbone: Project) -> None:
    images = sorted((with_backbone.folder / "data" / "built-in").rglob("*.bmp"))[:3]
    done = with_backbone.command("predict", *map(str, images), "--json")
    assert len(done.stdout.splitlines()) == 3
    assert "the same classes as PyTorch" in with_backbone.command("export", "--onnx", "models/model.onnx").stdout


@pytest.mark.slow
def test_features_are_kept_in_the_projects_root_for_experiments_in_other_folders(with_backbone: Project) -> None:
    features = with_backbone.folder / ".checkpoints" / "features"
    # Written anew, a file is another one; its time says when it was used last.
    before = {file: file.stat().st_ino for file in features.glob("*.npy")}
    assert len(before) == 2
    with_backbone.run("git", "add", "-A")
    with_backbone.run("git", "commit", "-qm", "with a backbone")
    with_backbone.run("dvc", "exp", "run", "--temp", "-S", "train.seed=3", "train")
    assert {file: file.stat().st_ino for file in features.glob("*.npy")} == before


def copied(project: Project, folder: Path) -> Project:
    """A copy that a test may change, without what a frozen backbone made of the images."""
    copy = copy_project(project, folder)
    shutil.rmtree(copy.folder / ".checkpoints")
    return copy


@pytest.mark.slow
def test_two_processes_train_the_head_to_the_same_bits_each_time(with_backbone: Project, tmp_path: Path) -> None:
    project = copied(with_backbone, tmp_path)
    project.set(train={"processes": 2})
    project.run("dvc", "repro", "train")
    first = sha256(project.folder / "models" / "model.pt")
    assert len(list((project.folder / ".checkpoints" / "features").glob("*.npy"))) == 2
    project.run("dvc", "repro", "-f", "-s", "train")
    assert sha256(project.folder / "models" / "model.pt") == first


@pytest.mark.slow
def test_a_wrong_value_stops_before_an_output_is_touched(with_backbone: Project, tmp_path: Path) -> None:
    project = copied(with_backbone, tmp_path)
    project.set(model={"pretrained": "gone.safetensors"})
    done = project.run("dvc", "repro", check=False)
    assert done.returncode != 0
    assert "model.pretrained is 'gone.safetensors', but weights/gone.safetensors cannot be read" in done.stderr
    assert (project.folder / "models" / "model.pt").exists()


@pytest.mark.slow
def test_other_weights_under_the_same_name_train_anew(with_backbone: Project, tmp_path: Path) -> None:
    project = copied(with_backbone, tmp_path)
    assert stages_run(project.run("dvc", "repro").stdout) == []
    write_weights(project.folder / "weights" / "own.safetensors", seed=5)
    ran = stages_run(project.run("dvc", "repro", "train").stdout)
    assert ran == ["train"]
    cards = [json.loads(each.read("models/model.json"))["backbone"] for each in (with_backbone, project)]
    assert cards[0]["weights"] == cards[1]["weights"] and cards[0]["sha256"] != cards[1]["sha256"]
    assert len(list((project.folder / ".checkpoints" / "features").glob("*.npy"))) == 2
    write_weights(project.folder / "weights" / "own.safetensors")
    project.run("dvc", "repro", "train")
    checkpoints = [sha256(each.folder / "models" / "model.pt") for each in (with_backbone, project)]
    assert checkpoints[0] == checkpoints[1]


@pytest.mark.slow
def test_a_study_may_compare_backbones(with_backbone: Project) -> None:
    variants = {"none": {"set": {"model.backbone": "none", "model.pretrained": False, "model.freeze": False}}}
    variants["frozen"] = {"set": {"train.lr": 0.05}}
    content = {**TOY, "seeds": 1, "variants": variants, "questions": {}}
    content["params"] = {"data.images": "data/built-in", "split.test": 4, "split.val": 2, "train.epochs": 1}
    content["questions"] = {"it": {"ask": "Does it matter?", "compare": ["none", "frozen"], "measure": []}}
    write_study(with_backbone, content)
    with_backbone.run(*command("pack"))
    printed = run(with_backbone)
    assert "2 runs, 0 of them cached" in printed
    assert "2 runs, 2 of them cached" in run(with_backbone)
    write_weights(with_backbone.folder / "weights" / "own.safetensors", seed=5)
    assert "2 runs, 1 of them cached" in run(with_backbone)
    write_weights(with_backbone.folder / "weights" / "own.safetensors")


@pytest.mark.slow
def test_a_search_of_convolutions_is_refused(with_backbone: Project) -> None:
    done = with_backbone.command("search", "--space", "space.yaml", check=False)
    assert done.returncode != 0
    assert f"model.backbone is '{SMALL}', but a search builds its own convolutions" in done.stderr

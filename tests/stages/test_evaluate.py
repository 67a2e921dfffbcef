"""Evaluation refuses weights and data that do not belong together, and scores what does."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.models import write_model

from crosscheck.core import tables
from crosscheck.core.errors import InputError
from crosscheck.core.files import read_json, write_json
from crosscheck.core.params import ModelParams, Params
from crosscheck.data.dataset import DataSet, Subset
from crosscheck.evaluation.predictions import make_predictions
from crosscheck.network import model
from crosscheck.network.checkpoint import Checkpoint, save_checkpoint
from crosscheck.network.model_card import Description, read_card, write_card
from stages import evaluate

CLASSES = ["a,b", "c"]


@pytest.fixture
def trained(params: Params, tmp_path: Path) -> Checkpoint:
    """A small network in model.pt, with its card and the data set it belongs to."""
    small = {**params.model.model_dump(), "channels": 2, "further_channels": [], "hidden": [3]}
    wanted, data_set = ModelParams.model_validate(small), DataSet(CLASSES, 8, 9, 1, "stretch", 255)
    torch.manual_seed(0)
    checkpoint = Checkpoint(model.build(wanted, data_set), wanted, data_set)
    write_model(tmp_path, checkpoint, params)
    describe(data_set, tmp_path)
    return checkpoint


def describe(data_set: DataSet, folder: Path) -> None:
    write_json(folder / "split" / "dataset.json", vars(data_set))


def load(folder: Path) -> Checkpoint:
    return evaluate.load_trained(folder / "model.pt", folder / "model.json", folder / "split")


def fault(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        load(folder)
    line = str(caught.value)
    assert len(line.splitlines()) == 1
    assert "run `dvc repro" in line
    return line


def test_the_weights_that_train_wrote_are_taken(trained: Checkpoint, tmp_path: Path) -> None:
    assert load(tmp_path).data_set == trained.data_set


def test_other_weights_are_refused(trained: Checkpoint, tmp_path: Path) -> None:
    with torch.no_grad():
        trained.net.get_submodule("classify").bias += 1
    save_checkpoint(trained, tmp_path / "model.pt")
    assert "not the weights that train wrote" in fault(tmp_path)


def test_missing_weights_are_called_missing(trained: Checkpoint, tmp_path: Path) -> None:
    (tmp_path / "model.pt").unlink()
    assert fault(tmp_path).startswith(f"{tmp_path / 'model.pt'}: not found")
    (tmp_path / "model.pt").mkdir()
    assert fault(tmp_path).startswith(f"{tmp_path / 'model.pt'}: not found")


def test_a_card_has_every_section_and_reads_as_it_was_written(trained: Checkpoint, tmp_path: Path) -> None:
    file = tmp_path / "model.json"
    before, card = file.read_bytes(), read_card(file)
    assert (card.data.classes, card.model.channels, card.data.guess.counts) == (CLASSES, 2, (1, 1))
    write_card(Description(**card.model_dump(exclude={"sha256"})), tmp_path / "model.pt", file)
    assert file.read_bytes() == before
    content = read_json(file)
    content["train"]["images"] = content["train"].pop("images_per_class")
    write_json(file, content)
    assert read_card(file) == card


@pytest.mark.parametrize("card", ["", "[]", "{}", '{"sha256": 3}', '{"sha256": "00", "parameter_count": 1}', "\0"])
def test_a_damaged_card_is_refused(trained: Checkpoint, tmp_path: Path, card: str) -> None:
    (tmp_path / "model.json").write_text(card, encoding="utf-8")
    fault(tmp_path)


@pytest.mark.parametrize(
    "change", [{"classes": ["c", "a,b"]}, {"classes": [*CLASSES, "d"]}, {"height": 9}, {"channels": 3}, {"fit": "pad"}]
)
def test_another_data_set_is_refused(trained: Checkpoint, tmp_path: Path, change: dict[str, object]) -> None:
    describe(replace(trained.data_set, **change), tmp_path)
    assert "trained on other classes or another image size" in fault(tmp_path)


def toy(count: int) -> Subset:
    random = np.random.default_rng(0)
    return Subset(random.integers(0, 256, (count, 8, 9, 1), dtype=np.uint8), np.arange(count) % 2)


def test_probabilities_are_the_softmax_of_the_logits(trained: Checkpoint, params: Params) -> None:
    test = toy(7)
    found = evaluate.predict(
        trained, test, [str(n) for n in range(7)], params.evaluate.model_copy(update={"batch_size": 3}), CPU
    )
    with torch.inference_mode():
        logits = trained.net(torch.from_numpy(test.images.transpose(0, 3, 1, 2).copy())).double()
    expected = (logits.exp() / logits.exp().sum(1, keepdim=True)).numpy()
    np.testing.assert_allclose(found.probabilities, expected, rtol=1e-5)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, rtol=1e-12)
    assert found.predicted.tolist() == expected.argmax(axis=1).tolist()
    assert found.labels.tolist() == test.labels.tolist()


def test_a_network_whose_answers_are_no_numbers_is_one_line(trained: Checkpoint, params: Params) -> None:
    with torch.no_grad():
        trained.net.get_submodule("classify").bias.fill_(float("nan"))
    with pytest.raises(InputError, match=r"lower train\.lr in params\.yaml"):
        evaluate.predict(trained, toy(2), ["1", "2"], params.evaluate, CPU)


def test_tables_of_classes_and_confusion_name_the_classes(trained: Checkpoint, params: Params, tmp_path: Path) -> None:
    odds = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.7, 0.3]])
    found = make_predictions(["1", "2", "3", "4"], np.array([0, 0, 1, 1]), odds)
    evaluate.write_classes(found, CLASSES, tmp_path / "classes.csv")
    evaluate.write_confusion(found, CLASSES, tmp_path / "confusion.csv")
    assert (tmp_path / "classes.csv").read_text(encoding="utf-8") == (
        'class,precision,recall,f1,n\n"a,b",0.666667,1.000000,0.800000,2\nc,1.000000,0.500000,0.666667,2\n'
    )
    assert (tmp_path / "confusion.csv").read_text(encoding="utf-8") == 'actual,"a,b",c\n"a,b",2,0\nc,1,1\n'


def test_a_class_called_actual_does_not_share_a_column_of_the_confusion_table(tmp_path: Path) -> None:
    found = make_predictions(["1", "2"], np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]]))
    evaluate.write_confusion(found, ["actual", "actual_"], tmp_path / "confusion.csv")
    assert tables.read(tmp_path / "confusion.csv") == [
        {"actual__": "actual", "actual": "1", "actual_": "0"},
        {"actual__": "actual_", "actual": "1", "actual_": "0"},
    ]


def test_the_neighbour_baseline_looks_at_no_more_images_than_allowed(params: Params) -> None:
    train = toy(9)
    few = params.evaluate.model_copy(update={"knn_images": 1})
    assert evaluate.score_baselines(train, train, params.evaluate)["baseline_1nn"] == 1.0
    assert evaluate.score_baselines(train, train, few)["baseline_1nn"] == pytest.approx(5 / 9)
    assert evaluate.score_baselines(train, train, few)["baseline_majority"] == pytest.approx(5 / 9)


CPU = torch.device("cpu")

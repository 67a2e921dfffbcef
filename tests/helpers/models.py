"""Results as the project writes them, for tests of what reads them."""

from pathlib import Path
from typing import Any

from crosscheck.core.params import ModelParams, Params
from crosscheck.data.dataset import DataSet
from crosscheck.network.checkpoint import Checkpoint, save_checkpoint
from crosscheck.network.model_card import CardData, Description, write_card
from crosscheck.study.results import RunResult


def write_model(folder: Path, made: Checkpoint, params: Params) -> None:
    """Write `made` to model.pt and its card to model.json, as if it had been trained on an image of each class."""
    save_checkpoint(made, folder / "model.pt")
    write_card(describe(made.params, made.data_set, params), folder / "model.pt", folder / "model.json")


def describe(model: ModelParams, data_set: DataSet, params: Params) -> Description:
    """What a card says of a network that was trained on an image of each class."""
    counts = [1] * len(data_set.classes)
    return Description(
        parameter_count=1,
        model=model,
        train=params.train,
        augment=params.augment,
        data=CardData(**vars(data_set), train_images=len(counts), train_images_of_class=counts, val_images=0),
        compute=params.compute,
        bits={},
    )


def run_result(**sections: Any) -> RunResult:
    """The result of a study's run on an image of each of two classes; `sections` are what matters of it."""
    counts = {"train_images": 2, "train_images_of_class": [1, 1], "val_images": 0, "test_images": 2}
    cost = {"parameters": 1, "multiply_adds": 1, "weight_bytes": 4}
    empty: dict[str, Any] = {"curve": {}, "vitals": {}, "diverged": False, "test": {}, "robustness": {}}
    return RunResult.model_validate({"data": {"classes": ["a", "b"], **counts}, "cost": cost, **empty, **sections})

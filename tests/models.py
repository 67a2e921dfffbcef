"""A model's files as `train` writes them, for tests of what reads them."""

from pathlib import Path

from crosscheck.core.params import Params
from crosscheck.network.checkpoint import Checkpoint, save_checkpoint
from crosscheck.network.model_card import CardData, Description, write_card


def write_model(folder: Path, made: Checkpoint, params: Params) -> None:
    """Write `made` to model.pt and its card to model.json, as if it had been trained on an image of each class."""
    save_checkpoint(made, folder / "model.pt")
    counts = [1] * len(made.data_set.classes)
    data = CardData(**vars(made.data_set), train_images=len(counts), train_images_of_class=counts, val_images=0)
    described = Description(
        parameter_count=1, model=made.params, train=params.train, data=data, compute=params.compute, bits={}
    )
    write_card(described, folder / "model.pt", folder / "model.json")

"""The validation accuracy of `base`, which is what params.yaml describes: the pipeline's, where that is current."""

from crosscheck.core.errors import InputError
from crosscheck.core.files import read_json
from crosscheck.network import model_card
from crosscheck.pipeline import paths
from crosscheck.search.objective import Setup


def read_base_accuracy(setup: Setup) -> float | None:
    """The share of the validation images that the pipeline's network gets right, or None.

    None where `dvc repro` has not trained what params.yaml describes on the images that the search looks at.
    """
    at = paths.read_paths("train")
    if not all(at[name].is_file() for name in ("card", "metrics")):
        return None
    try:
        card = model_card.read_card(at["card"])
        accuracy = read_json(at["metrics"]).get("val", {}).get("accuracy")
        is_current = not paths.changed("train")
    except InputError:
        return None
    is_same = (card.model, card.train, card.augment) == (setup.model, setup.train, setup.augment)
    return float(accuracy) if is_current and is_same and accuracy is not None else None

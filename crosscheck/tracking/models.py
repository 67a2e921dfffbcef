"""What the model of a run is called in MLflow, and what is said of it."""

import re

from crosscheck.core.params import decisive
from crosscheck.network import backbones
from crosscheck.network.model_card import Description

# Of the parameters of the model, those that matter where a backbone takes the place of the convolutions.
OF_A_BACKBONE = ("backbone", "pretrained", "freeze", "hidden")


def model_name(described: Description) -> str:
    """A short name for lists, such as `conv-9-5-max-dense`: channels, pooling and head, or the name of the backbone."""
    model = described.model
    if backbones.is_used(model):
        parts = [model.backbone]
    else:
        parts = ["conv", *map(str, [model.channels, *model.further_channels]), model.pool, model.head]
    # MLflow takes neither dots nor slashes in a model's name.
    return re.sub(r"[^\w-]+", "-", "-".join(parts))


def describe_model(described: Description) -> str:
    """What the network is, what goes in and what comes out, in Markdown."""
    wanted = decisive("model", described.model.model_dump())
    if backbones.is_used(described.model):
        wanted = {name: value for name, value in wanted.items() if name in OF_A_BACKBONE}
    network = ", ".join(f"{name} {value}" for name, value in wanted.items())
    data = described.data
    return (
        f"A network with {described.parameter_count:,} parameters: {network}.\n\n"
        f"In: images as uint8, (n, {data.channels}, {data.height}, {data.width}), without any scaling. "
        f"Out: a logit for each of the classes {', '.join(data.classes)}."
    )

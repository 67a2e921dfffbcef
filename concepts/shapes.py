"""Shapes: what each layer of `base` takes and gives, what its parameters count, and what a state_dict holds.

python -m concepts.shapes --figures docs/concepts
"""

from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from concepts import lessons
from crosscheck.core import cli
from crosscheck.network import model
from crosscheck.reporting import style

SIZE, BATCH = 116, 64
CHANNELS, FURTHER, HIDDEN = 9, [5], [1200, 64]
# A wider image goes through convolutions, and not through the dense layers behind them.
WIDER = 148


def main(figures: Path) -> None:
    torch.set_num_threads(lessons.THREADS)
    net = base()
    state = net.state_dict()
    numbers = {
        "size": SIZE, "batch": BATCH, "wider": WIDER, "layers": measure_layers(net),
        "parameters": model.parameter_count(net), "tensors": len(state),
        "state": {name: list(tensor.shape) for name, tensor in state.items()},
        "buffers": [name for name, _ in net.named_buffers()],
        "refusal": refuse_wider(net),
    }  # fmt: skip
    style.save(draw(numbers), figures / "shapes.png")
    lessons.write(figures, "shapes", numbers)


def base() -> nn.Sequential:
    """The network `base` of the original, untrained."""
    torch.manual_seed(0)
    wanted = lessons.network(channels=CHANNELS, further_channels=FURTHER, hidden=HIDDEN)
    return model.build(wanted, lessons.data_set(SIZE)).eval()


def measure_layers(net: nn.Sequential) -> list[dict[str, Any]]:
    """For each layer that changes the shape: its kind, what it takes and gives for one batch, its parameters."""
    found: list[dict[str, Any]] = []

    def note(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        found.append(
            {
                "kind": type(layer).__name__,
                "takes": list(inputs[0].shape),
                "gives": list(output.shape),
                "values": output[0].numel(),
                "parameters": model.parameter_count(layer),
            }
        )

    kinds = (nn.Conv2d, nn.MaxPool2d, nn.Flatten, nn.Linear)
    hooks = [layer.register_forward_hook(note) for layer in net.modules() if isinstance(layer, kinds)]
    with torch.no_grad():
        net(torch.zeros(BATCH, 1, SIZE, SIZE, dtype=torch.uint8))
    for hook in hooks:
        hook.remove()
    return found


def refuse_wider(net: nn.Sequential) -> str:
    """What torch says where the image is larger than the first dense layer was made for."""
    try:
        with torch.no_grad():
            net(torch.zeros(1, 1, WIDER, WIDER, dtype=torch.uint8))
    except RuntimeError as error:
        return str(error)
    raise AssertionError("a dense layer took an image of another size")


def draw(numbers: dict[str, Any]) -> Figure:
    """Values that each layer gives, and parameters that it has, from the first layer to the last."""
    layers = numbers["layers"]
    names = [f"{number}. {layer['kind']}" for number, layer in enumerate(layers, start=1)]
    figure = style.new_figure((9, 3.6))
    panels = figure.subplots(1, 2, sharey=True)
    for axis, key, label, color in zip(
        panels,
        ("values", "parameters"),
        (f"values for an image of {SIZE} x {SIZE} px", "parameters"),
        (style.BLUE, style.VERMILION),
        strict=True,
    ):
        heights = [layer[key] for layer in layers]
        axis.barh(names, heights, color=color)
        for place, value in enumerate(heights):
            axis.annotate(f"{value:,}", (value, place), (3, 0), textcoords="offset points", va="center", fontsize=8)
        axis.set_xscale("symlog", linthresh=10)
        axis.set_xlim(0, max(heights) * 40)
        axis.set_xlabel(f"{label} (log scale)")
    panels[0].invert_yaxis()
    return figure


if __name__ == "__main__":
    cli.run(main)

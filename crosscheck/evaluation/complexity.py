"""What a network costs, as figures that do not depend on the machine."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from crosscheck.core.params import ModelParams
from crosscheck.data.dataset import DataSet
from crosscheck.network import model


@dataclass(frozen=True)
class Cost:
    """The first three are of one image's forward pass; `training_cost` is activations x training images x epochs.

    `parameters`: numbers that training adjusts; `multiply_adds`: of convolutions and linear layers; `activations`:
    values that all layers write. In networks as small as these, time goes into writing values rather than into
    multiplying them; Radosavovic et al. (2020) found that activations tell run times better than multiply-adds do.
    """

    parameters: int
    multiply_adds: int
    activations: int
    training_cost: int


def count_complexity(params: ModelParams, data_set: DataSet, train_images: int, epochs: int) -> Cost:
    """The cost of training the network that `params` describes; to tell it takes no training, and no memory.

    Raises InputError where the image is too small for the convolutions, or for a backbone.
    """
    with torch.device("meta"):
        net = model.build(params, data_set).eval()
        image = torch.zeros(1, data_set.channels, data_set.height, data_set.width, dtype=torch.uint8)
    written: list[int] = []

    def count(_layer: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        written.append(output.numel())

    for layer in net.modules():
        if not list(layer.children()) and not isinstance(layer, nn.Identity):
            layer.register_forward_hook(count)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(image)
    return Cost(
        parameters=model.parameter_count(net),
        # torch counts a multiplication and its addition as two.
        multiply_adds=counter.get_total_flops() // 2,
        activations=sum(written),
        training_cost=sum(written) * train_images * epochs,
    )

"""A network as a sequence of layers: what one value of each sees of the image, and what each gives."""

from dataclasses import dataclass

import torch
from torch import nn

from crosscheck.network import model, pretrained
from crosscheck.network.checkpoint import Checkpoint
from crosscheck.network.inference import outputs

# Values that one batch may hold in one layer: 256 MB.
MOST_VALUES = 2**26
MOST_IMAGES = 64
NOT_SHOWN = ("scale", "flatten")
BACKBONE = "backbone"


@dataclass(frozen=True)
class Layer:
    """A layer by its name in the network.

    One value sees `height` x `width` px of the image (its receptive field), its neighbour those `step` px further; 0
    where each may see the whole image.
    """

    name: str
    height: int
    width: int
    step: int

    @property
    def has_maps(self) -> bool:
        """Whether its values have places, as those of a backbone, which may see the whole image all the same."""
        return bool(self.step) or self.name == BACKBONE


def list_layers(checkpoint: Checkpoint) -> list[Layer]:
    """The layers from first to last, without those that only scale or reshape.

    The receptive field grows by (kernel - 1) * step with each convolution or pooling, and step by its stride (Araujo
    et al., Computing Receptive Fields of Convolutional Neural Networks, Distill 2019); there is no padding. A backbone
    has some, and side paths, by which a value may see all of the image.
    """
    found, field, step, whole = [], 1, 1, False
    for name, child in checkpoint.net.named_children():
        whole = whole or name == BACKBONE
        for part in child.modules():
            if not whole and isinstance(part, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
                field += (_along(part.kernel_size) - 1) * step
                step *= _along(part.stride)
        whole = whole or isinstance(child, nn.Flatten | model.Average)
        height, width = checkpoint.data_set.height, checkpoint.data_set.width
        if name not in NOT_SHOWN:
            found.append(Layer(name, height, width, 0) if whole else Layer(name, field, field, step))
    return found


def _along(size: int | tuple[int, ...]) -> int:
    return size if isinstance(size, int) else size[0]


def untrained(trained: Checkpoint, seed: int) -> nn.Sequential:
    """The network as it was before its training with `seed`.

    Raises InputError where a backbone began with weights that are no longer here.
    """
    torch.manual_seed(seed)
    net = model.build(trained.params, trained.data_set)
    unchanged = ["scale", BACKBONE] if trained.params.freeze else ["scale"]
    for name in unchanged:
        net.get_submodule(name).load_state_dict(trained.net.get_submodule(name).state_dict())
    if not trained.params.freeze:
        pretrained.load_weights(net, trained.params)
    return net.eval()


def batch_size(checkpoint: Checkpoint) -> int:
    """How many images may go through the network at once without a layer taking too much memory."""
    described = checkpoint.data_set
    image = torch.zeros(1, described.channels, described.height, described.width)
    largest = max(values.numel() for _, values in outputs(checkpoint.net, image))
    return max(1, min(MOST_IMAGES, MOST_VALUES // largest))

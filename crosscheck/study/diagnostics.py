"""What goes on inside of a network between two epochs: how large its gradients are, how many of its ReLUs are dead."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from crosscheck.data.dataset import Subset
from crosscheck.network.inference import batch

# Images looked at: the first ones of the training set, which stand in the order of a hash.
IMAGES = 64


@dataclass(frozen=True)
class Vitals:
    """After an epoch, on the same few training images each time.

    `first_gradient`, `last_gradient`: Euclidean norms of the loss's gradient by the weights of the first convolution
    and of the classifying layer. `spread`: standard deviation over the images of a logit, averaged over the logits: 0
    where the network gives every image the same answer. `dead`: by module, the share of ReLUs that pass nothing.
    """

    first_gradient: float
    last_gradient: float
    spread: float
    dead: dict[str, float]


def take(net: nn.Sequential, train: Subset, device: torch.device, class_weights: Tensor | None = None) -> Vitals:
    """Look into `net`, which is left as it was and in evaluation mode.

    `class_weights`, (classes,), are those of the training's loss, where it has any.
    """
    inputs, labels = batch(train, slice(0, IMAGES), device)
    dead: dict[str, float] = {}
    hooks = [
        module.register_forward_hook(_counter(name.removesuffix(".activation"), dead))
        for name, module in net.named_modules()
        if isinstance(module, nn.ReLU)
    ]
    net.eval()
    try:
        logits = net(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    weights = [parameter for name, parameter in net.named_parameters() if name.endswith("weight")]
    # Of the first and the last only: those of a large dense layer take as much memory as the layer.
    gradients = torch.autograd.grad(functional.cross_entropy(logits, labels, class_weights), [weights[0], weights[-1]])
    # Six digits, however small: on the plateau they are.
    first, last = (float(f"{gradient.norm().item():.6g}") for gradient in gradients)
    spread = logits.detach().std(dim=0, correction=0).mean().item()
    return Vitals(first, last, round(spread, 6), dead)


def _counter(name: str, dead: dict[str, float]) -> Callable[..., None]:
    def count(module: nn.Module, inputs: tuple[Tensor, ...], outputs: Tensor) -> None:
        # A ReLU is a place in a channel; it is dead if it passes nothing of any image.
        dead[name] = round(float((outputs.detach() <= 0).all(dim=0).double().mean()), 6)

    return count

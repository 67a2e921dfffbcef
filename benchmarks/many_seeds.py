"""Trains one network with many seeds at once: their weights are stacked, and each step is one step of all of them.

An idea for studies on a GPU, where a single small network leaves most of the machine idle. By `torch.func` ("model
ensembling" in PyTorch's own guides); plain SGD alone, without batch normalisation, whose statistics `vmap` cannot keep.
"""

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor
from torch.func import functional_call, grad_and_value, stack_module_state, vmap
from torch.nn import functional

from crosscheck.core.errors import InputError
from crosscheck.core.params import Params
from crosscheck.data.dataset import DataSet, Subset
from crosscheck.training.feed import copy_to
from crosscheck.training.trainer import new_network


class ManySeeds:
    """Networks that differ in their seed alone, in training together on `device`.

    `weights` and `buffers`: those of each layer by name, stacked, (seeds, ...). Each network sees the images in the
    order that `Trainer` would give it. Raises InputError for a recipe that is not plain SGD.
    """

    def __init__(
        self, params: Params, data_set: DataSet, train: Subset, seeds: Sequence[int], device: torch.device
    ) -> None:
        recipe = params.train
        if recipe.optimizer != "sgd" or recipe.momentum or recipe.weight_decay or recipe.schedule != "constant":
            raise InputError("many seeds at once: train must be plain SGD with a constant rate; change the recipe")
        if params.model.norm != "none" or recipe.class_weights != "none" or any(params.augment.model_dump().values()):
            raise InputError("many seeds at once: no norm, no class_weights and no augment; change the parameters")
        self.recipe, self.count, self.device = recipe, len(train), device
        self.images, self.labels = copy_to(train, device)
        nets = [new_network(params.model, data_set, train, seed).to(device) for seed in seeds]
        self.weights, self.buffers = stack_module_state(nets)
        self.template = deepcopy(nets[0]).to("meta")
        self.orders = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.step = vmap(grad_and_value(self._loss))

    def _loss(self, weights: dict[str, Tensor], buffers: dict[str, Tensor], images: Tensor, labels: Tensor) -> Tensor:
        logits = functional_call(self.template, (weights, buffers), (images,))
        return functional.cross_entropy(logits, labels)

    def run_epoch(self) -> list[float]:
        """Train all networks for an epoch, and return the mean training loss of each."""
        orders = torch.stack([torch.randperm(self.count, generator=order) for order in self.orders]).to(self.device)
        total = torch.zeros(len(self.orders), dtype=torch.float64, device=self.device)
        for start in range(0, self.count, self.recipe.batch_size):
            rows = orders[:, start : start + self.recipe.batch_size]
            images = self.images[rows].permute(0, 1, 4, 2, 3)
            gradients, losses = self.step(self.weights, self.buffers, images, self.labels[rows])
            with torch.no_grad():
                for name, weights in self.weights.items():
                    weights.sub_(gradients[name], alpha=self.recipe.lr)
            total += losses.double() * rows.shape[1]
        return (total / self.count).tolist()

"""Stochastic gradient descent over a packed subset, an epoch at a time."""

import math
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import SGD, lr_scheduler

from stages.curves import Epoch
from stages.errors import InputError
from stages.images import Subset
from stages.inference import batch, score
from stages.params import TrainParams


@dataclass
class Training:
    """A network in training; `state` and `restore` carry it over an interruption without changing a bit."""

    net: nn.Module
    train: Subset
    val: Subset
    params: TrainParams
    device: torch.device
    history: list[Epoch] = field(default_factory=list)

    def __post_init__(self) -> None:
        params = self.params
        self.net.to(self.device).to(memory_format=torch.channels_last)
        self.optimizer = SGD(
            self.net.parameters(),
            lr=params.lr,
            momentum=params.momentum,
            weight_decay=params.weight_decay,
            fused=True,
        )
        self.steps = -(-len(self.train) // params.batch_size)
        self.scheduler = _scheduler(self.optimizer, params, self.steps)
        self.order = torch.Generator().manual_seed(params.seed)

    def run_epoch(self, on_step: Callable[[float, float], None]) -> Epoch:
        """Train for one more epoch and add it to the history.

        `on_step` hears the mean loss and the accuracy of the epoch so far after every step.
        Raises InputError where a loss or a weight is no longer a number; the history then stays as it was.
        """
        self.net.train()
        order = torch.randperm(len(self.train), generator=self.order).numpy()
        loss_sum, right, seen = 0.0, 0, 0
        for start in range(0, len(order), self.params.batch_size):
            rows = order[start : start + self.params.batch_size]
            images, labels = batch(self.train, rows, self.device)
            logits, loss = self._step(images, labels)
            loss_sum += loss.item() * len(rows)
            right += int((logits.argmax(1) == labels).sum())
            seen += len(rows)
            on_step(loss_sum / seen, right / seen)
        self._check_finite("training loss", loss_sum)
        # The last step may be the one that breaks the weights, and no training loss tells of it.
        for name, weights in self.net.named_parameters():
            self._check_finite(f"weights of {name}", sum(end.item() for end in torch.aminmax(weights.detach())))
        val_loss, val_accuracy = score(self.net, self.val, self.params.batch_size)
        self._check_finite("validation loss", val_loss or 0.0)
        number = len(self.history) + 1
        self.history.append(Epoch(number, round(loss_sum / seen, 6), round(right / seen, 6), val_loss, val_accuracy))
        return self.history[-1]

    def _step(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        self.optimizer.zero_grad()
        logits = self.net(images)
        loss = functional.cross_entropy(logits, labels)
        torch.autograd.backward(loss)
        self.optimizer.step()
        self.scheduler.step()
        return logits, loss

    def _check_finite(self, what: str, value: float) -> None:
        if not math.isfinite(value):
            raise InputError(
                f"the {what} became {value} in epoch {len(self.history) + 1}; "
                f"lower train.lr in params.yaml, which is {self.params.lr}"
            )

    def state(self) -> dict[str, Any]:
        """All that decides how training goes on, as tensors and plain values; save it before the next epoch."""
        return {
            "weights": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "order": self.order.get_state(),
            "random": torch.get_rng_state(),
            "history": [vars(epoch) for epoch in self.history],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state` of the same network and parameters."""
        self.net.load_state_dict(state["weights"])
        # The optimizer would keep the very tensors of `state` as its momentum.
        self.optimizer.load_state_dict(deepcopy(state["optimizer"]))
        self.scheduler.load_state_dict(state["scheduler"])
        self.order.set_state(state["order"].cpu())
        torch.set_rng_state(state["random"].cpu())
        self.history = [Epoch(**epoch) for epoch in state["history"]]


def _scheduler(optimizer: SGD, params: TrainParams, steps: int) -> lr_scheduler.LRScheduler:
    total = params.epochs * steps
    if params.schedule == "cosine":
        return lr_scheduler.CosineAnnealingLR(optimizer, T_max=total)
    if params.schedule == "one_cycle" and total > 1:
        return lr_scheduler.OneCycleLR(optimizer, max_lr=params.lr, total_steps=total + 1, cycle_momentum=False)
    return lr_scheduler.ConstantLR(optimizer, factor=1.0)

"""Stochastic gradient descent over a packed subset, an epoch at a time."""

import math
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer, lr_scheduler

from crosscheck.core import combinations, devices
from crosscheck.core.errors import InputError
from crosscheck.core.params import AugmentParams, ModelParams, TrainParams
from crosscheck.data.dataset import DataSet, Subset
from crosscheck.network import model, pretrained
from crosscheck.training import curves, optimizers
from crosscheck.training.augmentation import Augmentation, build_augmentation
from crosscheck.training.class_weights import weigh_classes
from crosscheck.training.curves import Epoch
from crosscheck.training.distributed import ALONE, Group
from crosscheck.training.fast_network import faster
from crosscheck.training.feed import Feed
from crosscheck.training.frozen import Lesson, prepare_lesson
from crosscheck.training.validation import score

OnStep = Callable[[float, float], None]
# What the epoch came to and the seconds that it took; gives a reason to stop the training, or None.
AfterEpoch = Callable[[Epoch, float], str | None]


class DivergedError(InputError):
    """A loss or a weight became no number: the learning rate is too high."""


def new_network(params: ModelParams, data_set: DataSet, train: Subset, seed: int) -> nn.Sequential:
    """The network before training: its weights follow from `seed`, its centring from the training images.

    Those of a backbone are as `params` have them.
    """
    torch.manual_seed(seed)
    net = model.build(params, data_set)
    pretrained.load_weights(net, params)
    if params.centre:
        mean = train.images.mean(axis=(0, 1, 2), dtype="float64")
        cast(model.Scale, net.get_submodule("scale")).centre_on(torch.from_numpy(mean).float())
    return net


def build_trainer(
    wanted: ModelParams,
    params: TrainParams,
    augment: AugmentParams,
    data_set: DataSet,
    train: Subset,
    val: Subset,
    device: torch.device,
    group: Group = ALONE,
) -> "Trainer":
    """The trainer of a new network, before the first step. Raises InputError where the images cannot train it."""
    net = new_network(wanted, data_set, train, params.seed)
    devices.keep_freed_memory(net)
    augmentation = build_augmentation(augment, params.seed, data_set.background)
    lesson = prepare_lesson(net, wanted, train, val, device)
    return Trainer(net, train, val, params, device, group, augmentation, lesson)


@dataclass
class Trainer:
    """A network in training; `state` and `restore` carry it over an interruption without changing a bit.

    `lesson`: which of its layers are trained, and on what; None for all of them, on the images.
    """

    net: nn.Sequential
    train: Subset
    val: Subset
    params: TrainParams
    device: torch.device
    group: Group = ALONE
    augmentation: Augmentation | None = None
    lesson: Lesson | None = None
    history: list[Epoch] = field(default_factory=list)
    # The weights of the best epoch so far, where that is the one to keep. They are replaced, never changed.
    best: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        params = self.params
        if not len(self.val):
            combinations.refuse_without_validation(params)
        self.taught = self.lesson or Lesson(0, self.train, self.val)
        self.feed = Feed(self.taught.train, self.device)
        self.class_weights = weigh_classes(params, self.train.labels, self.val.labels)
        self.loss_weights = self.class_weights.tensor(self.device)
        self.net.to(self.device).to(memory_format=torch.channels_last)
        self.steps = self._steps()
        self.optimizer = optimizers.build_optimizer(self.trained_part, params)
        self.scheduler = _scheduler(self.optimizer, params, self.steps)
        self.order = torch.Generator().manual_seed(params.seed)
        # In a group the gradients meet before anything descends.
        plain = params.optimizer == "sgd" and params.momentum == 0 == params.weight_decay and self.group.size == 1
        self.half = params.precision == "bfloat16"
        self.fast_net = self.net if self.half else faster(self.net, self.device, self._rate if plain else None)
        self.fast_part = self.taught.part(self.fast_net)
        self.shared_net = self.group.wrap(self.fast_part)

    @property
    def trained_part(self) -> nn.Sequential:
        """The layers of the network that are trained."""
        return self.taught.part(self.net)

    def _steps(self) -> int:
        """The batches of an epoch. Raises InputError where one cannot be normalised.

        A single image has no spread to normalise by: with batch normalisation, a last batch of one image is merged
        into the batch before it.
        """
        whole, rest = divmod(len(self.train), self.params.batch_size)
        if any(isinstance(layer, nn.BatchNorm2d) for layer in self.trained_part.modules()):
            self._check_normalisation()
            return whole + (rest > 1)
        return whole + (rest > 0)

    def _check_normalisation(self) -> None:
        in_backbone = any(name == "backbone" for name, _ in self.net.named_children())
        if self.group.size > 1:
            cause = "the backbone has batch normalisation" if in_backbone else "model.norm is 'batch'"
            way_out = "model.freeze to true" if in_backbone else "model.norm to none"
            raise InputError(
                f"params.yaml: {cause}, which would normalise by each process's share of a batch; "
                f"set train.processes to 1 or {way_out}"
            )
        if min(self.params.batch_size, len(self.train)) == 1:
            cause = "the batch normalisation of the backbone" if in_backbone else "model.norm=batch"
            raise InputError(
                f"params.yaml: train.batch_size={self.params.batch_size} makes batches of one of {len(self.train)} "
                f"images, which have no spread to normalise by with {cause}; choose 2 or more"
            )

    def run(self, after_epoch: AfterEpoch | None = None, on_step: OnStep | None = None) -> str | None:
        """Train to the end, or until `after_epoch` gives a reason to stop; return that, or None.

        At the end the network has the weights that `train.keep` asks for. `on_step` is as for `run_epoch`. Raises
        DivergedError, as that does.
        """
        while not self.ended:
            began = time.perf_counter()
            epoch = self.run_epoch(on_step)
            seconds = time.perf_counter() - began
            reason = after_epoch(epoch, seconds) if after_epoch else None
            if reason:
                return reason
        if self.best:
            self.trained_part.load_state_dict(self.best)
        return None

    @property
    def ended(self) -> bool:
        """Whether it has trained the last epoch, or as many without a lower validation loss as its patience allows."""
        losses, patience = [epoch.val_loss for epoch in self.history], self.params.patience
        impatient = 0 < patience <= len(losses) and len(losses) - curves.best_epoch(losses) >= patience
        return len(losses) >= self.params.epochs or impatient

    @property
    def kept(self) -> Epoch:
        """Of the epochs so far, the one whose network is the one to keep."""
        return curves.kept(self.history, self.params.keep)

    def run_epoch(self, on_step: OnStep | None = None) -> Epoch:
        """Train for one more epoch and add it to the history.

        `on_step` hears the mean loss and the accuracy of the epoch so far after every step, of this process's share.
        With class weights a mean loss is the weighted one, sum(w loss) / sum(w), of the validation images too.
        Raises DivergedError where a loss or a weight is no longer a number; the history then stays as it was.
        """
        self.fast_part.train()
        order = torch.randperm(len(self.train), generator=self.order).numpy()
        changes = self.augmentation.draw(len(self.history) + 1, len(self.train)) if self.augmentation else None
        loss_sum, weight_sum, right, seen = 0.0, 0.0, 0.0, 0.0
        for step in range(self.steps):
            start, end = (number * self.params.batch_size for number in (step, step + 1))
            rows = order[start : end if step + 1 < self.steps else None]
            mine, count = self.group.share_of(rows)
            images, labels = self.feed.batch(mine)
            if changes:
                images = changes.apply(images, mine)
            weight, whole = (self.class_weights.total(self.train.labels, part) for part in (mine[:count], rows))
            # The mean over the processes of these shares of the loss is the mean over the batch.
            logits, loss = self._step(images, labels, weight * self.group.size / whole)
            loss_sum += loss.item() * weight
            weight_sum += weight
            right += int((logits.argmax(1) == labels)[:count].sum())
            seen += count
            if on_step:
                on_step(loss_sum / (weight_sum or 1), right / max(seen, 1))
        loss_sum, weight_sum, right, seen = self.group.sums(loss_sum, weight_sum, right, seen)
        self._check_finite("training loss", loss_sum)
        # The last step may be the one that breaks the weights, and no training loss tells of it.
        for name, weights in self.trained_part.named_parameters():
            self._check_finite(f"weights of {name}", sum(end.item() for end in torch.aminmax(weights.detach())))
        val = score(self.fast_part, self.taught.val, self.params.batch_size, self.group, self.class_weights)
        val_loss, val_accuracy = val
        self._check_finite("validation loss", val_loss or 0.0)
        number = len(self.history) + 1
        train_loss, train_accuracy = round(loss_sum / weight_sum, 6), round(right / seen, 6)
        self.history.append(Epoch(number, train_loss, train_accuracy, val_loss, val_accuracy))
        if self.params.keep == "best" and self.kept.epoch == number:
            self.best = {name: values.clone() for name, values in self.trained_part.state_dict().items()}
        return self.history[-1]

    def _step(self, images: Tensor, labels: Tensor, weight: float) -> tuple[Tensor, Tensor]:
        self.optimizer.zero_grad()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            logits = self.shared_net(images)
        loss = functional.cross_entropy(logits.float(), labels, self.loss_weights)
        torch.autograd.backward(loss * weight)
        self.optimizer.step()
        self.scheduler.step()
        return logits, loss

    def _rate(self) -> float:
        return float(self.optimizer.param_groups[0]["lr"])

    def _check_finite(self, what: str, value: float) -> None:
        if not math.isfinite(value):
            raise DivergedError(
                f"the {what} became {value} in epoch {len(self.history) + 1}; "
                f"lower train.lr in params.yaml, which is {self.params.lr}"
            )

    def state(self) -> dict[str, Any]:
        """All that decides how training goes on, as tensors and plain values; save it before the next epoch."""
        return {
            "weights": self.trained_part.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "order": self.order.get_state(),
            "random": torch.get_rng_state(),
            "history": [vars(epoch) for epoch in self.history],
            "best": self.best,
        }

    def agree(self) -> None:
        """Bring every process of the group to the state of the first."""
        if self.group.size > 1:
            self.restore(self.group.from_first(self.state()))

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state` of the same network and parameters."""
        self.trained_part.load_state_dict(state["weights"])
        # The optimizer would keep the very tensors of `state` as its momentum.
        self.optimizer.load_state_dict(deepcopy(state["optimizer"]))
        self.scheduler.load_state_dict(state["scheduler"])
        self.order.set_state(state["order"].cpu())
        torch.set_rng_state(state["random"].cpu())
        self.history = [Epoch(**epoch) for epoch in state["history"]]
        self.best = state["best"]


def _scheduler(optimizer: Optimizer, params: TrainParams, steps: int) -> lr_scheduler.LRScheduler:
    total = params.epochs * steps
    if params.schedule == "cosine":
        return lr_scheduler.CosineAnnealingLR(optimizer, T_max=total)
    if params.schedule == "one_cycle" and total > 1:
        return lr_scheduler.OneCycleLR(optimizer, max_lr=params.lr, total_steps=total + 1, cycle_momentum=False)
    return lr_scheduler.ConstantLR(optimizer, factor=1.0)

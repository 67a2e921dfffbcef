"""Loss and accuracy on a packed subset, by one process or shared by several."""

import torch
from torch import nn
from torch.nn import functional

from crosscheck.data.dataset import Subset
from crosscheck.network.inference import compute_logits
from crosscheck.training.class_weights import UNWEIGHTED, ClassWeights
from crosscheck.training.distributed import ALONE, Group


def score(
    net: nn.Module, subset: Subset, batch_size: int, group: Group = ALONE, weights: ClassWeights = UNWEIGHTED
) -> tuple[float | None, float | None]:
    """Mean cross entropy and accuracy on `subset` with 6 decimals, or None for both where it is empty.

    Each process of `group` scores a share of the images. The mean loss is sum(w loss) / sum(w) by the `weights`, the
    accuracy is that of the images.
    """
    if not len(subset):
        return None, None
    mine = group.share(len(subset))
    part = Subset(subset.images[mine], subset.labels[mine])
    loss, right = _mean_loss_and_right(net, part, batch_size, weights) if len(part) else (0.0, 0)
    loss_sum, all_right = group.sums(loss * weights.total(subset.labels, mine), right)
    return round(loss_sum / weights.total(subset.labels, slice(None)), 6), round(all_right / len(subset), 6)


def _mean_loss_and_right(net: nn.Module, subset: Subset, batch_size: int, weights: ClassWeights) -> tuple[float, int]:
    logits = compute_logits(net, subset, batch_size)
    labels = torch.from_numpy(subset.labels.copy())
    loss = functional.cross_entropy(logits, labels, weights.tensor(logits.device))
    return loss.item(), int((logits.argmax(1) == labels).sum())

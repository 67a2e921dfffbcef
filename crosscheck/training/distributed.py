"""Training in several processes, on one machine or on many, by PyTorch's own engine.

Every process holds the same network and knows the same order of the images. Of each batch it takes a share; the mean
of the processes' gradients, to which `DistributedDataParallel` brings them, is then the gradient of the whole batch.
So the batch size is the one asked for, and the result is that of one process but for rounding. On the CPU the
processes talk by gloo, GPUs by NCCL.

`train.processes` of them are started here, or by `torchrun` on several hosts (docs/how-to/several-hosts.md). The first
one alone writes outputs, saves the state and tells MLflow.
"""

import io
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from crosscheck.core.errors import InputError


def mean_of_each(
    size: int,
    bucket: torch.distributed.GradBucket,  # type: ignore[name-defined]
) -> torch.futures.Future[torch.Tensor]:
    """Bring the gradients in `bucket` to their mean over `size` processes, each of them on its own.

    DDP would do it for the bucket as a whole, and arranges buckets anew after its first step. How a sum of three or
    more rounds depends on its place, so a training that was resumed would come to other bits.
    """
    whole = bucket.buffer().div_(size)
    for gradient in bucket.gradients():
        flat = whole.as_strided((gradient.numel(),), (1,), gradient.storage_offset())
        torch.distributed.all_reduce(flat)
    done: torch.futures.Future[torch.Tensor] = torch.futures.Future()
    done.set_result(whole)
    return done


@dataclass(frozen=True)
class Group:
    """The processes of one training: which of them this is, and how many there are."""

    rank: int = 0
    size: int = 1

    def share(self, count: int) -> slice:
        """Which of `count` things fall to this process: the same number as to any other, or one less or more."""
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def share_of(self, batch: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
        """This process's rows of a batch, and how many of them count.

        In a batch of fewer rows than processes some count no row, and run one all the same: the others wait for them.
        """
        mine = batch[self.share(len(batch))]
        return (mine, len(mine)) if len(mine) else (batch[:1], 0)

    def wrap(self, net: nn.Module) -> nn.Module:
        """The network as a step calls it: its backward pass leaves the mean of the processes' gradients."""
        if self.size == 1:
            return net
        # All buffers here are constants, so they need not be sent around. torch 2.9 has no newer name for this.
        with warnings.catch_warnings(action="ignore", category=FutureWarning):
            wrapped = nn.parallel.DistributedDataParallel(net, broadcast_buffers=False, gradient_as_bucket_view=True)
        wrapped.register_comm_hook(self.size, mean_of_each)
        return wrapped

    def sums(self, *values: float) -> list[float]:
        """Each value summed over the processes."""
        if self.size == 1:
            return list(values)
        totals = torch.tensor(values, dtype=torch.float64)
        torch.distributed.all_reduce(totals)
        return totals.tolist()

    def from_first(self, value: Any) -> Any:
        """The first process's `value`, tensors and plain values, in every process."""
        if self.size == 1:
            return value
        packed = io.BytesIO()
        torch.save(value, packed)
        content = torch.frombuffer(packed.getbuffer(), dtype=torch.uint8)
        length = torch.tensor([len(content)])
        torch.distributed.broadcast(length, src=0)
        if self.rank:
            content = torch.empty(int(length), dtype=torch.uint8)
        torch.distributed.broadcast(content, src=0)
        return torch.load(io.BytesIO(content.numpy().tobytes()), weights_only=True) if self.rank else value

    def check_same(self, key: str) -> None:
        """Raise InputError where `key`, a hash of all that decides the result, is not that of the first process."""
        if key != self.from_first(key):
            raise InputError(
                f"process {self.rank} of the training has other data, parameters or code than the first one; "
                "bring its host to the same commit, run `dvc pull` there, and start again"
            )


ALONE = Group()

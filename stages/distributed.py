"""Training in several processes, on one machine or on many, by PyTorch's own engine.

Every process holds the same network and knows the same order of the images. Of each batch it takes a share; the mean
of the processes' gradients, to which `DistributedDataParallel` brings them, is then the gradient of the whole batch.
So the batch size is the one asked for, and the result is that of one process but for rounding. On the CPU the
processes talk by gloo, GPUs by NCCL.

`train.processes` of them are started here, or by `torchrun` on several hosts (docs/scaling.md). The first one alone
writes outputs, saves the state and tells MLflow.
"""

import io
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import nn

from stages.errors import InputError

# How long a process waits for one that is alive but does not answer, as behind a network that is down.
PATIENCE = timedelta(minutes=10)
# The status with which a process ends that has only lost another: that one is to be reported.
LOST_ANOTHER = 75
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Group:
    """The processes of one training: which of them this is, and how many there are."""

    rank: int = 0
    size: int = 1

    def share(self, count: int) -> slice:
        """Which of `count` things fall to this process: as many as to any other, or one less or more."""
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
            return nn.parallel.DistributedDataParallel(net, broadcast_buffers=False, gradient_as_bucket_view=True)

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


def launch(processes: int) -> bool:
    """Run this command again in `processes` processes and wait for them, unless it is one of them or is to run alone.

    Returns whether that was done. Raises InputError, once, for what went wrong in any of them.
    """
    if processes == 1 or "RANK" in os.environ:
        return False
    # Half a second to import, and needed here alone.
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    _keep_engine_quiet()
    _stay_on_loopback()
    config = LaunchConfig(
        1,
        1,
        processes,
        run_id="crosscheck",
        rdzv_backend="c10d",
        rdzv_endpoint=f"{LOOPBACK}:0",
        local_addr=LOOPBACK,
        max_restarts=0,
    )
    try:
        elastic_launch(config, sys.executable)(*sys.orig_argv[1:])
    except ChildFailedError as error:
        _report(error.failures, processes)
    except SignalException as error:
        if error.sigval == signal.SIGINT:
            raise KeyboardInterrupt from None
        sys.exit(128 + error.sigval)
    return True


@contextmanager
def join(processes: int, device: torch.device) -> Iterator[Group]:
    """The group that this process trains in; of its own where `processes` is 1.

    Raises InputError where `torchrun` started another number of processes. In a group an InputError goes to what
    started it, which reports the first one, and the loss of another process ends this one without a word.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size != processes:
        raise InputError(
            f"params.yaml: train.processes is {processes}, but torchrun started {size}; make the two equal, since the "
            "bits of the result depend on it"
        )
    if processes == 1:
        yield ALONE
        return
    from torch.distributed.elastic.multiprocessing.errors import get_error_handler

    try:
        _choose_gpu(device)
        torch.distributed.init_process_group(
            "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE
        )
        yield Group(torch.distributed.get_rank(), size)
    except InputError as error:
        get_error_handler().record_exception(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(LOST_ANOTHER)
    except RuntimeError as error:
        # gloo has no exception of its own.
        if not isinstance(error, torch.distributed.DistError) and "gloo" not in str(error):
            raise
        sys.exit(LOST_ANOTHER)
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def _choose_gpu(device: torch.device) -> None:
    if device.type == "cuda":
        local_rank, count = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if local_rank >= count:
            raise InputError(f"params.yaml: train.processes takes more than the {count} GPUs of this host; lower it")
        torch.cuda.set_device(local_rank)


def _keep_engine_quiet() -> None:
    """What the engine logs of a failure, `launch` says in one line."""
    import logging

    for name in ("elastic", "launcher"):
        logging.getLogger(f"torch.distributed.{name}").setLevel(logging.CRITICAL)


def _stay_on_loopback() -> None:
    """Let processes of one machine talk where nobody else can listen, and where the host's name does not matter."""
    for name, addresses in psutil.net_if_addrs().items():
        if any(address.address == LOOPBACK for address in addresses):
            os.environ.setdefault("GLOO_SOCKET_IFNAME", name)


def _report(failures: dict[int, Any], processes: int) -> None:
    """Say why the training ended, by the process that was the first to fail."""

    def turn(rank: int) -> tuple[bool, bool, int]:
        # When one fails, the engine ends the others by SIGTERM.
        return failures[rank].exitcode == LOST_ANOTHER, failures[rank].exitcode == -signal.SIGTERM, rank

    rank = min(failures, key=turn)
    failure = failures[rank]
    if isinstance(failure.message, dict):
        # The engine's form of what `join` has recorded.
        raise InputError(failure.message["message"].removeprefix(f"{InputError.__name__}: "))
    if failure.exitcode == LOST_ANOTHER or failure.exitcode < 0:
        ended = signal.Signals(-failure.exitcode).name if failure.exitcode < 0 else "the loss of another"
        raise InputError(
            f"process {rank} of the training's {processes} was ended by {ended}; "
            "run the same command again: it goes on from the last epoch"
        )
    # It has said why itself.
    sys.exit(failure.exitcode)

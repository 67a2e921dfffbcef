"""Starts and joins the processes that share a training, here or on several hosts, and says what went wrong."""

import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psutil
import torch

from crosscheck.core.errors import InputError
from crosscheck.training.distributed import ALONE, Group

# How long a process waits for one that is alive but does not answer, as behind a network that is down.
PATIENCE = timedelta(minutes=10)
# The status with which a process ends that has only lost another: that one is to be reported.
LOST_ANOTHER = 75
LOOPBACK = "127.0.0.1"


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
    """The group that this process trains in, alone where `processes` is 1.

    Raises InputError where another number of processes was started, and where they cannot reach each other. In a group
    it goes to what started it, which reports the first one, and so does the loss of another process.
    """
    _check_size(processes)
    if processes == 1:
        yield ALONE
        return
    from torch.distributed.elastic.multiprocessing.errors import get_error_handler

    try:
        _choose_gpu(device)
        _connect(processes, device)
        yield Group(torch.distributed.get_rank(), processes)
    except InputError as error:
        if not _is_watched():
            raise
        # The engine would tell of it by the name of its class.
        get_error_handler().record_exception(InputError(str(error)))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(LOST_ANOTHER)
    except RuntimeError as error:
        # gloo has no own exception.
        if not isinstance(error, torch.distributed.DistError) and "gloo" not in str(error):
            raise
        lost = InputError(
            f"another process of the training was lost ({_first_line(error)}); "
            "run the same command again: it goes on from the last epoch"
        )
        if not _is_watched():
            raise lost from None
        get_error_handler().record_exception(lost)
        sys.exit(LOST_ANOTHER)
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def _is_watched() -> bool:
    """Whether torch's engine has started this process, and reports what went wrong in it."""
    return "TORCHELASTIC_ERROR_FILE" in os.environ


def _check_size(processes: int) -> None:
    told = os.environ.get("WORLD_SIZE", "1")
    if told == str(processes):
        return
    if "TORCHELASTIC_RUN_ID" in os.environ:
        raise InputError(
            f"params.yaml: train.processes is {processes}, but torchrun started {told}; make the two equal, since the "
            "bits of the result depend on it"
        )
    found = ", ".join(f"{name}={os.environ[name]}" for name in ("RANK", "WORLD_SIZE") if name in os.environ)
    raise InputError(
        f"params.yaml: train.processes is {processes}, but the environment has {found}; if these are left over from "
        f"another job, unset them; if not, make train.processes the number of processes that were started ({told})"
    )


def _connect(processes: int, device: torch.device) -> None:
    """Meet the other processes. Raises InputError, with the engine's own words, where that cannot be."""
    host = os.environ.get("MASTER_ADDR", LOOPBACK)
    try:
        socket.getaddrinfo(host, None)
    except OSError as error:
        # It may come up in a moment, as in a cluster whose hosts start one after the other.
        print(f"warning: MASTER_ADDR is {host!r}, which is not known here ({error.strerror}); waiting", file=sys.stderr)
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    try:
        torch.distributed.init_process_group(backend, timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"the training's {processes} processes cannot reach each other ({_first_line(error)}); {_way_out()}"
        ) from None


def _first_line(error: Exception) -> str:
    """The engine's own words, without the place in its source and the calls that led there."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    return re.sub(r"^\[(enforce fail at )?[^\]]*\.(cc|cpp|h):\d+\] ", "", line)


def _way_out() -> str:
    wanted, interfaces = os.environ.get("GLOO_SOCKET_IFNAME", ""), sorted(psutil.net_if_addrs())
    if set(filter(None, wanted.split(","))) - set(interfaces):
        return f"GLOO_SOCKET_IFNAME is {wanted!r}: unset it, or set it to one of {', '.join(interfaces)}"
    names = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    told = ", ".join(f"{name}={os.environ.get(name, '')}" for name in names)
    return (
        f"check {told}: the port must be free on the first host, and open to the others (docs/how-to/several-hosts.md)"
    )


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

    def told(rank: int) -> str:
        # The engine's form of what `join` has recorded.
        message = failures[rank].message
        return message["message"].removeprefix(f"{InputError.__name__}: ") if isinstance(message, dict) else ""

    def turn(rank: int) -> tuple[bool, bool, bool, int]:
        # When one fails, the others lose it, or the engine ends them by SIGTERM.
        lost, ended = failures[rank].exitcode == LOST_ANOTHER, failures[rank].exitcode == -signal.SIGTERM
        return lost or ended, lost and not told(rank), ended, rank

    rank = min(failures, key=turn)
    failure = failures[rank]
    if told(rank):
        raise InputError(told(rank))
    if failure.exitcode == LOST_ANOTHER or failure.exitcode < 0:
        ended = signal.Signals(-failure.exitcode).name if failure.exitcode < 0 else "the loss of another"
        raise InputError(
            f"process {rank} of the training's {processes} was ended by {ended}; "
            "run the same command again: it goes on from the last epoch"
        )
    # It has said why itself.
    sys.exit(failure.exitcode)

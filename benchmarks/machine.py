"""What the machine can do at most: the rate of matrix products and the bandwidth of copies, measured."""

import statistics
import time
from collections.abc import Callable

import torch

from crosscheck.core import devices

SIDE = 2048
COPIED_BYTES = 256 * 2**20
TIMES = 9


def limits() -> dict[str, str | float]:
    """The machine's name, GFLOP/s of float32 products of 2048 x 2048 matrices by oneDNN, GB/s read and written."""
    left, right = torch.rand(SIDE, SIDE), torch.rand(SIDE, SIDE)
    source = torch.ones(COPIED_BYTES // 4)
    target = torch.zeros_like(source)
    product = _seconds(lambda: torch.ops.mkldnn._linear_pointwise(left, right, None, "none", [], ""))
    copy = _seconds(lambda: target.copy_(source))
    fingerprint = devices.fingerprint()
    return {
        **{name: fingerprint[name] for name in ("cpu", "instructions", "threads", "torch")},
        "gflops": round(2 * SIDE**3 / product / 1e9, 1),
        "copy_gigabytes_per_second": round(2 * COPIED_BYTES / copy / 1e9, 1),
    }


def _seconds(work: Callable[[], object]) -> float:
    """The median of several times, after one that does not count."""
    times = []
    for _ in range(TIMES + 1):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:])

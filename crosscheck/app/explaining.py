"""Finds out which parts of a drawing speak for the answer, in a thread of its own, while other questions are answered.

The server answers a stroke in milliseconds; this takes a hundred times as long. So it stops when the next question
comes, since that means that the drawing has changed.
"""

import threading
from collections.abc import Callable

import numpy as np
import torch
from fastapi.concurrency import run_in_threadpool
from numpy.typing import NDArray
from torch import Tensor, nn

from crosscheck.network.checkpoint import Checkpoint

# Network, checkpoint, uint8 image (height, width, channels) and class: a map, float32 (height, width), in nats.
Occlude = Callable[[Callable[[Tensor], Tensor], Checkpoint, NDArray[np.uint8], int], NDArray[np.float32]]


class StoppedError(Exception):
    """Another question came first."""


class Explainer:
    """Runs `occlude` for one drawing at a time."""

    def __init__(self, occlude: Occlude) -> None:
        self._occlude = occlude
        self._stop = threading.Event()

    def stop(self) -> None:
        """End what runs, before its next batch of images."""
        self._stop.set()

    async def explain(
        self, net: nn.Sequential, checkpoint: Checkpoint, image: NDArray[np.uint8], label: int, threads: int
    ) -> NDArray[np.float32]:
        """The map of what speaks for class `label`, by `threads` threads of torch. Raises StoppedError."""
        self.stop()
        self._stop = stop = threading.Event()

        def answer(images: Tensor) -> Tensor:
            if stop.is_set():
                raise StoppedError
            logits: Tensor = net(images)
            return logits

        def work() -> NDArray[np.float32]:
            # Each thread has a setting of its own.
            torch.set_num_threads(threads)
            return self._occlude(answer, checkpoint, image, label)

        return await run_in_threadpool(work)

"""Processes beside the first: what every one of a pool does at its start, and one that works while a block runs."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def end_with_parent() -> None:
    """End this process when its parent ends, however: a worker whose parent was killed would wait for work for ever."""
    threading.Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


@contextmanager
def beside(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Iterator[Future[T]]:
    """Let `work` run in a process of its own meanwhile; it ends at once where the block ends in an error.

    Ctrl-C is for this process alone: one that is still loading would answer with a traceback. For the main thread.
    """
    others = multiprocessing.active_children()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), end_with_parent) as pool:
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            working = pool.submit(work, *args, **kwargs)
        finally:
            signal.signal(signal.SIGINT, handler)
        (process,) = (child for child in multiprocessing.active_children() if child not in others)
        try:
            yield working
        except BaseException:
            process.terminate()
            raise

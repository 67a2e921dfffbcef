"""Ctrl-C at a moment when Python would lose it."""

import _thread
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Seconds until a lost Ctrl-C comes again; callbacks take far less.
DELAY = 0.05


@contextmanager
def ctrl_c_kept() -> Iterator[None]:
    """Let Ctrl-C end the block also where it comes within a callback. For the main thread.

    In a `__del__` and in the callback of a weak reference, Python prints an error and goes on. SQLAlchemy has many
    of them. In this block, the signal comes again a moment later, and nothing is printed.
    """
    usual, main = sys.unraisablehook, threading.get_ident()

    def hook(error: Any) -> None:
        if issubclass(error.exc_type, KeyboardInterrupt):
            # Not threading's own start: it takes a lock, which the callback may have come in between.
            _thread.start_new_thread(_repeat, (main,))
        else:
            usual(error)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = usual


def _repeat(thread: int) -> None:
    time.sleep(DELAY)
    # To the thread itself, so that it ends a wait.
    signal.pthread_kill(thread, signal.SIGINT)

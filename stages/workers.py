"""What every worker process of a pool does first."""

import os
import threading
from multiprocessing import parent_process


def end_with_parent() -> None:
    """End this process when its parent ends, however: a worker whose parent was killed would wait for work for ever."""
    threading.Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    if parent := parent_process():
        parent.join()
        os._exit(1)

"""Turns a `main` into a command: its parameters come in as options, a user's mistake goes out as one line."""

import argparse
import atexit
import errno
import inspect
import io
import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from typing import TextIO, cast

from crosscheck.core.errors import InputError
from crosscheck.core.interrupts import ctrl_c_kept


def run(main: Callable[..., None]) -> None:
    """Call `main` with each of its parameters read from the option of the same name, by its annotation.

    One without a default is required, a bool is a flag, and `*names` takes all words that belong to no option.
    An `InputError` becomes one line on stderr and exit status 1. Where the reader of what is printed has ended, as
    `head` does, this command ends without a word, with the status of a process that SIGPIPE has ended.
    """
    try:
        try:
            _run(main)
        finally:
            _flush()
    except BrokenPipeError:
        if not _drop_lost_output():
            raise
        sys.exit(128 + signal.SIGPIPE)
    if main.__module__ == "__main__":
        leave()


def leave() -> None:
    """End this process, which has done all that it was to do, without taking apart what it has loaded.

    Python would free every module and object of torch one by one, for more than half a second. What is registered for
    the end is done, and where another thread still works, Python waits for it and ends in the usual way.
    """
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        return
    atexit._run_exitfuncs()
    _flush()
    os._exit(0)


def _run(main: Callable[..., None]) -> None:
    description = inspect.getdoc(sys.modules[main.__module__])
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parameters = inspect.signature(main).parameters.values()
    for parameter in parameters:
        _add(parser, parameter)
    arguments = vars(parser.parse_intermixed_args())
    words = [word for each in parameters if each.kind is each.VAR_POSITIONAL for word in arguments.pop(each.name)]
    for stream in _streams():
        # File names may hold bytes that the terminal's encoding cannot show.
        cast(io.TextIOWrapper, stream).reconfigure(errors="backslashreplace")
    try:
        with ctrl_c_kept():
            main(*words, **arguments)
        _flush()
    except InputError as error:
        sys.exit("error: " + " ".join(str(error).split("\n")))
    except KeyboardInterrupt:
        sys.exit("interrupted; run the same command again to go on")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        place = error.filename or ("what is printed" if _drop_lost_output() else "an output")
        sys.exit(f"error: {place}: no space left on the disk; make room and run this again")


def _streams() -> list[TextIO]:
    """Where this command prints to; one that was closed, as by `>&-`, is None in Python."""
    return [stream for stream in (sys.stdout, sys.stderr) if stream is not None]


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _drop_lost_output() -> bool:
    """Let what is printed from now on go nowhere, if nobody takes it any more; returns whether that is so.

    Other pipes break as well, such as those of a pool of processes, and other disks are full.
    """
    lost = [stream for stream in _streams() if _is_lost(stream)]
    for stream in lost:
        # Else Python complains when it flushes the rest at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return bool(lost)


def _is_lost(stream: TextIO) -> bool:
    poll = select.poll()
    poll.register(stream, 0)
    try:
        stream.flush()
    except OSError:
        return True
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _add(parser: argparse.ArgumentParser, parameter: inspect.Parameter) -> None:
    kind, option = parameter.annotation, f"--{parameter.name}"
    if parameter.kind is parameter.VAR_POSITIONAL:
        parser.add_argument(parameter.name, type=kind, nargs="*", metavar=kind.__name__.upper())
    elif kind is bool:
        parser.add_argument(option, action="store_true")
    else:
        required = parameter.default is parameter.empty
        default = None if required else parameter.default
        parser.add_argument(option, type=kind, required=required, default=default, metavar=kind.__name__.upper())

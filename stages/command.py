"""Turns a stage's `main` into a command: paths come in as options, a user's mistake goes out as one line."""

import argparse
import errno
import inspect
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

from stages.errors import InputError


def run(main: Callable[..., None]) -> None:
    """Call `main` with one `Path` for each of its parameters, read from the options of the same names.

    An `InputError` becomes one line on stderr and exit status 1.
    """
    description = inspect.getdoc(sys.modules[main.__module__])
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in inspect.signature(main).parameters:
        parser.add_argument(f"--{name}", type=Path, required=True, metavar="PATH")
    arguments = vars(parser.parse_args())
    for stream in (sys.stdout, sys.stderr):
        # File names may hold bytes that the terminal's encoding cannot show.
        cast(io.TextIOWrapper, stream).reconfigure(errors="backslashreplace")
    try:
        main(**arguments)
    except InputError as error:
        sys.exit("error: " + " ".join(str(error).split("\n")))
    except KeyboardInterrupt:
        sys.exit("interrupted; run the same command again to go on")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        sys.exit(f"error: {error.filename or 'an output'}: no space left on the disk; make room and run this again")

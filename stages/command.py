"""Turns a `main` into a command: its parameters come in as options, a user's mistake goes out as one line."""

import argparse
import errno
import inspect
import io
import sys
from collections.abc import Callable
from typing import cast

from stages.errors import InputError


def run(main: Callable[..., None]) -> None:
    """Call `main` with each of its parameters read from the option of the same name, by its annotation.

    One without a default is required, a bool is a flag, and `*names` takes all words that belong to no option.
    An `InputError` becomes one line on stderr and exit status 1.
    """
    description = inspect.getdoc(sys.modules[main.__module__])
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parameters = inspect.signature(main).parameters.values()
    for parameter in parameters:
        _add(parser, parameter)
    arguments = vars(parser.parse_intermixed_args())
    words = [word for each in parameters if each.kind is each.VAR_POSITIONAL for word in arguments.pop(each.name)]
    for stream in (sys.stdout, sys.stderr):
        # File names may hold bytes that the terminal's encoding cannot show.
        cast(io.TextIOWrapper, stream).reconfigure(errors="backslashreplace")
    try:
        main(*words, **arguments)
    except InputError as error:
        sys.exit("error: " + " ".join(str(error).split("\n")))
    except KeyboardInterrupt:
        sys.exit("interrupted; run the same command again to go on")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        sys.exit(f"error: {error.filename or 'an output'}: no space left on the disk; make room and run this again")


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

"""The one error that means 'the user can fix this': shown as a single line, without a traceback."""


class InputError(Exception):
    """Something that came from outside is wrong; the message names it, the value and the remedy."""

"""The errors that a user can fix: shown as a single line, without a traceback."""


class InputError(Exception):
    """Something that came from outside is wrong; the message names it, the value and the remedy."""


class StoreError(Exception):
    """MLflow's store cannot be used as it is. Where it only records, that is a warning.

    `remedy`: what the user can do, as the beginning of a sentence.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.remedy = remedy

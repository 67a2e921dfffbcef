"""Which code gives the same results as which: a list in git, to which `crosscheck/commands/prove_equal.py` alone adds.

`results` are the hashes of tiny runs, `releases` those of the libraries that they hold for, and `code` the hashes of
all code that was seen to give them, the oldest first. It vouches for portable bits, never for native ones.
"""

from pathlib import Path

from crosscheck.core.files import write_json
from crosscheck.core.records import Record, read_record

FILE = Path(__file__).with_suffix(".json")


class Proof(Record):
    """Tiny results by their names, the releases that they hold for, and all code that gives them."""

    releases: dict[str, str]
    results: dict[str, str]
    code: list[str]


def read() -> Proof:
    """Read the list. Raises InputError where it is missing or something else."""
    return read_record(Proof, FILE, f"restore it with `git checkout {FILE.name}`")


def write(proof: Proof) -> None:
    """Replace the list."""
    # It was read before, so it is what the project wrote.
    write_json(FILE, proof.model_dump(), vouched=True)


def equal_to(code: str) -> list[str]:
    """The hashes of all code that was proven to give the same portable results as this one, itself first."""
    known = read().code
    return [code, *(each for each in known if each != code)] if code in known else [code]

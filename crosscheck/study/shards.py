"""A part of a study's runs for one machine of several: shard 3 of 8 does every eighth run.

Every shard finds its runs by itself, without asking the others, so they need no common storage. What a run belongs to
follows from the study file alone, and not from what has run before.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from crosscheck.core.errors import InputError
from crosscheck.study.plans import PlannedRun

MOST = 10_000


@dataclass(frozen=True)
class Shard:
    """The shard `number`, from 1, of `count`."""

    number: int
    count: int

    @property
    def name(self) -> str:
        """As file names have it: "3-of-8"."""
        return f"{self.number}-of-{self.count}"

    def select(self, runs: Sequence[PlannedRun]) -> list[PlannedRun]:
        """The runs of this shard, in their order.

        Seeds of a variant go to the shards in turn: runs of one variant take about as long, and those of two may not.
        """
        by_variant = sorted(runs, key=lambda planned: (planned.variant, planned.seed))
        own = {(each.variant, each.seed) for each in by_variant[self.number - 1 :: self.count]}
        return [planned for planned in runs if (planned.variant, planned.seed) in own]


def parse(text: str) -> Shard | None:
    """The shard that "3/8" means, or None where the text is empty. Raises InputError for another text."""
    if not text:
        return None
    number, slash, count = text.partition("/")
    if slash and number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count) <= MOST:
        return Shard(int(number), int(count))
    raise InputError(f"--shard is {text!r}; write the number of the shard, from 1, and how many there are, such as 3/8")

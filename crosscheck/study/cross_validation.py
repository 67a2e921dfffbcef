"""Whether the runs of a study are a cross-validation: a round of it has had each image in a test set once."""

from collections import defaultdict
from dataclasses import dataclass

from crosscheck.study.plans import Plan


@dataclass(frozen=True)
class Coverage:
    """Which test sets the runs of each of these variants had.

    `rounds`: how often all of the `folds` of one split; `further`: how many folds of other splits, whose rounds are not
    whole. `together`: the variants are the folds, and it takes all of them.
    """

    variants: list[str]
    folds: int
    rounds: int
    further: int
    together: bool = False


def find(plan: Plan) -> list[Coverage]:
    """The coverage of the variants with folds, those of equal coverage in one; none where no variant has folds."""
    tested: dict[str, set[tuple[int, int]]] = defaultdict(set)
    folds = {}
    for planned in plan.runs:
        split = planned.params.split
        if split.folds:
            tested[planned.variant].add((split.seed, split.fold))
            folds[planned.variant] = split.folds
    if len(set(folds.values())) == 1 and all(len(parts) == 1 for parts in tested.values()):
        number = max(folds.values())
        rounds, further = _rounds(set[tuple[int, int]]().union(*tested.values()), number)
        if rounds:
            return [Coverage(list(tested), number, rounds, further, together=True)]
    alike: dict[tuple[int, int, int], list[str]] = defaultdict(list)
    for name, parts in tested.items():
        alike[folds[name], *_rounds(parts, folds[name])].append(name)
    return [Coverage(names, *counts) for counts, names in alike.items()]


def _rounds(parts: set[tuple[int, int]], folds: int) -> tuple[int, int]:
    """How many splits have all their folds among these pairs of a split's seed and a fold, and how many are left."""
    by_split = defaultdict(set)
    for seed, fold in parts:
        by_split[seed].add(fold)
    whole = sum(len(found) == folds for found in by_split.values())
    return whole, len(parts) - whole * folds

"""What the results of a study were computed with: releases, mode and instruction sets, and how many runs with which."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from crosscheck.study.results import StoredResult


def describe(results: Mapping[str, Sequence[StoredResult]]) -> str:
    """A sentence for each mode and its releases: "40 runs are portable, of torch 2.14.1 and numpy 2.4.6; ..."."""
    kinds: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for stored in results.values():
        for each in stored:
            kinds[each.bits.get("mode", ""), _releases(each)][each.instructions] += 1
    return " ".join(_sentence(*kind, processors) for kind, processors in sorted(kinds.items()))


def _sentence(mode: str, releases: str, processors: Counter[str]) -> str:
    count, mixed = processors.total(), len(processors) > 1
    shown = " and ".join(f"{name} ({runs})" if mixed else name for name, runs in sorted(processors.items()))
    remark = ", which makes no difference to portable results" if mixed and mode == "portable" else ""
    runs = f"{count} run{'s are' if count > 1 else ' is'} {mode}"
    return f"{runs}, of {releases}; computed on processors with {shown}{remark}."


def _releases(stored: StoredResult) -> str:
    names = [f"{name} {release}" for name, release in stored.bits.items() if name != "mode"]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)

"""The sentences and the table rows of a study's report; the words are in text.txt.

A difference is always that of the second from the first.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from crosscheck.reporting.sentences import Sentences
from crosscheck.study import plateau
from crosscheck.study.analysis import Overview
from crosscheck.study.baselines import Baseline
from crosscheck.study.findings import Answer, Finding
from crosscheck.study.intervals import Estimate
from crosscheck.study.measures import MEASURES, Measure
from crosscheck.study.plateau import Diagnosis, Signs
from crosscheck.study.runs import Run, all_equal_odds
from crosscheck.study.study_file import Reported, Study

MOST_IMAGES = 8
# Reported accuracies within so much of a run's are like it.
NEAR = 0.02

_say = Sentences(__file__)


def describe_variant(study: Study, name: str) -> str:
    """What a variant is, in a line: in the words of the study file, or by what it sets."""
    variant = study.variants[name]
    return variant.about or _say("variant", variant)


def describe_measures(measures: Sequence[Measure]) -> list[str]:
    """What each measure estimates; the first is the primary one."""
    return [_say("measure", MEASURES[measure], number == 0) for number, measure in enumerate(measures)]


def needed_row(answer: Answer) -> list[str]:
    """How many runs of each variant would find a difference by the primary measure."""
    contrast = answer.primary.contrast
    counts = [contrast.needed_for_margin(), contrast.needed_for_seen()]
    title = MEASURES[contrast.measure].title
    return [
        f"{answer.second} against {answer.first}",
        title,
        str(contrast.n),
        *("–" if count is None else f"{count:,}" for count in counts),
    ]


def percent(estimate: Estimate | None) -> str:
    """A share with its interval, or a dash."""
    return "–" if estimate is None else _say("share", estimate)


def variant_row(name: str, found: Overview) -> list[str]:
    """What became of one variant's runs."""
    runs, survival = found.runs[name], found.survival[name]
    failed = sum(run.failed for run in runs)
    reached = f"{survival.reached} of {survival.n}"
    epochs = _say("epochs_to_target", survival, runs[0].epochs)
    return [name, str(len(runs)), str(failed), percent(found.means[name]), reached, epochs]


def cost_row(name: str, found: Overview) -> list[str]:
    """What one variant costs."""
    cost, timing, median = found.runs[name][0].result.cost, found.timings[name], found.survival[name].median
    seconds = timing.seconds_per_epoch
    megabytes = float(f"{cost.weight_bytes / 1e6:.3g}")
    return [
        name,
        f"{cost.parameters:,}",
        f"{cost.multiply_adds:,}",
        f"{megabytes:,g}",
        "–" if seconds is None else f"{seconds:.2f}",
        "–" if seconds is None or median is None else f"{seconds * median:.1f}",
        "–" if timing.peak_megabytes is None else f"{timing.peak_megabytes:,.0f}",
    ]


def limit(study: Study, found: Overview) -> str:
    """What the share `failed_above` is taken of, and what else counts as a failure."""
    even = all_equal_odds(found.runs)
    limits = [(run, study.failed_above * run.guess.loss) for runs in found.runs.values() for run in runs]
    alike = any(run.answers_alike and run.loss <= most for run, most in limits)
    return _say("limit", even, alike or not even)


def plateau_row(name: str, found: Diagnosis) -> list[str]:
    """How one variant's runs fared with the plateau."""
    left = "never" if found.left is None else f"epoch {found.left:g}"
    counts = [f"{count} of {found.n}" for count in (found.ever, found.ended, found.returned)]
    return [name, *counts, left, _signs(found.on), _signs(found.off)]


def _signs(signs: Signs | None) -> str:
    return "–" if signs is None else _say("signs", signs)


def what_changes(answer: Answer) -> str:
    """What differs between the two, and whether that confounds the comparison."""
    return _say("what_changes", answer)


def finding_row(finding: Finding) -> list[str]:
    """The figures behind a verdict."""
    contrast = finding.contrast
    primary = " (primary)" if finding.family == "primary" else ""
    return [
        MEASURES[contrast.measure].title + primary,
        contrast.detail or ("–" if contrast.difference is None else _say("points", contrast.difference)),
        str(contrast.n),
        _p(contrast.p),
        _p(finding.p),
        _p(finding.p_equivalent),
        contrast.test,
        _say("verdict_cell", finding),
    ]


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return "below 0.0001" if value < 0.0001 else f"{value:.4f}"


def beside(answer: Answer, paths: Sequence[str]) -> list[str]:
    """The probability of improvement, and the images on which the two differ."""
    lines = [] if answer.improvement is None else [_say("improvement", answer.improvement, answer.pairs)]
    lines.append(_say("images_won", answer, _p(answer.p_images)))
    if answer.gained or answer.lost:
        lines.append(_say("images", _widest(answer.gained, paths), _widest(answer.lost, paths), MOST_IMAGES))
    return lines


def _widest(wins: dict[int, int], paths: Sequence[str]) -> list[str]:
    return [paths[row] for row in sorted(wins, key=lambda row: (-wins[row], paths[row]))]


def reported_row(reported: Reported, found: Overview) -> list[str]:
    """What was reported of a variant, and what its runs are like here."""
    runs = found.runs[reported.variant]
    accuracies = [run.accuracy for run in runs if not run.failed]
    ours = _say("outcome", sum(run.failed for run in runs), len(runs), accuracies)
    explained = _say("one_split", found.means[reported.variant]) if reported.one_split else _explained(reported, runs)
    return [reported.variant, reported.says, ours, explained]


def _explained(reported: Reported, runs: Sequence[Run]) -> str:
    if reported.accuracy is None:
        return "see the question above that compares it"
    alike = [run for run in runs if abs(run.accuracy - reported.accuracy) <= NEAR]
    failed = [run for run in alike if run.failed]
    signs = plateau.diagnose(failed).on if failed else None
    return _say("explained", len(alike), len(failed), len(runs), 100 * NEAR, signs, runs[0].guessing)


def describe_baselines(found: Mapping[str, Baseline]) -> list[str]:
    """What one gets without training a network. Names are given if variants do not agree, since their images differ."""
    majority, neighbour = defaultdict(list), defaultdict(list)
    for name, each in found.items():
        majority[each.majority].append(name)
        neighbour[each.images, each.neighbour].append(name)
    numbers = [n for n, _ in neighbour]
    always = [(value, names if len(majority) > 1 else []) for value, names in sorted(majority.items())]
    sizes = [(n, value, names if numbers.count(n) > 1 else []) for (n, value), names in sorted(neighbour.items())]
    return [_say("majority", always), _say("neighbour", sizes)]

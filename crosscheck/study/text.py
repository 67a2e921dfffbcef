"""The sentences and the table rows of a study's report. A difference is always that of the second from the first."""

from collections.abc import Sequence

from crosscheck.study import plateau
from crosscheck.study.analysis import Overview
from crosscheck.study.findings import Answer, Change, Finding, Verdict
from crosscheck.study.intervals import Estimate
from crosscheck.study.plateau import Diagnosis, Signs
from crosscheck.study.runs import Run, all_even
from crosscheck.study.study_file import Reported, Study

MOST_IMAGES = 8
# Reported accuracies within so much of a run's are like it.
NEAR = 0.02
BETTER = {"accuracy": "more accurate", "failures": "fails less often", "epochs": "gets to the target in fewer epochs"}
WORSE = {"accuracy": "less accurate", "failures": "fails more often", "epochs": "gets to the target in more epochs"}
NOUNS = {"accuracy": "accuracy", "failures": "failures to converge", "epochs": "epochs to the target"}
GUESSING = ", neither better than guessing"


def in_short(answer: Answer) -> str:
    """A few sentences: what is known, what is not, what is a hint, and a warning where more than one thing changes."""
    known = [_verdict(finding, finding.verdict) for finding in answer.findings if finding.verdict != "unknown"]
    unknown = [finding for finding in answer.findings if finding.verdict == "unknown"]
    hints = [_verdict(finding, finding.alone) for finding in unknown if finding.alone != "unknown"]
    if unknown:
        known.append(f"inconclusive on {', '.join(f'{_noun(finding)}{_more(finding)}' for finding in unknown)}")
    hint = f" A hint, which would count if nothing else had been asked: {'; '.join(hints)}." if hints else ""
    return f"{answer.second} against {answer.first}: {'; '.join(known)}.{hint}{_doubt(answer)}"


def _doubt(answer: Answer) -> str:
    if len(answer.settings) > 1:
        return " Mind that more than one setting changes between the two."
    return " Mind that the size of the network changes too." if answer.confounded else ""


def _noun(finding: Finding) -> str:
    return NOUNS.get(finding.contrast.measure, f"accuracy under {finding.contrast.measure}")


def _verdict(finding: Finding, verdict: Verdict) -> str:
    contrast, measure = finding.contrast, finding.contrast.measure
    size = "" if contrast.difference is None else f" by {_points(contrast.difference, signed=False)}"
    if contrast.detail:
        size = f" ({contrast.detail})"
    if verdict == "better":
        return BETTER.get(measure, f"more accurate under {measure}") + size
    if verdict == "worse":
        return WORSE.get(measure, f"less accurate under {measure}") + size
    return f"{_noun(finding)} equivalent within the margin{GUESSING if contrast.guessing else ''}"


def _more(finding: Finding) -> str:
    more, for_seen = finding.contrast.more(), finding.contrast.more_for_seen()
    if more is None:
        return f" ({finding.contrast.test.removeprefix('none: ')})" if finding.contrast.p is None else ""
    if more == 0:
        return " (there are enough runs for one question alone; the correction for all questions needs more)"
    if for_seen is None or for_seen == more:
        return f" (runs needed for 80 % power: {_runs(more)} of each)"
    enough = _runs(for_seen) if for_seen else "no more"
    return f" (runs needed for 80 % power: {_runs(more)} of each; for the difference that was seen: {enough})"


def _runs(more: int) -> str:
    return f"{more} more run{'s' if more > 1 else ''}"


def _points(estimate: Estimate, signed: bool = True) -> str:
    """A difference of shares in points of a hundred, with its interval."""
    low, high = sorted((estimate.low, estimate.high))
    if not signed:
        return f"{abs(100 * estimate.value):.2f} points"
    return f"{100 * estimate.value:+.2f} points ({100 * low:+.2f} to {100 * high:+.2f})"


def percent(estimate: Estimate | None) -> str:
    """A share with its interval, or a dash."""
    if estimate is None:
        return "–"
    return f"{estimate.value:.2%} ({estimate.low:.2%} to {estimate.high:.2%})"


def variant_row(name: str, found: Overview) -> list[str]:
    """What became of one variant's runs."""
    runs, survival = found.runs[name], found.survival[name]
    failed = sum(run.failed for run in runs)
    reached = f"{survival.reached} of {survival.n}"
    epochs = f"more than {runs[0].epochs}" if survival.median is None else f"{survival.median:g}"
    if survival.low is not None:
        epochs += f" ({survival.low:g} to {'?' if survival.high is None else format(survival.high, 'g')})"
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
    even = all_even(found.runs)
    of_what = "ln(classes)" if even else "the loss of guessing by the class shares of the training images"
    limits = [(run, study.failed_above * run.guess.loss) for runs in found.runs.values() for run in runs]
    if even and not any(run.answers_alike and run.result.curve.train_loss[-1] <= most for run, most in limits):
        return of_what
    return f"{of_what}, or they take every test image for the same class"


def plateau_words(found: Overview) -> tuple[str, str]:
    """How high the plateau is, and what a network on it answers."""
    if all_even(found.runs):
        return "ln of the number of classes", "every class the same odds"
    return "the entropy of the class shares", "each class its share of the training images as odds, whatever the image"


def plateau_row(name: str, found: Diagnosis) -> list[str]:
    """How one variant's runs fared with the plateau."""
    left = "never" if found.left is None else f"epoch {found.left:g}"
    counts = [f"{count} of {found.n}" for count in (found.ever, found.ended, found.returned)]
    return [name, *counts, left, _signs(found.on), _signs(found.off)]


def _signs(signs: Signs | None) -> str:
    if signs is None:
        return "–"
    return f"gradient {signs.first_gradient:.2g}, spread {signs.spread:.2g}, dead {signs.dead:.0%}"


def what_changes(answer: Answer) -> str:
    """What differs between the two, and whether that confounds the comparison."""
    text = f"{answer.second} against {answer.first}. What changes: {_changes(answer.settings)}."
    if answer.consequences:
        text += f" With it: {_changes(answer.consequences)}."
    if len(answer.settings) > 1:
        return f"{text} A difference cannot be put down to one of these alone."
    if answer.confounded:
        return f"{text} A difference may come from the size alone."
    return f"{text} Nothing else changes, so a difference comes from this."


def _changes(changes: Sequence[Change]) -> str:
    return ", ".join(f"{change.name} {change.first} → {change.second}" for change in changes) or "nothing"


def finding_row(finding: Finding) -> list[str]:
    """The figures behind a verdict."""
    contrast = finding.contrast
    verdict = {"unknown": "inconclusive"}.get(finding.verdict, finding.verdict)
    if finding.verdict == "equivalent" and contrast.guessing:
        verdict += GUESSING
    return [
        contrast.measure,
        contrast.detail or ("–" if contrast.difference is None else _points(contrast.difference)),
        str(contrast.n),
        _p(contrast.p),
        _p(finding.p),
        _p(finding.p_equivalent),
        contrast.test,
        verdict + (_more(finding) if finding.verdict == "unknown" else ""),
    ]


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return "below 0.0001" if value < 0.0001 else f"{value:.4f}"


def beside(answer: Answer, paths: Sequence[str]) -> list[str]:
    """The probability of improvement, and the images on which the two differ."""
    lines = []
    if answer.improvement is not None:
        chance = answer.improvement
        lines.append(
            f"Probability of improvement: {chance.value:.0%} ({chance.low:.0%} to {chance.high:.0%}) of {answer.pairs} "
            f"pairs; a tie counts half, a failed run loses."
        )
    apart = len(answer.gained) + len(answer.lost)
    lines.append(
        f"Images that more runs of {answer.second} get right: {len(answer.gained)}; of {answer.first}: "
        f"{len(answer.lost)} (McNemar's p {_p(answer.p_images)}, not corrected)."
    )
    if apart:
        lines.append(f"{_listed(answer.gained, paths, 'gained')}{_listed(answer.lost, paths, 'lost')}".strip())
    return lines


def _listed(wins: dict[int, int], paths: Sequence[str], word: str) -> str:
    if not wins:
        return ""
    widest = sorted(wins, key=lambda row: (-wins[row], paths[row]))
    names = ", ".join(paths[row] for row in widest[:MOST_IMAGES])
    rest = f" and {len(widest) - MOST_IMAGES} more" if len(widest) > MOST_IMAGES else ""
    return f"{word.capitalize()}: {names}{rest}. "


def reported_row(reported: Reported, found: Overview) -> list[str]:
    """What was reported of a variant, beside what its runs are like here."""
    runs = found.runs[reported.variant]
    failed = sum(run.failed for run in runs)
    accuracies = [run.accuracy for run in runs if not run.failed]
    ours = f"{failed} of {len(runs)} runs failed"
    if accuracies:
        ours += f"; the others {min(accuracies):.2%} to {max(accuracies):.2%}"
    return [reported.variant, reported.says, ours, _explained(reported, runs)]


def _explained(reported: Reported, runs: Sequence[Run]) -> str:
    if reported.accuracy is None:
        return "see the question above that compares it"
    alike = [run for run in runs if abs(run.accuracy - reported.accuracy) <= NEAR]
    if not alike:
        return f"no run here ends within {100 * NEAR:g} points of it"
    failed = [run for run in alike if run.failed]
    text = f"{len(alike)} of {len(runs)} runs end within {100 * NEAR:g} points of it"
    signs = plateau.diagnose(failed).on if failed else None
    if signs is None:
        return f"{text}, and {len(alike) - len(failed)} of these converged"
    chance = runs[0].guessing
    return (
        f"{text}, {len(failed)} of them failed, on the plateau: the answers hardly depend on the image (spread "
        f"{signs.spread:.2g}), the first convolution gets a gradient of {signs.first_gradient:.2g}; chance is "
        f"{chance:.0%}"
    )

"""What a search found, as JSON and in words. Nothing in it depends on the clock: seconds stand in MLflow."""

import json
import shlex
from dataclasses import asdict
from statistics import median
from typing import Any

from optuna import Study
from optuna.trial import TrialState

from crosscheck.search import pareto
from crosscheck.search.objective import RESULT, SURPLUS, WANTED, Setup, was_trained
from crosscheck.search.pareto import Candidate, Finalist


def findings(
    study: Study, setup: Setup, candidates: list[Candidate], finals: list[Finalist], openings: list[int]
) -> dict[str, Any]:
    """The report as strict JSON; `openings`: how many trials there were at each reading of the test set."""
    search = setup.search
    best, least = pareto.winner(finals), pareto.smallest(finals, search.constraints.accuracy)
    stopped = _stopped(study)
    states = [trial.state for trial in study.get_trials(deepcopy=False) if SURPLUS not in trial.user_attrs]
    return {
        "search": search.study.name,
        "objectives": search.objectives,
        "repeats": search.study.repeats,
        "trials": {
            "complete": states.count(TrialState.COMPLETE),
            "stopped": len(stopped),
            "over_limit": states.count(TrialState.PRUNED) - len(stopped),
            "failed": states.count(TrialState.FAIL),
        },
        "constraints": search.constraints.model_dump(),
        "baseline": asdict(setup.baseline),
        "front": [_described(each, setup) for each in candidates],
        "stopped": stopped,
        "rule": pareto.RULE,
        "trials_at_test": openings,
        "finalists": [_final(final, setup) for final in finals],
        "winner": best.candidate.number if best else None,
        "smallest": least.candidate.number if least else None,
    }


def _described(each: Candidate, setup: Setup) -> dict[str, Any]:
    return {
        "trial": each.number,
        "val_accuracy": each.accuracy,
        "parameters": each.parameters,
        "multiply_adds": each.multiply_adds,
        "activations": each.activations,
        "training_cost": each.training_cost,
        "cost_share": round(each.training_cost / setup.baseline.training_cost, 6),
        "overrides": pareto.overrides(each, setup.model, setup.train),
    }


def _final(final: Finalist, setup: Setup) -> dict[str, Any]:
    runs = [{name: run[name] for name in ("seed", "val_accuracy", "test_accuracy", "diverged")} for run in final.runs]
    accuracies = {subset: final.accuracies(subset) for subset in ("val", "test")}
    return {
        **_described(final.candidate, setup),
        "runs": runs,
        **{f"{subset}_median": round(median(values), 6) for subset, values in accuracies.items()},
        **{f"{subset}_min": min(values) for subset, values in accuracies.items()},
        "test_below_limit": sum(value < setup.search.constraints.accuracy for value in accuracies["test"]),
    }


def _stopped(study: Study) -> list[dict[str, Any]]:
    return [
        {
            "trial": trial.number,
            "reason": trial.user_attrs[RESULT]["stopped"],
            "epochs": len(trial.user_attrs[RESULT]["curve"]),
            "of": trial.user_attrs[WANTED]["train"]["epochs"],
        }
        for trial in study.get_trials(deepcopy=False, states=(TrialState.PRUNED,))
        if was_trained(trial)
    ]


def in_words(content: dict[str, Any]) -> str:
    """The findings as Markdown; the picture of the Pareto front is beside it."""
    opened = " and again after ".join(map(str, content["trials_at_test"])) or "no"
    parts = [
        f"# Search {content['search']!r}",
        _extent(content),
        "![Validation accuracy against parameters and cost](pareto_front.png)",
        "## The answers",
        "\n".join(f"- {line}" for line in summary(content)),
        "## The finalists, with several seeds each",
        f"{content['rule']} The test set was read after {opened} finished trials.",
        _finalists_table(content),
        "## Pareto front",
        "Models within all limits (or, where none is, the most accurate ones) that no other beats in every objective. "
        f"Validation is the lowest of {content['repeats']} trainings.",
        _front_table(content["front"]),
        "## Stopped early",
        _stopped_table(content["stopped"]),
    ]
    return "\n\n".join(parts) + "\n"


def _extent(content: dict[str, Any]) -> str:
    trials, baseline, limits = content["trials"], content["baseline"], content["constraints"]
    return (
        f"Trials: {trials['complete']} ran to their last epoch, {trials['stopped']} stopped early as hopeless, "
        f"{trials['over_limit']} not trained, being over a limit, {trials['failed']} ended with their worker. "
        f"Traded off: {', '.join(content['objectives'])}. Limits: {limits['accuracy']:.2%} of the validation "
        f"images, {limits['parameters']:,} parameters, {limits['cost']:.1%} of the cost. Cost is activations (values "
        "that all layers write for an image) x training images x epochs; its share is that of what params.yaml "
        f"described: {baseline['parameters']:,} parameters, {baseline['multiply_adds']:,} multiply-adds and "
        f"{baseline['activations']:,} activations an image, {baseline['training_cost']:,} to train."
    )


def summary(content: dict[str, Any]) -> list[str]:
    """The winner, the smallest that reaches the accuracy, and how to train them, a line each."""
    finals = {final["trial"]: final for final in content["finalists"]}
    reached = f"{content['constraints']['accuracy']:.2%} of the validation images in the median seed"
    if content["winner"] is None:
        return ["No trial ran to its last epoch: there is no winner."]
    best = _sentence(finals[content["winner"]], "best")
    if content["smallest"] is None:
        return [f"Winner: {best}", f"No finalist reaches {reached}."]
    return [f"Winner: {best}", f"Smallest that reaches {reached}: {_sentence(finals[content['smallest']], 'smallest')}"]


def _sentence(final: dict[str, Any], name: str) -> str:
    return (
        f"trial {final['trial']}, {final['parameters']:,} parameters, {final['cost_share']:.1%} of the cost; over "
        f"{len(final['runs'])} seeds, test accuracy {final['test_median']:.2%} in the median and "
        f"{final['test_min']:.2%} at worst. `{command(name, final['overrides'])}`"
    )


def command(name: str, overrides: dict[str, Any]) -> str:
    """The command that trains it as the experiment `name`."""
    words = [f"{key}={json.dumps(value).replace(' ', '')}".replace('"', "") for key, value in overrides.items()]
    return " ".join([f"dvc exp run --temp -n {name}", *(f"-S {shlex.quote(word)}" for word in words)])


def _finalists_table(content: dict[str, Any]) -> str:
    rows = [
        [
            final["trial"],
            f"{final['parameters']:,}",
            f"{final['multiply_adds']:,}",
            f"{final['activations']:,}",
            f"{final['cost_share']:.1%}",
            len(final["runs"]),
            f"{final['val_median']:.2%} ({final['val_min']:.2%})",
            f"{final['test_median']:.2%} ({final['test_min']:.2%})",
            final["test_below_limit"],
        ]
        for final in sorted(content["finalists"], key=lambda final: final["parameters"])
    ]
    below = f"seeds below {content['constraints']['accuracy']:.0%} on test"
    columns = ["trial", "parameters", "multiply-adds", "activations", "cost", "seeds", "validation, median (worst)"]
    return _table([*columns, "test, median (worst)", below], rows)


def _front_table(front: list[dict[str, Any]]) -> str:
    rows = [
        [
            each["trial"],
            f"{each['val_accuracy']:.2%}",
            f"{each['parameters']:,}",
            f"{each['multiply_adds']:,}",
            f"{each['activations']:,}",
            f"{each['cost_share']:.1%}",
            ", ".join(f"{key} {value}" for key, value in each["overrides"].items()),
        ]
        for each in front
    ]
    return _table(["trial", "validation", "parameters", "multiply-adds", "activations", "cost", "what it is"], rows)


def _stopped_table(stopped: list[dict[str, Any]]) -> str:
    return _table(
        ["trial", "epochs", "why"], [[s["trial"], f"{s['epochs']} of {s['of']}", s["reason"]] for s in stopped]
    )


def _table(header: list[str], rows: list[list[Any]]) -> str:
    if not rows:
        return "None."
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in (header, ["---"] * len(header), *rows))

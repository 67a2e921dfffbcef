"""What a search found, as JSON and in words. Nothing in it depends on the clock: seconds stand in MLflow."""

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from optuna import Study
from optuna.trial import TrialState

from crosscheck.reporting.document import Block, Bullets, Code, Document, Paragraph, Picture, Section, Table
from crosscheck.search import pareto
from crosscheck.search.objective import Setup, was_trained
from crosscheck.search.pareto import Candidate, Finalist
from crosscheck.search.results import SURPLUS, result_of, wanted_of


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
    runs = [run.model_dump(exclude={"curve", "seconds"}) for run in final.runs]
    accuracies = {"val": final.accuracies("val"), "test": final.accuracies("test")}
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
            "reason": result_of(trial).stopped,
            "epochs": len(result_of(trial).curve),
            "of": wanted_of(trial).train.epochs,
        }
        for trial in study.get_trials(deepcopy=False, states=(TrialState.PRUNED,))
        if was_trained(trial)
    ]


def build_document(content: dict[str, Any], picture: Path) -> Document:
    """The findings in words; `picture` is the PNG file of the Pareto front."""
    opened = " and again after ".join(map(str, content["trials_at_test"])) or "no"
    finalists = f"{content['rule']} The test set was read after {opened} finished trials."
    front = (
        "Models within all limits (or, where none is, the most accurate ones) that no other beats in every objective. "
        f"Validation is the lowest of {content['repeats']} trainings."
    )
    answers = [(f"{sentence} ", Code(command)) if command else sentence for sentence, command in _answers(content)]
    return Document(
        f"Search {content['search']!r}",
        [
            Paragraph(_extent(content)),
            Picture(picture, "Validation accuracy against parameters and cost", captioned=False),
            Section("The answers", [Bullets(answers)]),
            Section("The finalists, with several seeds each", [Paragraph(finalists), _finalists_table(content)]),
            Section("Pareto front", [Paragraph(front), _front_table(content["front"])]),
            Section("Stopped early", [_stopped_table(content["stopped"])]),
        ],
    )


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
    return [f"{sentence} `{command}`" if command else sentence for sentence, command in _answers(content)]


def _answers(content: dict[str, Any]) -> list[tuple[str, str]]:
    """What was found, each with the command that trains it, which is empty where nothing was found."""
    finals = {final["trial"]: final for final in content["finalists"]}
    reached = f"{content['constraints']['accuracy']:.2%} of the validation images in the median seed"
    if content["winner"] is None:
        return [("No trial ran to its last epoch: there is no winner.", "")]
    best = finals[content["winner"]]
    found = [(f"Winner: {_sentence(best)}", command("best", best["overrides"]))]
    if content["smallest"] is None:
        return [*found, (f"No finalist reaches {reached}.", "")]
    least = finals[content["smallest"]]
    words = f"Smallest that reaches {reached}: {_sentence(least)}"
    return [*found, (words, command("smallest", least["overrides"]))]


def _sentence(final: dict[str, Any]) -> str:
    return (
        f"trial {final['trial']}, {final['parameters']:,} parameters, {final['cost_share']:.1%} of the cost; over "
        f"{len(final['runs'])} seeds, test accuracy {final['test_median']:.2%} in the median and "
        f"{final['test_min']:.2%} at worst."
    )


def command(name: str, overrides: dict[str, Any]) -> str:
    """The command that trains it as the experiment `name`."""
    words = [f"{key}={json.dumps(value).replace(' ', '')}".replace('"', "") for key, value in overrides.items()]
    return " ".join([f"dvc exp run --temp -n {name}", *(f"-S {shlex.quote(word)}" for word in words)])


def _finalists_table(content: dict[str, Any]) -> Block:
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


def _front_table(front: list[dict[str, Any]]) -> Block:
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


def _stopped_table(stopped: list[dict[str, Any]]) -> Block:
    return _table(
        ["trial", "epochs", "why"], [[s["trial"], f"{s['epochs']} of {s['of']}", s["reason"]] for s in stopped]
    )


def _table(header: list[str], rows: list[list[Any]]) -> Block:
    return Table(header, [[*map(str, row)] for row in rows]) if rows else Paragraph("None.")

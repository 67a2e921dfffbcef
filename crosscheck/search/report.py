"""What a search found, as JSON and in words, which are in report.txt.

Nothing in it depends on the clock: seconds are in MLflow.
"""

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from optuna import Study
from optuna.trial import TrialState

from crosscheck.reporting.document import Block, Bullets, Code, Document, Paragraph, Picture, Section, Table
from crosscheck.reporting.sentences import Sentences
from crosscheck.search import pareto
from crosscheck.search.objective import Setup, was_trained
from crosscheck.search.pareto import Candidate, Finalist
from crosscheck.search.results import SURPLUS, result_of, wanted_of

_say = Sentences(__file__)


def findings(
    study: Study,
    setup: Setup,
    candidates: list[Candidate],
    finals: list[Finalist],
    openings: list[int],
    base_accuracy: float | None,
) -> dict[str, Any]:
    """The report as strict JSON; `openings`: how many trials there were at each reading of the test set.

    `base_accuracy`: that of what params.yaml describes, on the validation images, or None where it is not known.
    """
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
        "baseline": {**asdict(setup.baseline), "val_accuracy": base_accuracy},
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
    worst = min(
        (final["test_min"] for final in content["finalists"] if final["trial"] == content["winner"]), default=None
    )
    finalists = _say("finalists", content["rule"], content["trials_at_test"], worst)
    answers = [(f"{sentence} ", Code(command)) if command else sentence for sentence, command in _answers(content)]
    return Document(
        f"Search {content['search']!r}",
        [
            Paragraph(_say("extent", content)),
            Picture(picture, _say("picture")),
            Section("The answers", [Bullets(answers)]),
            Section("The finalists, with several seeds each", [Paragraph(finalists), _finalists_table(content)]),
            Section("Pareto front", [Paragraph(_say("front", content["repeats"])), _front_table(content["front"])]),
            Section("Stopped early", [_stopped_table(content["stopped"])]),
        ],
    )


def summary(content: dict[str, Any]) -> list[str]:
    """The winner, the smallest that reaches the accuracy, and how to train them, a line each."""
    return [f"{sentence} `{command}`" if command else sentence for sentence, command in _answers(content)]


def answer(content: dict[str, Any]) -> str:
    """The winner in a sentence, or that there is none."""
    return _answers(content)[0][0]


def _answers(content: dict[str, Any]) -> list[tuple[str, str]]:
    """What was found, each with the command that trains it, which is empty where nothing was found."""
    finals = {final["trial"]: final for final in content["finalists"]}
    accuracy = content["constraints"]["accuracy"]
    if content["winner"] is None:
        return [("No trial ran to its last epoch: there is no winner.", "")]
    best = finals[content["winner"]]
    found = [(_say("winner", best), command("best", best["overrides"]))]
    if content["smallest"] is None:
        return [*found, (_say("none_reaches", accuracy), "")]
    least = finals[content["smallest"]]
    return [*found, (_say("smallest", least, accuracy), command("smallest", least["overrides"]))]


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

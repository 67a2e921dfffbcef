"""The picture of the front: validation errors against parameters, of every trial of a search."""

from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter, PercentFormatter
from optuna import Study
from optuna.trial import TrialState

from crosscheck.reporting import style
from crosscheck.search.objective import was_trained
from crosscheck.search.pareto import Candidate, finished, make_candidate


def draw_front(study: Study, candidates: list[Candidate], winner: int | None) -> Figure:
    """Validation accuracy against the number of parameters and against the cost of training; the front stands out."""
    complete = [make_candidate(trial) for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))]
    trained = sum(map(was_trained, finished(study)))
    figure = style.new_figure((9.5, 4.4))
    figure.suptitle(
        f"n = {len(complete)} trials, the worst training of each; not shown: {trained - len(complete)} stopped early",
        fontsize=11,
    )
    for axis, name, label in zip(
        figure.subplots(1, 2, sharey=True),
        ("parameters", "training_cost"),
        ("parameters", "cost of training (activations x images x epochs)"),
        strict=True,
    ):
        for points, color, marker, size, text in (
            (complete, style.GREY, ".", 25, "trial"),
            (candidates, style.BLUE, "o", 30, f"on the front (n = {len(candidates)})"),
            ([each for each in candidates if each.number == winner], style.VERMILION, "*", 160, "winner"),
        ):
            values = [getattr(each, name) for each in points]
            axis.scatter(values, [each.accuracy for each in points], s=size, c=color, marker=marker, label=text)
        # There is no logarithmic axis without a value.
        if complete:
            axis.set_xscale("log")
            axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter(EngFormatter(sep=""))
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.tick_params(axis="x", labelsize=8)
        axis.set_xlabel(label)
        axis.yaxis.set_major_formatter(PercentFormatter(1))
        axis.grid(alpha=0.3)
    figure.axes[0].set_ylabel("validation accuracy")
    figure.axes[0].legend(frameon=False, fontsize=8, loc="center left")
    return figure

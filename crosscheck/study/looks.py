"""How each variant looks in the pictures of a study: the same colour, line and marker in all of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from crosscheck.reporting.style import CLASS_COLORS, CLASS_MARKS
from crosscheck.study.answers_table import Word
from crosscheck.study.study_file import Study

# In line style and marker as well as in colour, so that also a print in grey tells them apart. The last colour of the
# palette, yellow, is too light for a line on white.
COLORS = CLASS_COLORS[:-1]
LINES = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (3, 3)))


@dataclass(frozen=True)
class Look:
    """What matplotlib takes as `color`, `linestyle` and `marker`."""

    color: str
    line: str | tuple[int, tuple[int, ...]]
    marker: str


@dataclass(frozen=True)
class Sign:
    """How a verdict looks: as text, with the colour of the page's style, and as matplotlib's marker and its colour."""

    text: str
    style: str
    marker: str
    color: str
    filled: bool = True


SIGNS: dict[Word, Sign] = {
    "Better": Sign("▲", "up", "^", "#00664A"),
    "Worse": Sign("▼", "down", "v", "#A84300"),
    "Equivalent": Sign("=", "same", "s", "#0B57A4"),
    "Hint": Sign("◆", "hint", "D", "#7A4D8F"),
    "Inconclusive": Sign("○", "open", "o", "#555555", filled=False),
}


def assign(study: Study) -> dict[str, Look]:
    """A look for every variant; those in one picture differ, as long as there are looks enough."""
    together = [question.compare for question in study.questions.values()]
    together.append([names[-1] for names in study.learning_curves.values()])
    numbers: dict[str, int] = {}
    for variant in [*(name for names in together for name in names), *study.variants]:
        beside = {numbers[name] for names in together if variant in names for name in names if name in numbers}
        free = (number for number in range(len(study.variants) + 1) if number not in beside)
        numbers.setdefault(variant, next(free))
    return {name: _look(number) for name, number in numbers.items()}


def assign_to_lines(study: Study, looks: Mapping[str, Look]) -> dict[str, Look]:
    """A look for each line of the chart of accuracy by number of training images: that of its last variant."""
    return {line: looks[names[-1]] for line, names in study.learning_curves.items()}


def _look(number: int) -> Look:
    return Look(COLORS[number % len(COLORS)], LINES[number % len(LINES)], CLASS_MARKS[number % len(CLASS_MARKS)])

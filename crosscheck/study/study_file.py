"""The file of a study: its keys, typed and checked. docs/reference/study-file.md explains every key."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from crosscheck.core.params import Section
from crosscheck.study.measures import Measure

MOST_SEEDS = 1000
# By these a question compares variants where it does not say by what, apart from its primary measure.
USUAL_MEASURES: tuple[Measure, ...] = ("accuracy", "failures", "epochs")


def _plain_name(name: str) -> str:
    if not name.replace("_", "").replace("-", "").isalnum() or not name.isascii():
        raise ValueError("be letters, digits, _ and - only, since it becomes the name of a folder")
    return name


Name = Annotated[str, AfterValidator(_plain_name)]
Settings = dict[str, Any]
Seeds = Annotated[int, Field(ge=1, le=MOST_SEEDS)]


class Variant(Section):
    """One set of parameters: those of another variant or of the study, and what it changes in them."""

    extends: Name | None = Field(
        default=None,
        description="the variant above whose settings it takes over",
        json_schema_extra={"formerly": "like"},
    )
    set: Settings = Field(default_factory=dict, description="parameters by dotted name")
    about: str = Field(default="", description="what it is, in a line; without it the report names its settings")
    seeds: Seeds | None = Field(default=None, description="how many seeds, if not the study's number")


class Question(Section):
    """What two or more variants are to answer; the first is the one that the others are compared with.

    `primary` answers the question, so it is named before the runs. What the measures in `measure` show is exploratory.
    """

    ask: str = Field(min_length=1, description="the question in words")
    compare: list[Name] = Field(min_length=2, description="the variants; the first is compared with each other one")
    labels: dict[Name, str] = Field(
        default_factory=dict, description="what the answer calls the variants, if not by their names"
    )
    subject: Literal["first", "others"] = Field(default="others", description="which of them the answer is about")
    primary: Measure = Field(default="accuracy", description="the one measure that answers the question")
    measure: list[Measure] = Field(
        default_factory=lambda given: [each for each in USUAL_MEASURES if each != given.get("primary")],
        description="by what else they are compared, as exploration",
    )


class Reported(Section):
    """What somebody else reported of a variant, to be shown with what is found here."""

    variant: Name
    accuracy: float | None = Field(default=None, ge=0, le=1, description="the accuracy that was reported")
    says: str = Field(min_length=1)
    one_split: bool = Field(default=False, description="it was found on one split, the one that it was chosen on")


class Study(Section):
    """A study file."""

    title: str = Field(min_length=1)
    seeds: Seeds = Field(description="seeds of each variant: 0, 1, 2, ...")
    vary_split: bool = Field(default=True, description="a seed also splits the images again")
    target: float = Field(default=0.99, gt=0, le=1, description="validation accuracy whose first epoch is reported")
    failed_above: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="a run failed whose last training loss is above this share of that of guessing by class shares",
    )
    equivalence_margin: float = Field(
        default=0.01,
        gt=0,
        lt=1,
        description="differences of accuracy within it do not matter",
        json_schema_extra={"formerly": "margin"},
    )
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    params: Settings = Field(default_factory=dict, description="parameters of all variants, by dotted name")
    variants: dict[Name, Variant] = Field(min_length=1)
    questions: dict[Name, Question] = Field(default_factory=dict)
    learning_curves: dict[str, list[Name]] = Field(
        default_factory=dict,
        description="variants of one line of a chart",
        json_schema_extra={"formerly": "training_sizes"},
    )
    reported: list[Reported] = Field(default_factory=list)


class Part(Section):
    """A study file that takes only some of another one."""

    part_of: str
    seeds: Seeds
    variants: list[Name] = Field(min_length=1)

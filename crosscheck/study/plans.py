"""The plan of a study: which variants of the parameters run with which seeds, and what they are to answer.

A study file says so in YAML; docs/reference/study-file.md explains every key. Every variant is `params.yaml`, then the
study's own `params`, then what the variant sets, by dotted names as in `dvc exp run -S`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crosscheck.core import combinations, ownership, validation_messages
from crosscheck.core.errors import InputError
from crosscheck.core.params import PARAMS_FILE, SECTIONS, Params, load
from crosscheck.core.yaml_files import check_section, read_yaml
from crosscheck.network import backbones, shapes
from crosscheck.study.study_file import Part, Settings, Study, Variant

# All variants of a study share one packed data set.
SECTIONS_OF_A_VARIANT = ("split", "model", "train", "augment")


@dataclass(frozen=True)
class PlannedRun:
    """One variant with one seed: the unit of work."""

    variant: str
    seed: int
    params: Params


@dataclass(frozen=True)
class Plan:
    """A checked study with its runs, all variants of one seed before those of the next.

    `file` describes it. `whole` is the file that it takes a part of, or `file` too. What is written is next to these
    files in folders of their names, so that two studies never share a folder.
    """

    file: Path
    whole: Path
    study: Study
    runs: list[PlannedRun]
    params: Params

    @property
    def name(self) -> str:
        return self.file.stem

    @property
    def folder(self) -> Path:
        """What this study alone writes: its report and its figures."""
        return ownership.folder_for(self.file)

    @property
    def dataset(self) -> Path:
        """The packed images, which a part shares with the whole."""
        return ownership.folder_for(self.whole) / "dataset"

    @property
    def results(self) -> Path:
        """A file for each run, which a part shares with the whole."""
        return ownership.folder_for(self.whole) / "results"

    @property
    def timings(self) -> Path:
        """How long each run took on this machine."""
        return ownership.folder_for(self.whole) / "timings"

    @property
    def jobs(self) -> Path:
        """What a cluster's queue keeps of this study's jobs, and what they say."""
        return self.folder / "jobs"

    def claim(self) -> None:
        """Take the folders of the study into use. Raises InputError where one holds files that are not of a study."""
        for folder in {self.folder, ownership.folder_for(self.whole)}:
            ownership.claim(folder, "move it away, or give the study file another name that ends in .yaml")

    def of(self, variant: str) -> list[PlannedRun]:
        return [planned for planned in self.runs if planned.variant == variant]


def read(file: Path, params_file: Path = PARAMS_FILE) -> Plan:
    """Read and check the study `file` over `params_file`.

    Raises InputError, in one line, for unknown keys, wrong values, and names of variants that there are not.
    """
    content, whole = _read(file), file
    if "part_of" in content:
        part = check_section(Part, content, file)
        whole = file.parent / part.part_of
        all_of_it = check_section(Study, _read(whole), whole)
        _check_extends(all_of_it, whole)
        study = _part(all_of_it, part, file)
    else:
        study = check_section(Study, content, file)
        _check_extends(study, file)
    _check_names(study, file)
    _check_questions(study, file)
    base = load(params_file)
    shared = _apply(base, study.params, file, "params")
    for name, variant in study.variants.items():
        if study.vary_split and "split.fold" in variant.set:
            raise InputError(
                f"{file}: the variant {name} sets 'split.fold', but with vary_split each seed takes another fold; "
                "remove it, or set vary_split to false"
            )
        for dotted in variant.set:
            if dotted.partition(".")[0] not in SECTIONS_OF_A_VARIANT:
                raise InputError(
                    f"{file}: the variant {name} sets {dotted!r}; a variant may set only "
                    f"{', '.join(SECTIONS_OF_A_VARIANT)}; move it to params, for all variants"
                )
    resolved: dict[str, Params] = {}
    for name, each in study.variants.items():
        resolved[name] = _apply(resolved[each.extends] if each.extends else shared, each.set, file, name)
    for params in resolved.values():
        combinations.check(params)
        backbones.check(params.model, params.train, params.augment, params.data.height, params.data.width)
        shapes.map_size(params.model, params.data.height, params.data.width)
    runs = [
        PlannedRun(name, seed, _seeded(resolved[name], seed, study.vary_split))
        for seed in range(max(_seeds(study, name) for name in study.variants))
        for name in study.variants
        if seed < _seeds(study, name)
    ]
    return Plan(file, whole, study, runs, shared)


def _seeds(study: Study, variant: str) -> int:
    return study.variants[variant].seeds or study.seeds


def _seeded(params: Params, seed: int, vary_split: bool) -> Params:
    """With folds, as many seeds as folds are one cross-validation: one split, and each fold of it once."""
    train, split = params.train.model_copy(update={"seed": seed}), params.split
    if vary_split:
        of_split, fold = divmod(seed, split.folds) if split.folds else (seed, split.fold)
        split = split.model_copy(update={"seed": of_split, "fold": fold})
    return params.model_copy(update={"train": train, "split": split})


def _part(study: Study, part: Part, file: Path) -> Study:
    for name in part.variants:
        if name not in study.variants:
            raise InputError(f"{file}: variants has {name!r}, which {part.part_of} does not have; correct the name")
    kept = set(part.variants)
    variants = {
        name: _extend_only(kept, name, study.variants).model_copy(
            update={"seeds": min(part.seeds, variant.seeds or part.seeds)}
        )
        for name, variant in study.variants.items()
        if name in kept
    }
    questions = {
        name: question.model_copy(
            update={
                "compare": [each for each in question.compare if each in kept],
                "labels": {each: label for each, label in question.labels.items() if each in kept},
            }
        )
        for name, question in study.questions.items()
        if question.compare[0] in kept and len(kept & set(question.compare)) > 1
    }
    return study.model_copy(
        update={
            "seeds": part.seeds,
            "variants": variants,
            "questions": questions,
            "learning_curves": {
                line: [each for each in names if each in kept]
                for line, names in study.learning_curves.items()
                if len(kept & set(names)) > 1
            },
            "reported": [each for each in study.reported if each.variant in kept],
        }
    )


def _extend_only(kept: set[str], name: str, variants: dict[str, Variant]) -> Variant:
    """The variant `name` with the settings of those that it extends and that are not `kept`."""
    variant = variants[name]
    if variant.extends is None or variant.extends in kept:
        return variant
    left_out = _extend_only(kept, variant.extends, variants)
    return variant.model_copy(update={"extends": left_out.extends, "set": left_out.set | variant.set})


def _check_extends(study: Study, file: Path) -> None:
    above: set[str] = set()
    for name, each in study.variants.items():
        if each.extends is not None and each.extends not in above:
            raise InputError(
                f"{file}: the variant {name} extends {each.extends!r}, which is not a variant above it; correct the "
                "name, or move that variant up"
            )
        above.add(name)


def _check_names(study: Study, file: Path) -> None:
    named = {f"questions.{name}.compare": question.compare for name, question in study.questions.items()}
    named |= {f"questions.{name}.labels": [*question.labels] for name, question in study.questions.items()}
    named |= {f"learning_curves.{line}": names for line, names in study.learning_curves.items()}
    named["reported"] = [each.variant for each in study.reported]
    for where, names in named.items():
        for name in names:
            if name not in study.variants:
                raise InputError(f"{file}: {where} names {name!r}, which is not under variants; correct or add it")


def _check_questions(study: Study, file: Path) -> None:
    asked_by: dict[str, str] = {}
    for name, question in study.questions.items():
        # Each is a heading of the report.
        same = asked_by.setdefault(question.ask, name)
        if same != name:
            raise InputError(f"{file}: questions.{same} and questions.{name} ask the same; reword one of them")
        asked = [question.primary, *question.measure]
        twice = next((measure for measure in asked if asked.count(measure) > 1), None)
        if twice:
            raise InputError(f"{file}: questions.{name} names the measure {twice!r} twice; remove it from measure")


def _apply(params: Params, settings: Settings, file: Path, where: str) -> Params:
    content = params.model_dump()
    for dotted, value in settings.items():
        section, _, key = dotted.partition(".")
        if section not in content or key not in content[section]:
            renamed = validation_messages.new_name(SECTIONS.get(section), key)
            remedy = f"it is called '{section}.{renamed}' now; rename it" if renamed else "correct the name"
            raise InputError(f"{file}: {where} sets {dotted!r}, which params.yaml does not have; {remedy}")
        content[section][key] = value
    applied: Params = check_section(Params, content, f"{file}: {where}")
    return applied


def _read(file: Path) -> dict[str, Any]:
    return read_yaml(file, "variants", "name a study file, such as study/variants.yaml")

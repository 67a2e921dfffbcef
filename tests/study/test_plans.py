"""A study file: what it takes, and what it refuses in one line."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.project import change_params
from helpers.repository import ROOT
from helpers.study import read_plan
from ruamel.yaml import YAML

from crosscheck.core.errors import InputError
from crosscheck.core.params import load
from crosscheck.study import plans

STUDY: dict[str, Any] = {
    "title": "A study",
    "seeds": 2,
    "params": {"train.epochs": 3},
    "variants": {
        "base": {},
        "wide": {"set": {"model.channels": 18}},
        "wide_ink": {"extends": "wide", "set": {"model.invert": True}, "seeds": 1},
    },
    "questions": {"channels": {"ask": "Do channels matter?", "compare": ["base", "wide"]}},
}


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., plans.Plan]:
    def written(**changes: Any) -> plans.Plan:
        return read_plan(tmp_path, STUDY | changes)

    return written


def test_a_variant_is_the_parameters_the_studys_own_and_what_it_sets(read: Callable[..., plans.Plan]) -> None:
    plan = read()
    wide_ink = plan.of("wide_ink")[0].params
    assert (wide_ink.train.epochs, wide_ink.model.channels, wide_ink.model.invert) == (3, 18, True)
    assert plan.of("base")[0].params.model.channels == 9


def test_all_variants_of_a_seed_come_before_the_next_seed(read: Callable[..., plans.Plan]) -> None:
    cells = [(each.variant, each.seed) for each in read().runs]
    assert cells == [("base", 0), ("wide", 0), ("wide_ink", 0), ("base", 1), ("wide", 1)]


def test_a_seed_is_of_the_split_too_unless_the_study_says_otherwise(read: Callable[..., plans.Plan]) -> None:
    second = read().of("base")[1].params
    assert (second.train.seed, second.split.seed) == (1, 1)
    second = read(vary_split=False).of("base")[1].params
    assert (second.train.seed, second.split.seed) == (1, 0)


def test_a_question_has_one_primary_measure_and_the_usual_others_are_exploratory(
    read: Callable[..., plans.Plan],
) -> None:
    question = read().study.questions["channels"]
    assert (question.primary, question.measure) == ("accuracy", ["failures", "epochs"])
    asked = {"ask": "Do channels matter?", "compare": ["base", "wide"], "primary": "failures"}
    question = read(questions={"channels": asked}).study.questions["channels"]
    assert (question.primary, question.measure) == ("failures", ["accuracy", "epochs"])
    question = read(questions={"channels": asked | {"measure": []}}).study.questions["channels"]
    assert (question.primary, question.measure) == ("failures", [])


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"variants": {"base": {"set": {"model.chanels": 1}}}, "questions": {}}, "model.chanels"),
        ({"variants": {"base": {"set": {"model.channels": "many"}}}, "questions": {}}, "model.channels"),
        ({"variants": {"base": {"set": {"data.height": 8}}}, "questions": {}}, "data.height"),
        ({"variants": {"base": {"extends": "other"}}, "questions": {}}, "other"),
        ({"variants": {"../base": {}}}, "../base"),
        ({"variants": {"base": {"sets": {}}}}, "sets"),
        ({"variants": {}}, "variants"),
        ({"seeds": 0}, "seeds"),
        ({"equivalence_margin": "1 %"}, "equivalence_margin"),
        ({"questions": {"q": {"ask": "?", "compare": ["base", "nobody"]}}}, "nobody"),
        ({"questions": {"q": {"ask": "?", "compare": ["base", "wide"], "measure": ["speed"]}}}, "measure"),
        ({"questions": {"q": {"ask": "?", "compare": ["base", "wide"], "primary": "speed"}}}, "primary"),
        ({"questions": {"q": {"ask": "?", "compare": ["base", "wide"], "measure": ["shift", "accuracy"]}}}, "accuracy"),
        ({"questions": {"q": {"ask": "?", "compare": ["base", "wide"], "measure": ["shift", "shift"]}}}, "shift"),
        ({"unheard_of": 1}, "unheard_of"),
        ({"params": {"model.further_channels": [5] * 7}}, "further_channels"),
    ],
)
def test_a_mistake_is_named_in_one_line(read: Callable[..., plans.Plan], changes: dict[str, Any], word: str) -> None:
    with pytest.raises(InputError) as caught:
        read(**changes)
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_shipped_study_is_valid_and_asks_of_variants_that_there_are() -> None:
    plan = plans.read(ROOT / "study" / "variants.yaml", ROOT / "params.yaml")
    names = {"base", "channels_18", "three_conv", "three_conv_20", "no_pool"}
    assert names <= set(plan.study.variants)
    assert {name for question in plan.study.questions.values() for name in question.compare} >= names


def test_the_shipped_study_does_not_change_with_what_one_tries_in_params_yaml(tmp_path: Path) -> None:
    yaml = YAML()
    content = yaml.load(ROOT / "params.yaml")
    shipped = plans.read(ROOT / "study" / "variants.yaml", ROOT / "params.yaml").of("base")[0].params
    content["model"] |= {"channels": 18, "pool": "avg", "invert": True}
    content["train"] |= {"epochs": 1, "lr": 0.5, "seed": 9}
    content["split"] |= {"test": 20, "seed": 9}
    yaml.dump(content, tmp_path / "params.yaml")
    varied = plans.read(ROOT / "study" / "variants.yaml", tmp_path / "params.yaml").of("base")[0].params
    assert (varied.model, varied.train, varied.compute) == (shipped.model, shipped.train, shipped.compute)
    assert (varied.split.test, varied.split.val, varied.split.seed) == (150, 100, 0)


def test_the_quick_study_is_a_part_of_the_whole_with_the_same_cells() -> None:
    whole = plans.read(ROOT / "study" / "variants.yaml", ROOT / "params.yaml")
    part = plans.read(ROOT / "study" / "quick.yaml", ROOT / "params.yaml")
    assert part.file != part.whole == whole.file and part.results == whole.results and part.folder != whole.folder
    assert part.runs
    assert all(each in whole.runs for each in part.runs)
    assert all(name in part.study.variants for question in part.study.questions.values() for name in question.compare)


def test_the_quick_study_answers_questions_of_the_whole() -> None:
    whole = plans.read(ROOT / "study" / "variants.yaml", ROOT / "params.yaml").study.questions
    part = plans.read(ROOT / "study" / "quick.yaml", ROOT / "params.yaml").study.questions
    assert {name: each.compare for name, each in part.items()} == {"pooling": ["pool_max", "pool_stride"]}
    assert all(each.ask == whole[name].ask for name, each in part.items())


@pytest.mark.parametrize(
    "variants", [["no_pool_norm"], ["no_pool_ink", "no_pool_20"], ["three_conv_20_ink", "base_ink"]]
)
def test_a_part_may_leave_out_what_its_variants_extend(tmp_path: Path, variants: list[str]) -> None:
    whole = plans.read(ROOT / "study" / "variants.yaml", ROOT / "params.yaml")
    part_file = tmp_path / "part.yaml"
    part = {"part_of": str(ROOT / "study" / "variants.yaml"), "seeds": 2, "variants": variants}
    part_file.write_text(json.dumps(part), encoding="utf-8")
    planned = plans.read(part_file, ROOT / "params.yaml").runs
    assert planned == [each for each in whole.runs if each.variant in variants and each.seed < 2]


def test_the_study_of_an_own_folder_takes_the_folder_and_the_recommended_values_from_params_yaml(
    tmp_path: Path,
) -> None:
    change_params(
        Path(shutil.copy(ROOT / "params.yaml", tmp_path)),
        data={"images": "data/marks"},
        train={"lr": 0.005},
        model={"norm": "batch"},
    )
    plan = plans.read(ROOT / "study" / "own_folder.yaml", tmp_path / "params.yaml")
    assert plan.params.data.images == "data/marks"
    recommended, coursework, backbone = (plan.of(name)[0].params for name in plan.study.variants)
    assert (recommended.train.lr, recommended.model.norm) == (0.005, "batch")
    shipped = load(ROOT / "params.yaml")
    for section in ("model", "augment"):
        assert getattr(coursework, section) == getattr(shipped, section)
    assert coursework.train == shipped.train.model_copy(update={"snapshots": 0})
    assert backbone.model.freeze and backbone.model.backbone != "none"
    # Each fold of one split is the test set once, for each recipe.
    splits = {(each.params.split.seed, each.params.split.fold) for each in plan.of("recommended")}
    assert splits == {(0, fold) for fold in range(5)}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"margin": 0.01}, "margin is called 'equivalence_margin' now; rename it"),
        ({"training_sizes": {}}, "training_sizes is called 'learning_curves' now; rename it"),
        ({"variants": {"base": {"like": "wide"}}}, "variants.base.like is called 'extends' now; rename it"),
        (
            {"params": {"train.images": 5}},
            "sets 'train.images', which params.yaml does not have; it is called "
            "'train.images_per_class' now; rename it",
        ),
    ],
)
def test_the_name_of_an_earlier_version_is_answered_with_the_new_one(
    read: Callable[..., plans.Plan], changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError) as caught:
        read(**changes)
    assert str(caught.value).endswith(said)

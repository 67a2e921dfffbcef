"""Variants look the same in every picture of a study, and differ in more than colour where they stand side by side."""

import itertools

from helpers.repository import ROOT

from crosscheck.study import looks, plans


def test_variants_of_one_picture_differ_in_colour_line_and_marker() -> None:
    study = plans.read(ROOT / "study" / "variants.yaml", ROOT / "params.yaml").study
    found = looks.assign(study)
    assert found.keys() == study.variants.keys()
    pictures = [question.compare for question in study.questions.values()]
    pictures.append([names[-1] for names in study.learning_curves.values()])
    pairs = [pair for names in pictures for pair in itertools.combinations(names, 2)]
    assert len(pairs) > 20
    for one, other in pairs:
        for part in ("color", "line", "marker"):
            assert getattr(found[one], part) != getattr(found[other], part), f"{one} and {other}: {part}"


def test_the_lines_of_the_training_sizes_look_like_their_variants() -> None:
    study = plans.read(ROOT / "study" / "variants.yaml", ROOT / "params.yaml").study
    found = looks.assign(study)
    lines = looks.assign_to_lines(study, found)
    for line, names in study.learning_curves.items():
        assert lines[line] == found[names[-1]]

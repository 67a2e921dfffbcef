"""The page of a study: answers first, in the browser of a desk and of a phone, in Markdown, and in a terminal."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.accessibility import find_faults
from helpers.pages import CONTENT, analyse, make_plan
from helpers.printed import is_blank, print_pages
from helpers.repository import ROOT

from crosscheck.core.errors import InputError
from crosscheck.reporting import document, style
from crosscheck.study import answers_table, at_a_glance, looks, overview_figures, plans, report, report_tracking
from crosscheck.study.analysis import Overview
from crosscheck.study.answers_table import AnswersTable
from crosscheck.study.plans import Plan
from crosscheck.tracking import notes
from stages.study import compare


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return make_plan(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def found(plan: Plan) -> Overview:
    return analyse(plan)


@pytest.fixture(scope="module")
def table(plan: Plan, found: Overview) -> AnswersTable:
    return at_a_glance.tabulate(plan, found.runs, found.answers)


@pytest.fixture(scope="module")
def folder(plan: Plan, found: Overview, table: AnswersTable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report, with all its pictures."""
    folder = tmp_path_factory.mktemp("report")
    packed: Any = None
    pictures = style.save_all(compare.draw(plan, found, table, packed), folder, dpi=40, small=True)
    built = report.build_document(plan, found, table, pictures)
    document.write_markdown(built, folder / "report.md")
    document.write_html(built, folder / "report.html")
    return folder


@pytest.fixture
def page(browser: Any, folder: Path) -> Iterator[Any]:
    opened, problems = browser.new_page(viewport={"width": 1440, "height": 900}), []
    opened.on("console", lambda message: problems.append(message.text))
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.goto((folder / "report.html").as_uri())
    yield opened
    opened.close()
    assert problems == []


def test_each_question_has_one_row_with_a_word_a_sentence_and_its_evidence(table: AnswersTable) -> None:
    rows = {row.question: row for row in table.rows}
    assert list(rows) == list(CONTENT["questions"])
    assert (rows["pooling"].word, rows["pooling"].sentence) == ("Better", "More accurate than strides and averages.")
    assert [pair.word for pair in rows["pooling"].pairs] == ["Worse", "Worse"]
    assert rows["pooling"].pairs[0].evidence == "strides: -5.89 points (-6.46 to -5.32), n = 6"
    assert (rows["channels"].word, rows["channels"].sentence) == ("Equivalent", "Within 1 point of most.")
    assert rows["images"].word == "Inconclusive"
    assert rows["images"].sentence == "No difference from most shown or ruled out."
    assert (rows["rate"].word, rows["rate"].sentence) == ("Worse", "Fewer runs converge than with most.")
    assert rows["rate"].pairs[0].evidence == "1 of 6 runs converged against 6 of 6, p = 0.015, corrected 0.045"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0341, "0.034"),
        (0.050155, "0.0502"),
        (0.04999, "0.04999"),
        (0.05, "0.05"),
        (0.9999, "1"),
        (0.00012, "0.00012"),
        (0.00001, "below 0.0001"),
    ],
)
def test_a_p_value_shows_on_which_side_of_the_limit_it_is(value: float, text: str) -> None:
    assert at_a_glance.probability(value, 1 - 0.95) == text


def test_a_p_value_too_small_to_print_has_no_equals_sign(table: AnswersTable) -> None:
    said = [pair.evidence for row in table.rows for pair in row.pairs]
    assert any(", p = 0" in each for each in said) and not any("p = below" in each for each in said)


def test_the_table_is_read_as_it_was_written(table: AnswersTable, tmp_path: Path) -> None:
    file = tmp_path / "answers.json"
    file.write_text(table.model_dump_json(), encoding="utf-8")
    assert answers_table.read(file) == table
    file.write_text('{"title": "x"}', encoding="utf-8")
    with pytest.raises(InputError, match="make study"):
        answers_table.read(file)


@pytest.mark.parametrize("width", [40, 80, 140])
def test_the_table_fits_a_terminal_and_loses_no_word(table: AnswersTable, width: int) -> None:
    lines = answers_table.terminal(table, width)
    assert max(map(len, lines)) <= width
    assert not any(line.rstrip().endswith(("n", "n =", "p", "p =")) for line in lines)
    words = set(" ".join(lines).split())
    for row in table.rows:
        for text in (row.ask, row.sentence, *(pair.evidence for pair in row.pairs)):
            assert set(text.split()) <= words


def test_anchors_and_headings_are_unique_and_links_lead_to_them(folder: Path) -> None:
    html = (folder / "report.html").read_text(encoding="utf-8")
    anchors = re.findall(r' id="([^"]+)"', html)
    headings = re.findall(r"<h(\d)[^>]*>(.*?)</h\1>", html)
    assert len(anchors) == len(set(anchors)) > 8
    assert len(headings) == len(set(headings)) > 8
    targets = re.findall(r'href="#([^"]+)"', html)
    assert len(targets) > 8 and set(targets) <= set(anchors)
    assert not re.search(r'(?:href|src)="(?!#|data:)', html)
    text = (folder / "report.md").read_text(encoding="utf-8")
    linked, named = re.findall(r"\]\(#([^)]+)\)", text), re.findall(r'<a id="([^"]+)"></a>', text)
    assert linked and set(linked) <= set(named) and len(named) == len(set(named))


def test_two_sections_with_one_anchor_are_refused() -> None:
    section = document.Section("Heading", [])
    with pytest.raises(ValueError, match="heading"):
        document.Document("Title", [section, section])


def test_two_questions_in_the_same_words_are_refused(tmp_path: Path) -> None:
    questions = {"a": CONTENT["questions"]["rate"], "b": CONTENT["questions"]["rate"]}
    with pytest.raises(InputError, match=r"questions.a and questions.b ask the same"):
        make_plan(tmp_path, questions=questions)


def test_the_table_of_answers_stands_in_the_first_screen(page: Any) -> None:
    box = page.locator("table").first.bounding_box()
    assert box["y"] + box["height"] < 900


def test_a_link_of_the_table_opens_the_folded_details_of_its_question(page: Any) -> None:
    assert page.locator("details[open]").count() == 0
    page.get_by_role("link", name="Do more channels help?").first.click()
    assert page.evaluate("[...document.querySelectorAll('details[open]')].map(fold => fold.id)") == [
        "question-channels"
    ]
    box = page.locator("#question-channels").bounding_box()
    assert -5 < box["y"] < 900


@pytest.mark.parametrize("width", [390, 768, 1440])
def test_nothing_is_wider_than_the_screen(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_print_shows_what_is_folded(page: Any) -> None:
    page.emulate_media(media="print")
    assert page.locator("#method li").first.is_visible()


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible(page: Any, scheme: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme=scheme)
    found = find_faults(page)
    assert found.faults == []
    assert found.passed > 300


def test_a_print_has_no_blank_page(page: Any) -> None:
    pages = print_pages(page)
    assert len(pages) > 3 and not any(map(is_blank, pages))


def test_every_mark_is_named_and_differs_in_more_than_its_colour(page: Any) -> None:
    marks = page.evaluate(
        "[...document.querySelectorAll('.grid .mark')].map(mark => [mark.textContent, mark.ariaLabel])"
    )
    assert len(marks) == 9 and all(sign and word for sign, word in marks)
    assert len({sign.text for sign in looks.SIGNS.values()}) == len(looks.SIGNS) == 5
    assert len({(sign.marker, sign.filled) for sign in looks.SIGNS.values()}) == 5


def test_names_of_the_study_are_no_markup(folder: Path) -> None:
    assert "<other>" not in (folder / "report.html").read_text(encoding="utf-8")
    assert "# Pooling &amp; &lt;other> things" in (folder / "report.md").read_text(encoding="utf-8")


def test_what_one_split_gave_is_explained_by_the_figures_of_all(folder: Path) -> None:
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert "here each seed splits the images again, and the mean is 99.72% (" in text


def test_a_variant_looks_the_same_in_all_pictures_and_unlike_those_beside_it(plan: Plan) -> None:
    found = looks.assign(plan.study)
    for question in plan.study.questions.values():
        assert len({(found[name].color, found[name].marker) for name in question.compare}) == len(question.compare)
    assert looks.assign_to_lines(plan.study, found)["all"] == found["most"]


def test_the_plot_of_differences_draws_each_verdict_as_it_is(plan: Plan, table: AnswersTable) -> None:
    names = report.name_pairs(plan, table)
    figure = overview_figures.draw_differences(table, names, plan.study.equivalence_margin)
    points, runs = figure.axes
    drawn = [(line.get_marker(), line.get_markerfacecolor()) for axis in (points, runs) for line in axis.lines]
    assert [marker for marker, _ in drawn if marker in "^vsDo"] == ["v", "v", "s", "o", "v"]
    assert dict(drawn)["o"] == "white"
    texts = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert "Do more channels help?" in texts and "strides against most" in texts


def test_the_plot_of_differences_has_the_figures_of_the_table() -> None:
    plan = plans.read(ROOT / "study" / "variants.yaml")
    kept = AnswersTable.model_validate_json((plan.folder / answers_table.FILE).read_text(encoding="utf-8"))
    names = report.name_pairs(plan, kept)
    figure = overview_figures.draw_differences(kept, names, plan.study.equivalence_margin)
    texts = {text.get_text() for axis in figure.axes for text in axis.texts}
    pairs = [pair for row in kept.rows for pair in row.pairs if " points (" in pair.evidence]
    told = {re.sub(r"^.*?([-+]\d\S*) points (\(.*?\), n = \d+).*$", r"\1 \2", pair.evidence) for pair in pairs}
    assert len(told) > 5
    assert told <= texts


def test_the_plot_of_differences_has_every_mark_at_its_place_also_far_from_the_others(
    plan: Plan, table: AnswersTable
) -> None:
    rows = [row for row in table.rows if row.question == "pooling"]
    near = [pair.model_copy(update={"difference": 0.001, "low": 0.0, "high": 0.002}) for pair in rows[0].pairs]
    far = near[0].model_copy(update={"difference": 0.4, "low": 0.2, "high": 0.6})
    some = table.model_copy(update={"rows": [rows[0].model_copy(update={"pairs": [far, *near[1:]]})]})
    figure = overview_figures.draw_differences(some, report.name_pairs(plan, table), 0.01)
    (axis,) = figure.axes
    places = [line.get_xdata()[0] for line in axis.lines if line.get_marker() in ("^", "v", "s", "D", "o")]
    assert np.allclose(sorted(places), [0.1, 40])
    assert axis.get_xlim()[1] > 40


def test_a_note_for_mlflow_is_the_table_and_never_too_long(table: AnswersTable) -> None:
    opening = "Pooling & <other> things: 6 variants, 36 runs. All of it is in the artifact `report/report.html`."
    assert report_tracking.note(table) == f"{opening}\n\n{answers_table.markdown(table.rows)}"
    many = table.model_copy(update={"rows": table.rows * 8})
    assert len(report_tracking.note(many)) <= notes.LONGEST
    assert report_tracking.note(many).count("\n") == 2 + 2 + 8 * len(table.rows) - 1
    too_many = report_tracking.note(table.model_copy(update={"rows": table.rows * 200}))
    assert len(notes.note_tags(too_many)[notes.NOTE_TAG]) == notes.LONGEST

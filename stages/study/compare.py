"""Writes the report of a study: a page with the answers, and the figures as JSON.

    python -m stages.study.compare --study study/variants.yaml

The study's folder, which has the name of its file, gets `report`, answers.json, numbers.json and summary.json. `report`
is a folder with report.md, its pictures, and report.html, which needs no other file. It holds seconds and names
this machine; the other files do not. answers.json is the table at the top of the page, which
`python -m crosscheck answers` prints; it is in git, because documents quote it. MLflow gets all of it in the run of the
study.
"""

from pathlib import Path

from crosscheck.core import cli
from crosscheck.core.files import fresh_folder, write_json
from crosscheck.reporting import document, fonts, style
from crosscheck.reporting.style import NamedFigures
from crosscheck.study import (
    analysis,
    answers_table,
    at_a_glance,
    figures,
    looks,
    overview_figures,
    plans,
    report_tracking,
    resplit,
    result_cache,
)
from crosscheck.study import report as study_report
from crosscheck.study.analysis import Overview
from crosscheck.study.answers_table import AnswersTable
from crosscheck.study.plans import Plan
from crosscheck.study.resplit import PackedImages


def main(study: Path) -> None:
    plan = plans.read(study)
    plan.claim()
    packed = resplit.read(plan.dataset)
    results = result_cache.collect(plan, packed, plan.results)
    found = analysis.analyse(plan, results, plan.timings, packed)
    table = at_a_glance.tabulate(plan, found.runs, found.answers)
    write_json(plan.folder / "numbers.json", analysis.numbers(plan, found, table))
    write_json(plan.folder / "summary.json", analysis.summary(found))
    write_json(plan.folder / answers_table.FILE, table.model_dump())
    fonts.tell([*found.runs, *(packed.paths[hard.row] for hard in found.hardest)])
    report = plan.folder / "report"
    with fresh_folder(report, marked=True) as folder:
        pictures = style.save_all(draw(plan, found, table, packed), folder, small=True)
        built = study_report.build_document(plan, found, table, pictures)
        document.write_markdown(built, folder / "report.md")
        document.write_html(built, folder / "report.html")
    for line in study_report.describe_coverage(plan):
        print(line)
    print(f"{report / 'report.html'}: {sum(map(len, found.runs.values()))} runs of {len(found.runs)} variants compared")
    tables = [plan.folder / name for name in (answers_table.FILE, "numbers.json", "summary.json")]
    report_tracking.record_report(plan, table, [report, *tables])


def draw(plan: Plan, found: Overview, table: AnswersTable, packed: PackedImages) -> NamedFigures:
    """The pictures of the report, each with its name."""
    study = plan.study
    same, chance = looks.assign(study), figures.average_chance(found.runs)
    if table.rows:
        names = study_report.name_pairs(plan, table)
        yield "differences", overview_figures.draw_differences(table, names, study.equivalence_margin)
    yield "convergence", overview_figures.draw_convergence(found.runs, study.failed_above)
    yield "dots", figures.draw_dots(found.runs, found.means, study.confidence)
    yield "losses", figures.draw_losses(found.runs)
    for name, question in study.questions.items():
        runs = {arm: found.runs[arm] for arm in question.compare}
        epochs = {arm: each[0].epochs for arm, each in runs.items()}
        survival = {arm: found.survival[arm] for arm in runs}
        yield f"survival-{name}", figures.draw_survival(survival, epochs, study.target, same)
        if any(not run.failed for each in runs.values() for run in each):
            yield f"robustness-{name}", figures.draw_robustness(runs, same, chance)
    if study.learning_curves:
        lines = looks.assign_to_lines(study, same)
        yield "sizes", figures.draw_sizes(analysis.sizes(plan, found), lines, chance)
    if found.hardest:
        captions = [f"{packed.paths[hard.row]}\nwrong in {hard.wrong} of {hard.tested} runs" for hard in found.hardest]
        yield "hardest", figures.draw_hardest(packed.images[[hard.row for hard in found.hardest]], captions)


if __name__ == "__main__":
    cli.run(main)

"""Says what a study knows and what it does not: a report with pictures, and the figures as JSON.

    python -m stages.study.compare --study study/variants.yaml

The study's folder, which has the name of its file, gets `report`, numbers.json and summary.json. `report` is a folder
with report.md, its pictures, and report.html, which needs no other file. It tells of seconds and of this machine, so it
is left to git; the figures in the two other files do not.
"""

from pathlib import Path

from crosscheck.core import cli
from crosscheck.core.files import fresh_folder, write_json
from crosscheck.reporting import document, fonts, style
from crosscheck.reporting.style import NamedFigures
from crosscheck.study import analysis, figures, plans, resplit, result_cache
from crosscheck.study import report as study_report
from crosscheck.study.analysis import Overview
from crosscheck.study.plans import Plan
from crosscheck.study.resplit import PackedImages


def main(study: Path) -> None:
    plan = plans.read(study)
    plan.claim()
    packed = resplit.read(plan.dataset)
    results = result_cache.collect(plan, packed, plan.results)
    found = analysis.analyse(plan, results, plan.timings, packed)
    write_json(plan.folder / "numbers.json", analysis.numbers(plan, found))
    write_json(plan.folder / "summary.json", analysis.summary(found))
    fonts.tell([*found.runs, *(packed.paths[hard.row] for hard in found.hardest)])
    report = plan.folder / "report"
    with fresh_folder(report, marked=True) as folder:
        pictures = style.save_all(draw(plan, found, packed), folder)
        built = study_report.build_document(plan, found, pictures)
        document.write_markdown(built, folder / "report.md")
        document.write_html(built, folder / "report.html")
    for line in study_report.describe_coverage(plan):
        print(line)
    print(f"{report / 'report.html'}: {sum(map(len, found.runs.values()))} runs of {len(found.runs)} variants compared")


def draw(plan: Plan, found: Overview, packed: PackedImages) -> NamedFigures:
    """The pictures of the report, each with its name."""
    yield "dots", figures.draw_dots(found.runs, found.means, plan.study.confidence)
    yield "losses", figures.draw_losses(found.runs)
    for name, question in plan.study.questions.items():
        runs = {arm: found.runs[arm] for arm in question.compare}
        epochs = {arm: each[0].epochs for arm, each in runs.items()}
        survival = {arm: found.survival[arm] for arm in runs}
        yield f"survival-{name}", figures.draw_survival(survival, epochs, plan.study.target)
        if any(not run.failed for each in runs.values() for run in each):
            yield f"robustness-{name}", figures.draw_robustness(runs)
    if plan.study.learning_curves:
        yield "sizes", figures.draw_sizes(analysis.sizes(plan, found))
    if found.hardest:
        captions = [f"{packed.paths[hard.row]}\nwrong in {hard.wrong} of {hard.tested} runs" for hard in found.hardest]
        yield "hardest", figures.draw_hardest(packed.images[[hard.row for hard in found.hardest]], captions)


if __name__ == "__main__":
    cli.run(main)

"""Says what a study knows and what it does not: a report with pictures, and the figures as JSON.

    python -m stages.study.compare --study study/variants.yaml

The study's folder, which has the name of its file, gets `report`, numbers.json and summary.json. `report` is a folder
with report.md, its pictures, and report.html, which needs no other file. It tells of seconds and of this machine, so it
is left to git; the figures in the two other files do not.
"""

from pathlib import Path

from crosscheck.core import cli
from crosscheck.core.files import fresh_folder, write_json
from crosscheck.reporting import document, fonts
from crosscheck.study import analysis, figures, plans, resplit, result_cache
from crosscheck.study import report as study_report
from crosscheck.study.analysis import Overview
from crosscheck.study.plans import Plan
from crosscheck.study.resplit import Stock


def main(study: Path) -> None:
    plan = plans.read(study)
    plan.claim()
    packed = resplit.read(plan.dataset)
    result_cache.check(plan, packed, plan.results)
    found = analysis.analyse(plan, plan.results, plan.timings, packed)
    write_json(plan.folder / "numbers.json", analysis.numbers(plan, found))
    write_json(plan.folder / "summary.json", analysis.summary(found))
    fonts.tell([*found.runs, *(packed.paths[hard.row] for hard in found.hardest)])
    report = plan.folder / "report"
    with fresh_folder(report, marked=True) as folder:
        blocks = study_report.blocks(plan, found, draw(plan, found, packed, folder))
        document.write_markdown(plan.study.title, blocks, folder / "report.md")
        document.write_html(plan.study.title, blocks, folder / "report.html")
    print(f"{report / 'report.html'}: {sum(map(len, found.runs.values()))} runs of {len(found.runs)} variants compared")


def draw(plan: Plan, found: Overview, stock: Stock, folder: Path) -> dict[str, Path]:
    """Draw the pictures of the report into `folder`, and say which is which."""
    pictures = {name: folder / f"{name}.png" for name in ("dots", "losses")}
    figures.dots(found.runs, found.means, plan.study.confidence, pictures["dots"])
    figures.losses(found.runs, pictures["losses"])
    for name, question in plan.study.questions.items():
        runs = {arm: found.runs[arm] for arm in question.compare}
        epochs = {arm: each[0].epochs for arm, each in runs.items()}
        survival = {arm: found.survival[arm] for arm in runs}
        pictures[f"survival-{name}"] = folder / f"survival-{name}.png"
        figures.survival(survival, epochs, plan.study.target, pictures[f"survival-{name}"])
        if any(not run.failed for each in runs.values() for run in each):
            pictures[f"robustness-{name}"] = folder / f"robustness-{name}.png"
            figures.robustness(runs, pictures[f"robustness-{name}"])
    if plan.study.learning_curves:
        pictures["sizes"] = folder / "sizes.png"
        figures.sizes(analysis.sizes(plan, found), pictures["sizes"])
    if found.hardest:
        pictures["hardest"] = folder / "hardest.png"
        captions = [f"{stock.paths[hard.row]}\nwrong in {hard.wrong} of {hard.tested} runs" for hard in found.hardest]
        figures.hardest(stock.images[[hard.row for hard in found.hardest]], captions, pictures["hardest"])
    return pictures


if __name__ == "__main__":
    cli.run(main)

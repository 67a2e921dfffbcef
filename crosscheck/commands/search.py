"""Searches for small networks that are as accurate as large ones.

    python -m crosscheck search --space search/space.yaml

Draws networks and recipes from the space, trains each on the training images, and keeps those that no other beats in
every objective. At the end these are trained again with several seeds, and only then is the test set read. The report
goes to a folder with the name of the space's file. The trials are in a database, so a search goes on where it stopped.
Several machines can share a search: set CROSSCHECK_SEARCH_DATABASE to the same address on each.
docs/how-to/search.md explains the report, docs/reference/search-space.md the space.
"""

from pathlib import Path

from crosscheck.core import bits, ownership
from crosscheck.core.files import fresh_folder, write_json
from crosscheck.reporting import document, style
from crosscheck.search import figures, pareto, tracking
from crosscheck.search import report as search_report
from crosscheck.search.base_accuracy import read_base_accuracy
from crosscheck.search.runner import OPENINGS, explore, open_study, read_setup, record, train_again, worker_pool


def main(space: Path) -> None:
    report = ownership.folder_for(space)
    ownership.check(report)
    setup = read_setup(space)
    bits.warn(setup.compute.portable, setup.compute.device)
    study = open_study(setup)
    runs = tracking.open_runs(study)
    with worker_pool(setup.search.study.workers) as pool:
        explore(pool, setup, study, runs)
        candidates = pareto.front(study)
        finals = train_again(pool, setup, study, runs, pareto.finalists(candidates, setup.search.final.models))
    for trial in pareto.finished(study):
        record(runs, trial)

    openings = study.user_attrs.get(OPENINGS, [])
    base = figures.Base(setup.baseline.parameters, setup.baseline.training_cost, read_base_accuracy(setup))
    findings = search_report.findings(study, setup, candidates, finals, openings, base.accuracy)
    trials = figures.gather_trials(study, candidates, findings["winner"])
    with fresh_folder(report, marked=True) as folder:
        picture = folder / "pareto_front.png"
        sentence = search_report.answer(findings)
        style.save(figures.draw_front(trials, base, setup.search.constraints, sentence), picture)
        write_json(folder / "report.json", findings)
        document.write_markdown(search_report.build_document(findings, picture), folder / "report.md")
    summary = search_report.summary(findings)
    tracking.record_report(runs, summary, report, findings["trials"])
    print(*summary, f"Report: {report / 'report.md'}", sep="\n")

"""Compares this project with the original script, the two sides in turn, and writes the results.

Rows that are not asked for stay as they are. The rows `folders` (benchmarks/folders/measure.py) and `fidelity`
(benchmarks/fidelity.py) have results of their own.

    python -m benchmarks.run --rows epoch-base accuracy --repeats 3 --results FOLDER

Run it on an idle machine, from the project's root, with what is to be measured committed.
"""

import argparse
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks import drawings, fidelity, machine, table
from benchmarks.folders import measure
from benchmarks.folders.catalogue import FOLDERS
from benchmarks.rows import ROWS, Setting
from crosscheck.core import devices
from crosscheck.core.params import load


def main() -> None:
    asked = arguments()
    if measure.ROW in asked.rows:
        wanted = measure.Wanted(asked.folders, asked.seconds, Path.cwd(), described(Path.cwd()))
        print(measure.measure(wanted, asked.results))
    if fidelity.ROW in asked.rows:
        wanted_runs = fidelity.Wanted(asked.networks, asked.seeds, asked.train, asked.test, described(Path.cwd()))
        print(fidelity.measure(wanted_runs, asked.results))
    if names := [name for name in asked.rows if name in ROWS]:
        compare_with_script(names, asked)


def compare_with_script(names: list[str], asked: argparse.Namespace) -> None:
    """Measure the rows of these names, write the table after each, and print it."""
    # Only to measure what the machine can do at most; each side of a comparison has processes of its own.
    devices.prepare(load().compute.model_copy(update={"portable": False}))
    limits = machine.limits()
    rows = table.kept(limits, asked.results)
    commit = described(Path.cwd())
    with tempfile.TemporaryDirectory(prefix="crosscheck-benchmark-") as folder:
        drawings.make(Path(folder), asked.train, asked.test)
        setting = Setting(Path(folder), 2 * asked.train, asked.repeats, asked.epochs, limits, Path.cwd())
        for name in names:
            print(f"measuring {name}", file=sys.stderr, flush=True)
            fresh = [replace(row, question=name, commit=commit) for row in ROWS[name](setting)]
            rows = [row for row in rows if row.question != name] + fresh
            rows.sort(key=lambda row: list(ROWS).index(row.question))
            table.write(rows, limits, asked.results)
    print(table.markdown(rows, limits))


def described(project: Path) -> str:
    """The commit of what is measured, with a mark where files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    return subprocess.run(command, cwd=project, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--rows", nargs="+", choices=[*ROWS, measure.ROW, fidelity.ROW], default=list(ROWS), help="what to compare"
    )
    parser.add_argument("--repeats", type=int, default=5, help="processes of each side")
    parser.add_argument("--epochs", type=int, default=2, help="epochs of each process that times them")
    parser.add_argument("--train", type=int, default=850, help="training images of each class")
    parser.add_argument("--test", type=int, default=150, help="test images of each class")
    parser.add_argument(
        "--networks", nargs="+", choices=fidelity.SEEDS, default=list(fidelity.SEEDS), help="of fidelity"
    )
    parser.add_argument("--seeds", type=int, default=max(fidelity.SEEDS.values()), help="most seeds of each, fidelity")
    parser.add_argument("--folders", nargs="+", choices=FOLDERS, default=list(FOLDERS), help="of the row folders")
    parser.add_argument("--seconds", type=float, default=180, help="training of a network from scratch, row folders")
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results"), help="where the results go")
    return parser.parse_args()


if __name__ == "__main__":
    main()

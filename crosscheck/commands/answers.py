"""Prints the table of a study's answers, as `make study` does at its end.

    python -m crosscheck answers --study study/variants.yaml
    python -m crosscheck answers --markdown

`--markdown` prints it as the documents quote it.
"""

import shutil
from pathlib import Path

from crosscheck.core import ownership
from crosscheck.study import answers_table

STUDY = Path("study") / "variants.yaml"


def main(study: Path = STUDY, markdown: bool = False) -> None:
    folder = ownership.folder_for(study)
    table = answers_table.read(folder / answers_table.FILE)
    if markdown:
        print(answers_table.markdown(table.rows))
        return
    print(f"{table.title}: {table.runs} runs of {table.variants} variants", "", sep="\n")
    print(*answers_table.terminal(table, shutil.get_terminal_size().columns), sep="\n")
    print(f"{folder / 'report' / 'report.html'} has the details")

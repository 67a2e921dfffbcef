"""Packs the images of a study: what `split` does for the pipeline, with the parameters of the study file.

    python -m stages.study.pack --study study/variants.yaml

They go to `dataset` in the study's folder, which has the name of its file. Each run splits the packed images again by
its own seed, so they are decoded once.
"""

from pathlib import Path

from crosscheck.core import cli
from crosscheck.data import packing, report_summary
from crosscheck.study import plans


def main(study: Path) -> None:
    plan = plans.read(study)
    plan.claim()
    print(report_summary.summary(packing.split_and_pack(plan.params.data, plan.params.split, plan.dataset)))


if __name__ == "__main__":
    cli.run(main)

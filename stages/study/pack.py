"""Packs the images of a study: what `split` does for the pipeline, with the parameters of the study file.

    python -m stages.study.pack --study study/variants.yaml

They go to `dataset` in the study's folder, which has the name of its file. Each run splits the packed images again by
its own seed, so they are decoded once.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from ruamel.yaml import YAML

from crosscheck.core import cli
from crosscheck.core.errors import InputError
from crosscheck.core.files import fresh_folder
from crosscheck.study import plans

ROOT = Path(__file__).resolve().parents[2]


def main(study: Path) -> None:
    plan = plans.read(study)
    plan.claim()
    params = plan.params
    content = params.model_dump()
    content["data"]["images"] = str(Path(params.data.images).resolve())
    with tempfile.TemporaryDirectory() as scratch, fresh_folder(plan.dataset) as partial:
        with (Path(scratch) / "params.yaml").open("w", encoding="utf-8") as file:
            YAML().dump(content, file)
        run_split(Path(scratch), partial.resolve())


def run_split(scratch: Path, stock: Path) -> None:
    """Run the stage `split` over `scratch`/params.yaml. Raises InputError with what it says where it fails."""
    asked = [sys.executable, "-m", "stages.split", "--split", str(stock), "--samples", str(scratch / "s.png")]
    search_path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": search_path}
    done = subprocess.run(asked, cwd=scratch, env=environment, capture_output=True, text=True, check=False)
    print(done.stdout, end="")
    if done.returncode != 0:
        raise InputError(done.stderr.strip().removeprefix("error: ") or "the images could not be read")


if __name__ == "__main__":
    cli.run(main)

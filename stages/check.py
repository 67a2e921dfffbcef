"""Checks `params.yaml` and the outputs' folders before any other stage runs, and writes a schema for editors.

    python -m stages.check --schema data/params.schema.json

The schema does not depend on the parameters' values, so a changed parameter passes here and reruns only the
stages that read it. A wrong one stops here, before DVC removes the outputs of a later stage. So does a file
in an output's folder that the project did not write.
"""

from pathlib import Path

from crosscheck.core import cli, combinations, ownership
from crosscheck.core.files import write_json
from crosscheck.core.params import Params, load
from crosscheck.data.image_folder import check_apart
from crosscheck.network import backbones, shapes
from crosscheck.pipeline import location, paths


def main(schema: Path) -> None:
    params = load()
    location.check(params.data.images)
    combinations.check(params)
    height, width = params.data.height, params.data.width
    backbones.check(params.model, params.train, params.augment, height, width)
    shapes.map_size(params.model, height, width)
    outputs, drawn = paths.outputs(paths.DVC_FILE), paths.read_paths("synthesize")["images"]
    images = Path(params.data.images)
    if images.resolve() != drawn.resolve():
        for output in outputs:
            check_apart(images, output)
    ownership.check(*outputs)
    write_json(schema, Params.model_json_schema())


if __name__ == "__main__":
    cli.run(main)

"""Checks the whole of `params.yaml` before any other stage runs, and writes its schema for editors.

    python -m stages.check --schema data/params.schema.json

The schema does not depend on the parameters' values, so a changed parameter passes here and reruns only the
stages that read it; a wrong one stops here, before DVC removes the outputs of a later stage.
"""

import json
from pathlib import Path

from stages import architecture, command, location
from stages.params import Params, load


def main(schema: Path) -> None:
    params = load()
    location.check(params.data.images)
    architecture.map_size(params.model, params.data.height, params.data.width)
    schema.parent.mkdir(parents=True, exist_ok=True)
    schema.write_text(json.dumps(Params.model_json_schema(), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    command.run(main)

"""The defaults of params.yaml, and the names that keys had in an earlier version."""

from pathlib import Path

import pytest
from helpers.params_files import fault
from helpers.repository import ROOT

from crosscheck.core import params as parameters
from crosscheck.core.params import Params


class Grown(parameters.TrainParams):
    """As after a release that has learnt to switch something on."""

    extra: float = 0.0
    count: int = 1
    always: bool


def test_the_default_of_a_parameter_does_not_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(parameters.SECTIONS, "train", Grown)
    values = {"extra": 0.0, "count": 1, "always": False, "of a later release": 2}
    assert parameters.decisive("train", values) == {"always": False, "of a later release": 2}
    assert parameters.decisive("train", {"extra": 0.1, "count": True}) == {"extra": 0.1, "count": True}


def test_every_shipped_value_is_the_default_where_there_is_one(params: Params) -> None:
    for name, section in parameters.SECTIONS.items():
        values = getattr(params, name).model_dump()
        required = {key: values[key] for key, field in section.model_fields.items() if field.is_required()}
        assert parameters.decisive(name, values) == required


def test_a_file_of_an_earlier_release_lacks_what_has_a_default(tmp_path: Path, params: Params) -> None:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    file = tmp_path / "params.yaml"
    kept = [line for line in text.splitlines(keepends=True) if not line.startswith(("  keep:", "  layout:"))]
    file.write_text("".join(kept), encoding="utf-8")
    assert len(kept) == len(text.splitlines()) - 2
    assert parameters.load(file) == params


@pytest.mark.parametrize(
    ("section", "old", "new"),
    [
        ("train", "images", "images_per_class"),
        ("synthesize", "count", "images_per_class"),
        ("evaluate", "neighbour_images", "knn_images"),
        ("explain", "decisions", "attributions"),
    ],
)
def test_the_name_of_an_earlier_version_is_answered_with_the_new_one(
    tmp_path: Path, section: str, old: str, new: str
) -> None:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    head, mark, rest = text.partition(f"\n{section}:")
    file = tmp_path / "params.yaml"
    file.write_text(head + mark + rest.replace(f"  {new}:", f"  {old}:", 1), encoding="utf-8")
    assert fault(file).endswith(f"{section}.{old} is called {new!r} now; rename it")

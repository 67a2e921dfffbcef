"""The documentation says what the code does."""

import ast
import itertools
import json
import re
import shlex
from pathlib import Path

import pytest
from helpers.project import change_params
from helpers.repository import ROOT, modules
from ruamel.yaml import YAML

from crosscheck.core.params import Params, load
from crosscheck.network.shapes import map_size

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "benchmarks" / "README.md",
    *(file for file in sorted((ROOT / "docs").rglob("*.md")) if (ROOT / "docs" / "zh") not in file.parents),
]
DOCS = {file: file.read_text(encoding="utf-8") for file in PAGES}
KEYS = [f"{section}.{key}" for section, kind in Params.model_fields.items() for key in kind.annotation.model_fields]


def blocks(text: str) -> list[str]:
    """The lines of every fenced block."""
    return [line for block in re.findall(r"^```\w*\n(.*?)^```", text, re.S | re.M) for line in block.splitlines()]


@pytest.mark.parametrize("key", KEYS)
def test_every_parameter_is_explained_with_its_default(key: str) -> None:
    table = [
        line.split("|")
        for line in DOCS[ROOT / "docs" / "reference" / "parameters.md"].splitlines()
        if line.startswith("| `")
    ]
    rows = [cells for cells in table if f"`{key}`" in cells[1]]
    assert len(rows) == 1, f"{key} has {len(rows)} rows in docs/reference/parameters.md"
    shipped = YAML(typ="safe").load(ROOT / "params.yaml")
    section, name = key.split(".")
    value = shipped[section][name]
    shown = rows[0][2].strip().strip("`")
    assert YAML(typ="safe").load(shown) == value


def test_every_package_stands_in_the_table_of_the_architecture() -> None:
    text = DOCS[ROOT / "docs" / "background" / "architecture.md"]
    rows = "\n".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| `"))
    for folder in {file.parent for file in modules() if file.parent.parent != ROOT / "stages"} - {ROOT / "crosscheck"}:
        assert f"{folder.name}/`" in rows, folder.name


def test_the_files_that_the_documents_name_are_there() -> None:
    paths = r"`((?:crosscheck|stages|tests)/[\w/]+\.\w+)`"
    assert len(re.findall(paths, DOCS[ROOT / "docs" / "background" / "architecture.md"])) > 8
    for file, text in DOCS.items():
        for path in re.findall(paths, text):
            assert (ROOT / path).is_file(), f"{file.name} names {path}"


def test_every_top_level_file_stands_in_the_readme() -> None:
    for path in ("params.yaml", "stages/", "crosscheck/", "concepts/", "benchmarks/", "study/", "tests/", "docs/"):
        assert (ROOT / path).exists()
        assert re.search(rf"^(\S+, )?{re.escape(path)}[, ]", README, re.M), path


def test_every_make_target_that_is_shown_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    shown = {word for text in DOCS.values() for word in re.findall(r"`make ([a-z0-9-]+)`", text)}
    shown |= {line.split()[1] for text in DOCS.values() for line in blocks(text) if line.startswith("make ")}
    assert shown
    assert shown <= targets


def test_every_override_that_is_shown_is_accepted(tmp_path: Path) -> None:
    commands = [line for text in DOCS.values() for line in blocks(text) if line.startswith("dvc exp run")]
    inline = re.findall(r"`((?:dvc exp run|-S) [^`]*)`", "\n".join(DOCS.values()))
    found = 0
    for command in [*commands, *inline]:
        file = tmp_path / "params.yaml"
        file.write_text((ROOT / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
        words = shlex.split(command)
        for option, override in itertools.pairwise(words):
            if option == "-S" and "..." not in override and "…" not in override:
                key, value = override.split("=", 1)
                section, name = key.split(".")
                value = "0" if value.startswith("range(") else value
                change_params(file, **{section: {name: YAML(typ="safe").load(value)}})
                found += 1
        params = load(file)
        map_size(params.model, params.data.height, params.data.width)
    assert found >= 8


def test_the_price_of_changed_images_is_the_one_that_was_measured_last() -> None:
    rows = json.loads((ROOT / "benchmarks" / "results" / "speed.json").read_text(encoding="utf-8"))["rows"]
    (price,) = (row["note"] for row in rows if row["question"] == "augment")
    assert f"an epoch of `base` takes {price}" in DOCS[ROOT / "docs" / "how-to" / "augment.md"]


def test_links_between_the_documents_lead_somewhere() -> None:
    for file, text in DOCS.items():
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            if "://" not in target:
                assert (file.parent / target).exists(), f"{file.name} links to {target}"


def anchors(text: str) -> set[str]:
    """What a link may name after # : each heading in small letters, without signs, with hyphens for spaces."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_to_a_heading_lead_to_one() -> None:
    found = 0
    for file in [*PAGES, *sorted((ROOT / "docs" / "zh").rglob("*.md"))]:
        for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", file.read_text(encoding="utf-8")):
            text = ((file.parent / target) if target else file).read_text(encoding="utf-8")
            assert anchor in anchors(text), f"{file.name} links to {target}#{anchor}"
            found += 1
    assert found > 10


def linked_from(index: Path) -> set[Path]:
    """The pages to which an index links, each by its path below docs/, or below docs/zh/ where it is translated."""
    folders = (ROOT / "docs" / "zh", ROOT / "docs")
    targets = {
        (index.parent / target).resolve() for target in re.findall(r"\]\(([^)#]+\.md)\)", index.read_text("utf-8"))
    }
    return {
        target.relative_to(next(folder for folder in folders if target.is_relative_to(folder)))
        for target in targets
        if target.is_relative_to(ROOT / "docs")
    }


@pytest.mark.parametrize("index", ["docs/README.md", "docs/zh/README.md"])
def test_every_page_stands_in_the_index(index: str) -> None:
    docs = ROOT / "docs"
    pages = {file.relative_to(docs) for file in DOCS if file.is_relative_to(docs) and file != docs / "README.md"}
    assert pages <= linked_from(ROOT / index)


def test_a_training_on_several_hosts_is_started_as_the_stage_is() -> None:
    stage = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]["train"]["cmd"].removeprefix("python ")
    shown = [line for line in blocks(DOCS[ROOT / "docs/how-to/several-hosts.md"]) if line.startswith("torchrun ")]
    assert len(shown) > 2
    assert [line for line in shown if not line.endswith(f" {stage}")] == []


def test_every_module_says_what_it_does() -> None:
    for module in modules():
        if module.name != "__init__.py":
            assert ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))), module.name


def commands(text: str) -> list[str]:
    """The commands that a document shows, in blocks and inline."""
    shown = [
        line for line in blocks(text) if re.match(r"(make|dvc|python3?|pip|pytest|\.) ", line) and "  " not in line
    ]
    return sorted({*shown, *re.findall(r"`((?:make|dvc|-S) [^`]*)`", text)})


def test_the_chinese_readme_shows_the_same_commands() -> None:
    chinese = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
    assert commands(chinese) == commands(README)
    for file in re.findall(r"\]\(([^)#]+)\)", chinese):
        assert "://" in file or (ROOT / file).exists(), file

"""The figures that pages quote are those of the files and of the code that they come from."""

import json
import math
import re
from typing import Any

import pytest
from helpers.figures import flat, quoted, spellings
from helpers.repository import ROOT
from ruamel.yaml import YAML

from benchmarks import gpu, scale
from crosscheck.commands import export, verify
from crosscheck.core import bits
from crosscheck.data import concerns, decoding, inspection, near_duplicates, packing, sightings
from crosscheck.data.guessing import Guess
from crosscheck.evaluation import suspect_labels
from crosscheck.evaluation.counts import exact_interval
from crosscheck.pipeline import recipe
from crosscheck.study.corruptions import GRID
from crosscheck.tracking import store
from crosscheck.training import feature_cache, snapshots

DOCS = ROOT / "docs"


def page(name: str) -> str:
    return flat((DOCS / name).read_text(encoding="utf-8"))


def measured(name: str) -> Any:
    return json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text(encoding="utf-8"))


def found_by_search() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((ROOT / "search" / "space" / "report.json").read_text(encoding="utf-8"))
    return content


def test_what_grows_with_the_images_is_what_was_measured_last() -> None:
    text, rows = (DOCS / "background" / "scaling.md").read_text(encoding="utf-8"), measured("scale")["counts"]
    table = [line for line in scale.forecast(rows) if line.startswith("|")]
    assert "\n".join(table) in text
    smaller, larger = rows[-2:]
    stages = {name: (before, larger["stages"][name]) for name, before in smaller["stages"].items()}
    times = {name: f"{after['seconds'] / before['seconds']:.1f}" for name, (before, after) in stages.items()}
    more = {
        name: f"{(after['own_bytes'] - before['own_bytes']) / 2**20:.0f}" for name, (before, after) in stages.items()
    }
    rates = [f"{row['epoch_images_per_second']:,.0f}" for row in rows]
    counts = [f"{row['images']:,}" for row in rows]
    text = flat(text)
    assert f"From {counts[-2]} to {counts[-1]} images, `synthesize` takes {times['synthesize']} times as long" in text
    assert f"`split` {times['split']}, `train` {times['train']} and `evaluate` {times['evaluate']} times" in text
    assert f"a sample: {larger['stages'][scale.INSPECT]['seconds']:.1f} s for {counts[-1]} images" in text
    assert f"grows by {more['synthesize']} MiB in `synthesize`, {more['split']} in `split`" in text
    assert f"{more['train']} in `train`" in text and f"{more['evaluate']} in `evaluate`" in text
    assert f"{rates[0]} images a second of {counts[0]}, {rates[1]} of {counts[1]} and {rates[2]} of {counts[2]}" in text


def test_the_winner_of_the_search_is_that_of_its_report() -> None:
    found, text = found_by_search(), page("how-to/search.md")
    finalists = {each["trial"]: each for each in found["finalists"]}
    winner = finalists[found["winner"]]
    trained = found["trials"]["complete"] + found["trials"]["stopped"]
    assert f"{trained} trained trials" in text and f"{found['trials']['over_limit']} networks above a limit" in text
    assert f"The winner has {winner['parameters']} parameters" in text
    assert f"{100 * winner['cost_share']:.1f}% of the cost of `base`" in text
    median, worst = (f"{100 * winner[kind]:.2f}" for kind in ("test_median", "test_min"))
    assert f"it got {median}% of n = " in text and f"in the median, and {worst}% at worst" in text
    widths = [winner["overrides"]["model.channels"], *winner["overrides"]["model.further_channels"]]
    channels = f"{', '.join(map(str, widths[:-1]))} and {widths[-1]} channels"
    results = page("results/README.md")
    assert f"a network of {winner['parameters']} parameters" in results
    assert f"it got {median} % of the" in results and f"{worst} % at worst" in results
    assert channels in text and channels in results


@pytest.mark.parametrize("name", ["results/README.md"])
def test_each_figure_of_the_results_stands_in_a_report_or_in_its_numbers(name: str) -> None:
    variants = ROOT / "study" / "variants"
    reports = [variants / "report" / "report.md", ROOT / "search" / "space" / "report.md", ROOT / "study/variants.yaml"]
    reports += [ROOT / "benchmarks" / "results" / "fidelity.md"]
    texts = [file.read_text(encoding="utf-8") for file in reports]
    known = {number for text in texts for number in re.findall(r"\d[\d,]*\.\d+|\d+", text)}
    assert [number for number in quoted(page(name)) if "." in number and number not in known] == []


@pytest.mark.parametrize("folder", measured("folders")["folders"], ids=lambda folder: folder["name"])
def test_what_the_recipe_gives_is_what_was_measured(folder: dict[str, Any]) -> None:
    ours, nearest = folder["ours"], folder["peers"]["nearest-neighbour"]
    (row,) = re.findall(rf"^\| `{folder['name']}` \|.*$", (DOCS / "background/recipe.md").read_text("utf-8"), re.M)
    cells = [cell.strip() for cell in row.split("|")]
    assert cells[3] == f"{ours['right'] / ours['tests']:.1%} of {ours['tests']}".replace("%", " %")
    assert cells[4] == f"{nearest['right'] / nearest['tests']:.1%}".replace("%", " %")


def test_the_values_of_the_recipe_are_those_of_its_code() -> None:
    text = page("background/recipe.md")
    assert f"{recipe.SHARE} and {recipe.SHARE}" in text
    assert f"about {recipe.STEPS:,} steps in all, {recipe.FEWEST_EPOCHS} to {recipe.MOST_EPOCHS} epochs" in text
    assert f"{recipe.EPOCHS_OF_MANY} or more above {recipe.MANY_IMAGES:,} images" in text
    assert f"for {recipe.LARGE_BATCH_FROM:,} training images or more" in text
    assert f"between {inspection.SHORTEST} px for the short and {inspection.LONGEST} px for the long side" in text
    assert f"{inspection.LONGEST_OF_MANY} px at most above {inspection.MANY:,} images" in text
    assert f"over {concerns.UNBALANCED:.0f} times the images" in text
    assert f"up to {sightings.FILES} files" in text and f"{sightings.MOST_PIXELS // 10**6} million pixels" in text
    (_, full), (few, medium), (more, small) = ((most, size) for most, size in recipe.BACKBONE_SIZES)
    limits = [most for most, _ in recipe.BACKBONE_SIZES]
    sizes = f"{full} px ({medium} above {limits[0]:,} images, {small} above {limits[1]:,})"
    assert sizes in text and few < more
    assert f"at least {recipe.SMALLEST_PHOTO} px, with fewer than {recipe.FEW_A_CLASS:,} a class" in text
    assert f"at most {limits[-1]:,} in all" in text and f"for {recipe.BACKBONE_EPOCHS} epochs" in text


def test_the_intervals_that_pages_show_are_those_of_the_code() -> None:
    (right, n, share, low, high) = re.findall(
        r"(\d+) of (\d+) right is ([\d.]+) %, with a 95 % interval of ([\d.]+) % to ([\d.]+) %",
        page("concepts/seeds.md"),
    )[0]
    ends = exact_interval(int(right), int(n))
    assert [share, low, high] == [f"{100 * value:.2f}" for value in (int(right) / int(n), *ends)]
    (right, n, low, high) = re.findall(
        r"(\d+) of (\d+) right means ([\d.]+) to ([\d.]+) %", page("reference/outputs.md")
    )[0]
    assert [low, high] == [f"{100 * end:.1f}" for end in exact_interval(int(right), int(n))]


def test_the_losses_of_guessing_are_those_of_the_code() -> None:
    (large, small, accuracy, loss) = re.findall(
        r"With (\d+) training images of one class and (\d+) of the other, .*? training accuracy of ([\d.]+) % and "
        r"a training loss of ([\d.]+),",
        page("reference/outputs.md"),
    )[0]
    guess = Guess((int(large), int(small)))
    assert [accuracy, loss] == [f"{100 * guess.accuracy:.1f}", f"{guess.loss:.3f}"]
    for name in ("concepts/plateau.md", "reference/outputs.md"):
        assert f"ln 2 = {math.log(2):.3f}" in page(name)
    for number in re.findall(r"0\.6\d+", page("concepts/plateau.md")):
        assert number == f"{Guess((1, 1)).loss:.3f}"


def test_the_corruptions_of_the_study_file_are_those_of_the_grid() -> None:
    text = (DOCS / "reference" / "study-file.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", text[text.index("## The corruptions") :], re.M))
    assert rows.keys() == GRID.keys()
    assert rows["shift"].startswith(", ".join(f"{100 * level:g}" for level in GRID["shift"]) + " %")
    for name, unit in (("scale", 1), ("rotation", 1), ("noise", 100)):
        assert rows[name].startswith(f"{unit * GRID[name][0]:g} to {unit * GRID[name][-1]:g}")
    thinner, wider = ([f"{abs(level):g}" for level in GRID["stroke"] if level * side > 0] for side in (-1, 1))
    assert f"{' or '.join(thinner)} px thinner, {', '.join(wider[:-1])} or {wider[-1]} px wider" in rows["stroke"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "reference/image-folders.md",
            f"{decoding.MAX_PIXELS:,} px and {decoding.MAX_BYTES // 2**20} MiB per image",
        ),
        ("reference/parameters.md", f"more than {snapshots.LARGEST // 2**20} MiB of weights"),
        ("reference/outputs.md", f"at most {suspect_labels.MOST}, the most doubtful first"),
        ("how-to/backbones.md", f"at most {feature_cache.MOST_BYTES // 2**30} GiB"),
        ("how-to/export-and-serve.md", f"up to {round(export.LARGEST / 2**30)} GiB"),
        ("how-to/resume-and-verify.md", f"waits {store.SETTINGS['MLFLOW_HTTP_REQUEST_TIMEOUT']} s for an answer"),
        ("background/reproducibility.md", f"accuracies within {verify.TOLERANCE}"),
        ("background/scaling.md", f"batches of at most {packing.BATCH_BYTES // 2**20} MiB"),
        ("background/scaling.md", f"At most {near_duplicates.MOST_COMPARED:,} pairs"),
        ("background/scaling.md", f"{4 * near_duplicates.WINDOW} comparisons an image"),
        (
            "background/scaling.md",
            f"within {gpu.LOSS_TOLERANCE} nats of the CPU's, validation accuracy within {gpu.ACCURACY_TOLERANCE}",
        ),
        ("background/scaling.md", f"accuracy within {gpu.BFLOAT16_TOLERANCE} of float32"),
        ("background/scaling.md", f"{gpu.EPOCH_TARGET:g} times as fast"),
    ],
)
def test_a_limit_that_a_page_names_is_that_of_the_code(name: str, said: str) -> None:
    assert said in page(name)


def test_the_pinned_variables_are_those_of_the_code() -> None:
    text = page("background/reproducibility.md")
    pinned = bits.PORTABLE | {"OPENBLAS_CORETYPE": bits.FIXED["OPENBLAS_CORETYPE"]}
    assert [name for name, value in pinned.items() if f"`{name}={value}`" not in text] == []
    assert {name for name in bits.FIXED if "THREADS" not in name} <= set(re.findall(r"[A-Z]+(?:_[A-Z]+)+", text))


def test_the_parts_of_a_step_make_the_whole() -> None:
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    table = text[text.index("| part of a step | ms |") :].partition("\n\n")[0]
    *parts, whole = (float(cell) for cell in re.findall(r"\| ([\d.]+) \|$", table, re.M))
    assert len(parts) > 4 and sum(parts) == whole


def test_the_steps_of_an_epoch_are_those_of_the_shipped_study() -> None:
    params = YAML(typ="safe").load(ROOT / "study" / "variants.yaml")["params"]
    images, batch = params["train.images_per_class"], params["train.batch_size"]
    steps = math.ceil(2 * images / batch)
    text = page("how-to/study.md")
    assert f"{images} training images of each class, batches of {batch}, so {steps} steps an epoch" in text
    assert f"{steps * params['train.epochs']} in ten epochs" in text


def test_a_figure_that_no_file_has_would_be_seen() -> None:
    known = {spelling for value in (0.9867, 2320, 0.6931) for spelling in spellings(value)}
    assert [number for number in quoted("98.7 % with 2,320 of `7` and [5](6.md): 98.6") if number not in known] == [
        "5",
        "98.6",
    ]

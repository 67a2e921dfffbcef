"""The benchmark: both sides compute the same, and every row comes out on tiny data. No time is tested."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.project import Project
from helpers.repository import ROOT
from torch.nn import functional

from benchmarks import comparison, drawings, layers, reference, rows, scale, table, training
from benchmarks.comparison import Row
from benchmarks.rows import Setting
from crosscheck.core.params import load
from crosscheck.data import dataset
from crosscheck.network import model
from crosscheck.training.fused_linear import Dense

NETWORKS = ["base", "channels_18", "three_conv"]
MACHINE = {"cpu": "a", "instructions": "b", "threads": "2", "torch": "c", "gflops": 200.0}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three training images and two test images of each class."""
    folder = tmp_path_factory.mktemp("drawn")
    drawings.make(folder / "data", 3, 2)
    return folder / "data"


@pytest.mark.parametrize("name", NETWORKS)
def test_both_sides_have_the_same_loss_and_gradients_for_the_same_weights(name: str, drawn: Path) -> None:
    asked = training.arguments(["--split", str(drawn / "split"), "--network", name])
    data_set = dataset.read_data_set(drawn / "split")
    ours = model.build(training.parameters(asked).model, data_set)
    theirs = reference.network(name)
    with torch.no_grad():
        for mine, plain in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert mine.shape == plain.shape
            mine.copy_(plain)
    pixels = torch.from_numpy(np.load(drawn / "split" / "train.npy")).permute(0, 3, 1, 2)
    labels = torch.from_numpy(np.load(drawn / "split" / "train_labels.npy"))
    losses = [
        functional.cross_entropy(net(batch), labels) for net, batch in ((ours, pixels), (theirs, pixels.float() / 255))
    ]
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-5, atol=1e-6)
    gradients = [
        torch.autograd.grad(loss, list(net.parameters())) for loss, net in zip(losses, (ours, theirs), strict=True)
    ]
    for mine, plain in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, plain, rtol=1e-3, atol=1e-5)


def test_the_networks_are_those_of_the_table() -> None:
    counts = {"base": 4_452_694, "channels_18": 4_453_189, "three_conv": 501_372, "no_pool": 260_491_702}
    with torch.device("meta"):
        for name, count in counts.items():
            assert sum(weights.numel() for weights in reference.network(name).parameters()) == count


def test_both_sides_see_the_same_images(drawn: Path) -> None:
    folder = reference.datasets.ImageFolder(drawn / "images" / "train", reference.PREPARE)
    files = torch.stack([image for image, _ in folder])
    packed = torch.from_numpy(np.load(drawn / "split" / "train.npy")).permute(0, 3, 1, 2)
    # The weights of red, green and blue that torchvision makes grey with add up to 0.9999.
    torch.testing.assert_close(files, packed.float() / 255, rtol=0, atol=2e-4)
    assert folder.targets == np.load(drawn / "split" / "train_labels.npy").tolist()


@pytest.mark.slow
def test_one_command_measures_a_row_and_writes_it_down(tmp_path: Path) -> None:
    words = ["--rows", "epoch-three_conv", "--repeats", "1", "--epochs", "1", "--train", "2", "--test", "1"]
    command = [sys.executable, "-m", "benchmarks.run", *words, "--results", str(tmp_path / "results")]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    content = json.loads((tmp_path / "results" / "speed.json").read_text(encoding="utf-8"))
    assert [row["name"] for row in content["rows"]] == ["three_conv, an epoch"]
    assert len(content["rows"][0]["reference"]) == len(content["rows"][0]["ours"]) == 1
    assert content["machine"]["gflops"] > 0
    assert printed.strip() == (tmp_path / "results" / "speed.md").read_text(encoding="utf-8").strip()


@pytest.mark.slow
def test_the_script_draws_all_pictures_and_saves_the_model(drawn: Path, tmp_path: Path) -> None:
    options = ["--images", drawn / "images", "--network", "three_conv", "--epochs", 1, "--pictures", tmp_path]
    report = comparison.report_of(comparison.module("benchmarks.reference", *options))
    assert len(report["epoch_seconds"]) == len(report["test_accuracy"]) == 1
    maps = [f"maps_{number}_{kind}.png" for number, kind in enumerate(("Conv2d", "ReLU", "MaxPool2d") * 3)]
    kernels = [f"kernels_{number}.png" for number in (1, 2, 3)]
    samples = [f"samples_{name}.png" for name in ("circles", "crosses")]
    expected = {*maps, *kernels, *samples, "prediction.png", "model.pt", "weights.pt"}
    assert {file.name for file in tmp_path.iterdir()} == expected


@pytest.mark.slow
def test_the_memory_of_the_process_that_starts_a_side_is_not_counted(drawn: Path) -> None:
    options = ["--split", drawn / "split", "--network", "three_conv", "--epochs", 1]
    before = comparison.report_of(comparison.module("benchmarks.training", *options))["peak_bytes"]
    much = np.ones(2 * before, dtype=np.uint8)
    after = comparison.report_of(comparison.module("benchmarks.training", *options))["peak_bytes"]
    assert after < 1.5 * before < len(much)


MAPS_AND_ALLOCATES = """
import sys
import numpy as np
from benchmarks.memory import peaks
before = peaks()
mapped = np.memmap(sys.argv[1], mode="r")
mapped.sum()
block = np.ones(48 * 2**20, np.uint8)
del block
after = peaks()
print(*(after[name] - before[name] for name in ("peak_bytes", "own_peak_bytes")))
"""


def test_own_memory_leaves_mapped_files_out_and_keeps_what_was_freed(tmp_path: Path) -> None:
    if subprocess.check_output(["stat", "-f", "-c", "%T", tmp_path], text=True).strip() == "tmpfs":
        pytest.skip("the folder for temporary files lies in memory, and so would the mapped file")
    (tmp_path / "file").write_bytes(bytes(64 * 2**20))
    words = [sys.executable, "-c", MAPS_AND_ALLOCATES, str(tmp_path / "file")]
    printed = subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    grown, own = (int(number) / 2**20 for number in printed.split())
    assert 110 < grown < 130
    assert 46 < own < 60


def test_the_fast_recipe_is_a_valid_one_and_stops_at_the_accuracy_asked_for(drawn: Path) -> None:
    options = ["--split", drawn / "split", "--recipe", "fast", "--until", 0.0, "--epochs", 3]
    assert len(comparison.report_of(comparison.module("benchmarks.training", *options))["epoch_seconds"]) == 1


def setting(drawn: Path, project: Path) -> Setting:
    return Setting(drawn, 6, 1, 1, {**MACHINE, "copy_gigabytes_per_second": 20.0}, project)


@pytest.mark.soak
@pytest.mark.parametrize(
    "name", ["epoch-base", "portable", "augment", "busy", "accuracy", "pipeline", "throughput", "study"]
)
def test_every_kind_of_row_comes_out(name: str, drawn: Path, reproduced: Project, monkeypatch: Any) -> None:
    monkeypatch.setattr(rows, "EPOCHS", 1)
    monkeypatch.setattr(rows, "MOST_EPOCHS", 1)
    # Three convolutions use these small images up.
    monkeypatch.setattr(rows, "STUDIED", ("base", "channels_18"))
    monkeypatch.setattr(rows, "EPOCH_TARGETS", {"base": 3.5, "no_pool": 1.7})
    made = rows.ROWS[name](setting(drawn, reproduced.folder))
    assert made
    for row in made:
        assert len(row.reference) == len(row.ours) == 1
        assert row.ratio > 0
    if name == "pipeline":
        assert "split" in made[0].note and "explain" in made[0].note
        assert "train" in made[1].note and "explain" not in made[1].note


def test_the_price_of_portable_bits_is_measured_in_turn_for_every_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def report(words: list[str]) -> dict[str, list[float]]:
        asked.append(words)
        return {"epoch_seconds": [1.0] if "--native" in words else [1.25]}

    monkeypatch.setattr(rows, "report_of", report)
    machine = {**MACHINE, "instructions": "AVX512"}
    made = rows.portable(Setting(tmp_path, 6, 2, 1, machine, tmp_path))
    assert [row.name.partition(",")[0] for row in made] == list(rows.EPOCH_TARGETS)
    assert [round(1 / row.target, 2) for row in made] == [1.15, 1.15, 1.15, 2.0]
    assert {(row.ratio, row.note) for row in made} == {(0.8, "1.25 times as long")}
    # A seed for each pair, and the other side first in the second.
    assert ["--native" in words for words in asked] == 4 * [True, False, False, True]


def test_an_epoch_beside_busy_processes_is_compared_with_the_same_on_an_idle_machine(
    drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy: list[bool] = []

    @contextmanager
    def keep_busy() -> Iterator[None]:
        busy.append(True)
        yield
        busy.pop()

    def report(words: list[str]) -> dict[str, list[float]]:
        alone = 4.0 if "benchmarks.reference" in words else 1.0
        return {"epoch_seconds": [2 * alone if busy else alone]}

    monkeypatch.setattr(rows, "_every_core_busy", keep_busy)
    monkeypatch.setattr(rows, "report_of", report)
    against_script, against_idle = rows.busy(Setting(drawn, 6, 2, 1, MACHINE, drawn))
    assert (against_script.reference, against_script.ours) == ([8.0] * 2, [2.0] * 2)
    assert (against_idle.reference, against_idle.ours, against_idle.note) == (
        [1.0] * 2,
        [2.0] * 2,
        "2.00 times as long",
    )
    assert round(1 / against_idle.target, 2) == 2.2


def test_the_price_of_changed_images_is_that_of_every_change(drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def report(words: list[str]) -> dict[str, list[float]]:
        asked = training.arguments(words[words.index("--split") :])
        return {"epoch_seconds": [1.2 if all(training.parameters(asked).augment.model_dump().values()) else 1.0]}

    monkeypatch.setattr(rows, "report_of", report)
    (row,) = rows.augment(Setting(drawn, 6, 3, 1, MACHINE, drawn))
    assert (row.reference, row.ours, row.target, row.note) == ([1.0] * 3, [1.2] * 3, 0.8, "1.20 times as long")


def test_sides_take_turns_and_the_first_to_go_changes() -> None:
    order: list[str] = []

    def side(name: str) -> comparison.Callable[[int], int]:
        return lambda repeat: order.append(name) or repeat

    assert comparison.in_turn(3, side("a"), side("b")) == [[0, 1, 2], [0, 1, 2]]
    assert order == ["a", "b", "b", "a", "a", "b"]


def test_the_table_has_medians_spread_ratio_and_target() -> None:
    measured = [
        Row("epoch", "s", [4.0, 3.0, 5.0], [1.0, 2.0, 0.5], 3.5, "note", commit="1234567"),
        Row("runs", "per hour", [60.0], [300.0], 4.0, more_is_better=True),
    ]
    text = table.markdown(measured, {**MACHINE, "copy_gigabytes_per_second": 20.0})
    assert "| epoch (s) | 4 (3 to 5, n = 3) | 1 (0.5 to 2, n = 3) | 4.00 | 3.50 | 1234567 | note |" in text
    assert "| runs (per hour) | 60 (60 to 60, n = 1) | 300 (300 to 300, n = 1) | 5.00 | 4.00 |" in text


def test_a_command_that_fails_stops_the_benchmark() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        comparison.wall_seconds([[sys.executable, "-c", "raise SystemExit(3)"]])


def test_the_shipped_parameters_are_those_that_are_compared() -> None:
    shipped = load(ROOT / "params.yaml")
    asked = training.arguments(["--split", "x", "--epochs", str(shipped.train.epochs)])
    assert training.parameters(asked) == shipped


def test_a_scale_asks_for_its_number_of_images_and_keeps_the_shares_of_the_subsets(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_bytes((ROOT / "params.yaml").read_bytes())
    before = load(file)
    scale.change(file, 4 * before.synthesize.images_per_class)
    after = load(file)
    assert after.synthesize.images_per_class == 2 * before.synthesize.images_per_class
    assert (after.split.test, after.split.val) == (2 * before.split.test, 2 * before.split.val)


def test_what_is_not_measured_again_stays_with_its_commit_unless_the_machine_is_another(tmp_path: Path) -> None:
    machine = {**MACHINE, "copy_gigabytes_per_second": 20.0}
    rows_before = [Row(name, "s", [2.0], [1.0], 1.5, question=name, commit="1234567") for name in ("study", "accuracy")]
    table.write(rows_before, machine, tmp_path)
    assert table.kept({**machine, "gflops": 190.0}, tmp_path) == rows_before
    assert table.kept({**machine, "cpu": "another"}, tmp_path) == []
    assert table.kept(machine, tmp_path / "nothing") == []
    assert "| 1234567 |" in (tmp_path / "speed.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("descend", [False, True])
def test_both_sides_of_a_layer_are_timed_and_descend_only_if_asked(descend: bool) -> None:
    linear = torch.nn.Linear(8, 4)
    before = linear.weight.detach().clone()
    ours = Dense(linear, (lambda: layers.RATE) if descend else None)
    line = layers.row("dense", linear, ours, torch.rand(2, 8), 1, descend)
    assert torch.equal(linear.weight, before) is not descend
    name, theirs, ours, ratio = line.strip("| ").split(" | ")
    assert name == "dense"
    assert min(float(theirs), float(ours), float(ratio)) >= 0

"""Checkpoints: they come back bit for bit, and no damage turns one into a traceback or runs code."""

import pickle
import resource
import shutil
import zipfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.networks import COLOUR, images_of, vary
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crosscheck.core.errors import InputError
from crosscheck.core.params import Params
from crosscheck.network import model
from crosscheck.network.checkpoint import CHECKPOINT_FORMAT, Checkpoint, load_checkpoint, save_checkpoint


def small_checkpoint(params: Params, seed: int = 0) -> Checkpoint:
    torch.manual_seed(seed)
    wanted = vary(params, channels=2, further_channels=[2], hidden=[4])
    data_set = replace(COLOUR, classes=["a,b", 'quote"', "line\nbreak", "$x_1$", "円", "\udcff"])
    return Checkpoint(model.build(wanted, data_set), wanted, data_set)


@pytest.fixture
def checkpoint_file(params: Params, tmp_path: Path) -> Path:
    save_checkpoint(small_checkpoint(params), tmp_path / "model.pt")
    return tmp_path / "model.pt"


def test_a_checkpoint_comes_back_bit_for_bit(params: Params, checkpoint_file: Path) -> None:
    saved, loaded = small_checkpoint(params), load_checkpoint(checkpoint_file)
    assert (loaded.params, loaded.data_set) == (saved.params, saved.data_set)
    before, after = saved.net.state_dict(), loaded.net.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[name], after[name]) for name in before)
    images = images_of(saved.data_set, 4)
    assert torch.equal(saved.net(images), loaded.net(images))
    assert not loaded.net.training
    assert all(parameter.requires_grad for parameter in loaded.net.parameters())


def test_a_checkpoint_loads_with_torch_alone_and_runs_no_code(checkpoint_file: Path) -> None:
    content = torch.load(checkpoint_file, weights_only=True)
    assert content["format"] == CHECKPOINT_FORMAT
    assert set(content) == {"format", "model", "data_set", "weights"}


def test_the_same_content_gives_the_same_bytes_wherever_it_is_saved(params: Params, tmp_path: Path) -> None:
    files = [tmp_path / "model.pt", tmp_path / "some" / "where" / "else" / "model.pt"]
    for file in files:
        save_checkpoint(small_checkpoint(params), file)
    channels_last = small_checkpoint(params)
    channels_last.net.to(memory_format=torch.channels_last)
    save_checkpoint(channels_last, tmp_path / "last" / "model.pt")
    assert files[0].read_bytes() == files[1].read_bytes() == (tmp_path / "last" / "model.pt").read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir() if file.is_file()) == ["model.pt"]


def fault(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_checkpoint(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert len(line.splitlines()) == 1, line
    assert len(line) < 700, line
    return line


def tampered(source: Path, **changes: Any) -> Path:
    """A checkpoint that torch wrote, with some of its entries changed."""
    content = torch.load(source, weights_only=True) | changes
    target = source.with_name("tampered.pt")
    torch.save(content, target)
    return target


@pytest.mark.parametrize("share", [0, 0.001, 0.01, 0.1, 0.3, 0.5, 0.9, 0.99, 0.999])
def test_a_truncated_checkpoint_is_refused(checkpoint_file: Path, share: float) -> None:
    content = checkpoint_file.read_bytes()
    checkpoint_file.write_bytes(content[: int(len(content) * share)])
    assert "not a readable checkpoint" in fault(checkpoint_file)


def test_what_is_no_checkpoint_is_refused(checkpoint_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pt"
    assert "not found" in fault(other)
    other.mkdir()
    assert "not a readable checkpoint" in fault(other)
    other.rmdir()
    for content in (b"plain text\n" * 100, b"\x89PNG\r\n\x1a\n", pickle.dumps({"format": CHECKPOINT_FORMAT})):
        other.write_bytes(content)
        assert "not a readable checkpoint" in fault(other)
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("hello", "world")
    assert "not a readable checkpoint" in fault(other)
    for foreign in ({"state_dict": {}}, torch.zeros(3), [1], {"format": "crosscheck-checkpoint-0"}, None):
        torch.save(foreign, other)
        assert "not a checkpoint of this project's format" in fault(other)


def test_wrong_weights_are_named(checkpoint_file: Path) -> None:
    weights = torch.load(checkpoint_file, weights_only=True)["weights"]
    name = "block1.convolution.weight"
    right = weights[name]
    cases: list[tuple[Any, str]] = [
        (right[:1].clone(), "float32 (1, 3, 3, 3), but the model it describes has float32 (2, 3, 3, 3)"),
        (right.double(), "are float64 (2, 3, 3, 3)"),
        (right.to_sparse(), "without a value for each place"),
        (torch.zeros(1).expand(right.shape), "without a value for each place"),
        (right.to("meta"), "without a value for each place"),
        (3, "not a tensor"),
    ]
    for value, words in cases:
        line = fault(tampered(checkpoint_file, weights={**weights, name: value}))
        assert name in line
        assert words in line
    del weights[name]
    assert f"'{name}' are missing" in fault(tampered(checkpoint_file, weights=weights))
    line = fault(tampered(checkpoint_file, weights={**weights, name: right, "more": right}))
    assert "'more' are float32 (2, 3, 3, 3), but the model it describes has none of that name" in line
    assert "the weights 7 are" in fault(tampered(checkpoint_file, weights={**weights, name: right, 7: right}))
    for none in (None, [], "weights"):
        assert "holds no weights" in fault(tampered(checkpoint_file, weights=none))


def test_a_wrong_description_is_named(checkpoint_file: Path) -> None:
    content = torch.load(checkpoint_file, weights_only=True)
    wanted, data_set = content["model"], content["data_set"]
    assert "model.channels must be a whole number" in fault(
        tampered(checkpoint_file, model={**wanted, "channels": "9"})
    )
    assert "model.kernel is not a parameter" in fault(tampered(checkpoint_file, model={**wanted, "kernel": 3}))
    assert "too small for number 3" in fault(tampered(checkpoint_file, model={**wanted, "further_channels": [1] * 12}))
    assert "its model description is wrong" in fault(tampered(checkpoint_file, model=None))
    assert "height must be a whole number" in fault(tampered(checkpoint_file, data_set={**data_set, "height": 17.0}))
    assert "classes" in fault(tampered(checkpoint_file, data_set=None))
    assert "classes must have at least 2 items" in fault(
        tampered(checkpoint_file, data_set={**data_set, "classes": ["a"]})
    )


def test_a_claimed_giant_takes_no_memory(checkpoint_file: Path) -> None:
    content = torch.load(checkpoint_file, weights_only=True)
    giant = {**content["model"], "channels": 4096, "further_channels": [4096] * 3, "hidden": [65536] * 20}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for side in (17, 8192):
        data_set = {**content["data_set"], "height": side * 3, "width": side}
        line = fault(tampered(checkpoint_file, model={**giant, "pool": "none"}, data_set=data_set))
        assert "the weights" in line or "more than 8192 px" in line
    for side in (10**9, 2**62, 10**30):
        line = fault(tampered(checkpoint_file, data_set={**content["data_set"], "height": side, "width": side}))
        assert "more than 8192 px" in line
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000, "in kB"


class Trap:
    """Unpickled without care, it creates a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


def test_code_inside_a_checkpoint_does_not_run(checkpoint_file: Path, tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    torch.save({"format": CHECKPOINT_FORMAT, "weights": Trap(sprung)}, tmp_path / "zip.pt")
    torch.save(Trap(sprung), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    (tmp_path / "raw.pt").write_bytes(pickle.dumps(Trap(sprung)))
    for name in ("zip.pt", "old.pt", "raw.pt"):
        assert "not a readable checkpoint" in fault(tmp_path / name)
    assert "it is damaged, or loading it would run code that it names" in fault(tmp_path / "zip.pt")
    assert not sprung.exists()
    with (tmp_path / "raw.pt").open("rb") as file:
        pickle.load(file)  # noqa: S301  the trap itself works
    assert sprung.exists()


@pytest.mark.filterwarnings("error")
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_flipped_bytes_load_or_end_in_one_line(checkpoint_file: Path, data: st.DataObject) -> None:
    content = bytearray(checkpoint_file.read_bytes())
    flips = st.tuples(st.integers(0, len(content) - 1), st.integers(1, 255))
    for place, change in data.draw(st.lists(flips, min_size=1, max_size=6)):
        content[place] ^= change
    damaged = checkpoint_file.with_name("damaged.pt")
    damaged.write_bytes(content)
    try:
        loaded = load_checkpoint(damaged)
    except InputError as error:
        assert len(str(error).splitlines()) == 1, str(error)
    else:
        assert asdict(loaded.data_set).keys() == asdict(COLOUR).keys()


def test_a_loaded_checkpoint_does_not_change_with_its_file(params: Params, checkpoint_file: Path) -> None:
    loaded = load_checkpoint(checkpoint_file)
    save_checkpoint(small_checkpoint(params, seed=9), checkpoint_file)
    before, after = small_checkpoint(params).net.state_dict(), loaded.net.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    shutil.copy(checkpoint_file, checkpoint_file.with_name("again.pt"))
    save_checkpoint(loaded, checkpoint_file)
    save_checkpoint(small_checkpoint(params), checkpoint_file.with_name("model2") / "model.pt")
    assert checkpoint_file.read_bytes() == (checkpoint_file.with_name("model2") / "model.pt").read_bytes()

"""The exported network answers in onnxruntime as the checkpoint does in PyTorch."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from helpers.models import write_model
from helpers.repository import ROOT

from crosscheck.commands import export
from crosscheck.core.errors import InputError
from crosscheck.core.params import ModelParams, Params
from crosscheck.data.dataset import DataSet, Subset
from crosscheck.network import model
from crosscheck.network.checkpoint import Checkpoint

DIGEST = "0" * 64


def network(params: Params, data_set: DataSet, **changes: Any) -> Checkpoint:
    small = {"channels": 3, "further_channels": [4], "hidden": [5]}
    wanted = ModelParams.model_validate({**params.model.model_dump(), **small, **changes})
    torch.manual_seed(0)
    return Checkpoint(model.build(wanted, data_set).eval(), wanted, data_set)


def pixels(count: int, channels: int, height: int, width: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (count, channels, height, width), dtype=np.uint8))


def run(file: Path, images: torch.Tensor) -> torch.Tensor:
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {"images": images.numpy()})[0])


@pytest.mark.parametrize(
    ("changes", "channels"),
    [
        ({"pool": "max"}, 1),
        ({"pool": "avg", "invert": True}, 3),
        ({"pool": "stride", "norm": "batch"}, 1),
        ({"pool": "none", "hidden": []}, 1),
        ({"head": "average", "norm": "batch"}, 3),
        ({"head": "convolution"}, 1),
    ],
    ids=str,
)
def test_every_kind_of_network_answers_as_in_pytorch_for_any_number_of_images(
    params: Params, tmp_path: Path, changes: dict[str, Any], channels: int
) -> None:
    made = network(params, DataSet(["a", "b", "c"], 20, 24, channels, "stretch", 255), **changes)
    for name, values in made.net.named_buffers():
        if "running" in name:
            # As after training: an untrained network's would make the normalisation do nothing.
            values.uniform_(0.5, 2)
    export.convert(made, DIGEST, tmp_path / "model.onnx")
    for count in (1, 2, 5):
        images = pixels(count, channels, 20, 24)
        with torch.inference_mode():
            expected = made.net(images)
        torch.testing.assert_close(run(tmp_path / "model.onnx", images), expected, rtol=1e-4, atol=1e-5)


def test_a_head_of_convolutions_takes_images_of_any_size(params: Params, tmp_path: Path) -> None:
    made = network(params, DataSet(["a", "b"], 20, 20, 1, "stretch", 255), head="convolution")
    export.convert(made, DIGEST, tmp_path / "model.onnx")
    for height, width in ((20, 20), (33, 57)):
        images = pixels(2, 1, height, width)
        with torch.inference_mode():
            torch.testing.assert_close(run(tmp_path / "model.onnx", images), made.net(images), rtol=1e-4, atol=1e-5)


def test_the_bytes_depend_on_the_network_alone_and_the_file_describes_itself(params: Params, tmp_path: Path) -> None:
    made = network(params, DataSet(["a", "ü"], 20, 20, 1, "pad", 7))
    files = [tmp_path / folder / f"{folder}.onnx" for folder in ("one", "another")]
    for file in files:
        file.parent.mkdir()
        export.convert(made, DIGEST, file)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert str(ROOT).encode() not in files[0].read_bytes()
    content = onnx.load(str(files[0]))
    onnx.checker.check_model(content, full_check=True)
    properties = {each.key: each.value for each in content.metadata_props}
    assert properties["checkpoint_sha256"] == DIGEST
    assert json.loads(properties["data_set"]) == {
        "classes": ["a", "ü"], "height": 20, "width": 20, "channels": 1, "fit": "pad", "background": 7
    }  # fmt: skip
    (taken,) = content.graph.input
    assert taken.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert [each.dim_param or each.dim_value for each in taken.type.tensor_type.shape.dim] == ["n", 1, 20, 20]


def test_a_network_too_large_for_the_format_is_refused(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "LARGEST", 100)
    made = network(params, DataSet(["a", "b"], 20, 20, 1, "stretch", 255))
    with pytest.raises(InputError, match="an ONNX file holds at most 100"):
        export.convert(made, DIGEST, tmp_path / "model.onnx")


@pytest.fixture
def workspace(params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with all that `export` reads."""
    monkeypatch.chdir(tmp_path)
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, name)
    made = network(params, DataSet(["a", "b"], 20, 20, 1, "stretch", 255))
    write_model(Path("models"), made, params)
    Path("data/split").mkdir(parents=True)
    np.save("data/split/test.npy", pixels(70, 1, 20, 20).permute(0, 2, 3, 1).numpy())
    np.save("data/split/test_labels.npy", np.arange(70, dtype=np.int64) % 2)
    return tmp_path


def test_the_command_says_how_far_both_agree_on_the_test_images(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export.main(Path("models/model.onnx"))
    said = capsys.readouterr().out
    assert said.startswith("models/model.onnx: the same classes as PyTorch on all n = 70 test images, logits that")
    assert float(said.split()[-1]) < 1e-4
    images = torch.from_numpy(np.load("data/split/test.npy")).permute(0, 3, 1, 2).contiguous()
    assert run(Path("models/model.onnx"), images).shape == (70, 2)


@pytest.mark.parametrize("change", ["class", "logits", "nan"])
def test_where_both_disagree_no_file_appears(workspace: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    honest = export.onnx_logits

    def wrong(file: Path, subset: Subset) -> torch.Tensor:
        logits = honest(file, subset)
        if change == "class":
            logits[3] = logits[3].flip(0)
        else:
            logits[3] += 0.01 if change == "logits" else float("nan")
        return logits

    monkeypatch.setattr(export, "onnx_logits", wrong)
    with pytest.raises(InputError, match="onnxruntime does not agree with PyTorch"):
        export.main(Path("models/model.onnx"))
    assert not list(Path("models").glob("*.onnx*"))


def test_a_file_of_another_kind_is_not_overwritten(workspace: Path) -> None:
    before = Path("params.yaml").read_bytes()
    with pytest.raises(InputError, match=r"--onnx is 'params.yaml'; give it a file name that ends in \.onnx"):
        export.main(Path("params.yaml"))
    assert Path("params.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("onnx", "reason"),
    [
        ("params.yaml/model.onnx", "File exists"),
        ("/proc/model.onnx", "No such file"),
        ("/proc/sub/model.onnx", "No such"),
    ],
)
def test_a_place_where_no_file_can_be_made_is_one_line_before_anything_is_computed(
    workspace: Path, onnx: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(export, "convert")
    with pytest.raises(InputError, match=f"--onnx is '{onnx}', but no file can be made in that folder .{reason}"):
        export.main(Path(onnx))


def test_a_folder_that_is_not_there_yet_is_made(workspace: Path) -> None:
    export.main(Path("new/folder/model.onnx"))
    assert [path.name for path in Path("new/folder").iterdir()] == ["model.onnx"]

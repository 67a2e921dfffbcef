"""Writes the trained network as ONNX, for programs without PyTorch, and checks that it answers as PyTorch does.

    python -m crosscheck export --onnx models/model.onnx

The network takes `images`, uint8 (n, channels, height, width), for any n. With a head of convolutions it takes any
height and width. It gives `logits`, float32 (n, classes). The file's metadata hold the classes and the preprocessing.
The same checkpoint gives the same bytes. The file appears only if both agree on every test image.
"""

import json
import warnings
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryFile

import onnx as onnx_format
import onnxruntime
import torch
from torch import Tensor

from crosscheck.core import devices
from crosscheck.core.errors import InputError
from crosscheck.core.files import write_file
from crosscheck.core.params import load_section
from crosscheck.data import dataset
from crosscheck.network import inference, model_card
from crosscheck.network.checkpoint import Checkpoint
from crosscheck.network.shapes import find_head
from crosscheck.pipeline import paths

# Of ONNX 1.12, from 2022: old enough for most programs that read it.
OPSET = 17
# A file of ONNX is one protobuf message, which has this limit.
LARGEST = 2**31 - 2**20
# Both compute with float32, in another order.
TOLERANCE = 1e-4


def main(onnx: Path) -> None:
    devices.prepare_for_reading(load_section("compute"))
    at = paths.read_paths("evaluate")
    check_path(onnx)
    trained, digest = model_card.load_trained(at["checkpoint"], at["card"]), model_card.read_card(at["card"]).sha256
    test = dataset.read(at["split"], "test", trained.data_set)
    expected = inference.compute_logits(trained.net, test, inference.BATCH)
    differences: list[float] = []

    def write(partial: Path) -> None:
        convert(trained, digest, partial)
        differences.append(difference(onnx_logits(partial, test), expected))

    write_file(onnx, write)
    print(
        f"{onnx}: the same classes as PyTorch on all n = {len(test)} test images, "
        f"logits that differ by at most {differences[0]:.1e}"
    )


def check_path(onnx: Path) -> None:
    """Raise InputError for another ending, so that no other file is overwritten, and where none can be made."""
    if onnx.suffix != ".onnx" or onnx.is_dir():
        raise InputError(f"--onnx is {str(onnx)!r}; give it a file name that ends in .onnx")
    try:
        onnx.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=onnx.parent):
            pass
    except OSError as error:
        raise InputError(
            f"--onnx is {str(onnx)!r}, but no file can be made in that folder ({error.strerror}); choose another one"
        ) from None


def convert(trained: Checkpoint, digest: str, file: Path) -> None:
    """Write `trained`, whose checkpoint has the SHA-256 `digest`, as ONNX. Raises InputError where it is too large."""
    size = sum(weights.nbytes for weights in trained.net.state_dict().values())
    if size > LARGEST:
        raise InputError(
            f"the network's weights have {size} bytes, but an ONNX file holds at most {LARGEST}; train a smaller one"
        )
    described = trained.data_set
    # Two images, since an exporter may take a dimension of length 1 for a constant.
    example = torch.zeros((2, described.channels, described.height, described.width), dtype=torch.uint8)
    dynamic = {0: "n"} | ({2: "height", 3: "width"} if find_head(trained.params) == "convolution" else {})
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        # The newer exporter writes the paths of this project's files into the model, and takes twenty times as long.
        torch.onnx.export(
            trained.net,
            (example,),
            str(file),
            dynamo=False,
            opset_version=OPSET,
            input_names=["images"],
            output_names=["logits"],
            dynamic_axes={"images": dynamic, "logits": {0: "n"}},
        )
    content = onnx_format.load(str(file))
    properties = {"checkpoint_sha256": digest, "data_set": json.dumps(asdict(described), ensure_ascii=False)}
    onnx_format.helper.set_model_props(content, properties)
    onnx_format.save(content, str(file))


def onnx_logits(file: Path, subset: dataset.Subset) -> Tensor:
    """The logits that onnxruntime gives for every image in order, float (n, classes)."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    starts = range(0, len(subset), inference.BATCH)
    batches = (
        inference.batch(subset, slice(start, start + inference.BATCH), torch.device("cpu"))[0] for start in starts
    )
    return torch.cat(
        [torch.from_numpy(session.run(["logits"], {"images": batch.contiguous().numpy()})[0]) for batch in batches]
    )


def difference(found: Tensor, expected: Tensor) -> float:
    """The largest absolute difference of the logits.

    Raises InputError where it is more than rounding makes, or where an image gets another class.
    """
    gap = float((found - expected).abs().max())
    others = int((found.argmax(1) != expected.argmax(1)).sum())
    # Written so that NaN is too much as well.
    if others or not gap <= TOLERANCE * max(1.0, float(expected.abs().max())):
        raise InputError(
            f"onnxruntime does not agree with PyTorch: {others} of {len(expected)} test images get another class, and "
            f"logits differ by up to {gap:.1e}; nothing was written; install the pinned releases: `make environment`"
        )
    return gap

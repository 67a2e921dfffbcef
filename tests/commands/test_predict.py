"""`predict` on files as users have them, with the network that the tiny pipeline trained."""

import errno
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.models import write_model
from helpers.networks import plain_logits
from helpers.project import change_params
from helpers.repository import ROOT
from PIL import Image

from crosscheck.commands import predict
from crosscheck.core import cli
from crosscheck.core.errors import InputError
from crosscheck.core.files import sha256
from crosscheck.core.params import ModelParams, Params
from crosscheck.data import synthetic
from crosscheck.data.dataset import DataSet, Subset
from crosscheck.evaluation import ood
from crosscheck.network import model
from crosscheck.network.checkpoint import Checkpoint

SIZE = 40
Answers = list[dict[str, Any]]


def drawings(params: Params, first: int, count: int) -> Subset:
    small = params.synthesize.model_copy(update={"size": SIZE})
    ink = [synthetic.draw(small, label, first + index) for index in range(count) for label in (0, 1)]
    return Subset(np.where(np.stack(ink), 0, 255).astype(np.uint8)[..., None], np.tile([0, 1], count))


def write_checkpoint(folder: Path, params: Params, data_set: DataSet) -> Checkpoint:
    """An untrained network with its card; it answers like any other."""
    small = {"channels": 4, "further_channels": [3], "hidden": [4], "invert": True}
    wanted = ModelParams.model_validate({**params.model.model_dump(), **small})
    torch.manual_seed(0)
    made = Checkpoint(model.build(wanted, data_set).eval(), wanted, data_set)
    write_model(folder, made, params)
    return made


@pytest.fixture
def trained(params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkpoint:
    """A working directory with all that `predict` reads, and ten images of each class in `images`."""
    monkeypatch.chdir(tmp_path)
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, name)
    made = write_checkpoint(Path("models"), params, DataSet(["circles", "crosses"], SIZE, SIZE, 1, "stretch", 255))
    learnt = ood.fit_detector(
        made.net, drawings(params, 0, 60), drawings(params, 60, 30), sha256(Path("models/model.pt"))
    )
    ood.save_detector(learnt, Path("models/ood_detector.npz"))
    Path("images").mkdir()
    for index, pixels in enumerate(drawings(params, 90, 10).images):
        Image.fromarray(pixels[..., 0]).save(f"images/{index:02d}.png")
    return made


@pytest.fixture
def ask(trained: Checkpoint, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answers]:
    def run(*words: str) -> Answers:
        predict.main(*map(Path, words), json=True)
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return run


def test_answers_are_the_softmax_of_the_logits(trained: Checkpoint, ask: Callable[..., Answers]) -> None:
    answers = ask("images")
    assert [answer["image"] for answer in answers] == [f"images/{index:02d}.png" for index in range(20)]
    known = [answer for answer in answers if answer["in_distribution"]]
    assert len(known) >= 15
    for answer in known:
        with Image.open(answer["image"]) as image:
            pixels = torch.from_numpy(np.array(image))[None, None]
        odds = plain_logits(trained.net, trained.params, pixels).double().softmax(1)[0].tolist()
        assert answer["probabilities"] == pytest.approx(dict(zip(("circles", "crosses"), odds, strict=True)), abs=2e-6)
        assert answer["class"] == max(answer["probabilities"], key=answer["probabilities"].get)
        assert answer["probability"] == answer["probabilities"][answer["class"]]


def test_an_image_unlike_all_training_images_gets_no_class(
    ask: Callable[..., Answers], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("odd").mkdir()
    Image.new("L", (SIZE, SIZE), 0).save("odd/black.png")
    noise = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE), dtype=np.uint8)
    Image.fromarray(noise).save("odd/noise.png")
    answers = ask("odd")
    assert [answer["image"] for answer in answers] == ["odd/black.png", "odd/noise.png"]
    for answer in answers:
        assert answer["ood_score"] > 1
        assert [answer[name] for name in ("in_distribution", "class", "probability", "probabilities")] == [
            False,
            None,
            None,
            None,
        ]
    predict.main(Path("odd"))
    table = capsys.readouterr().out.splitlines()
    assert table[0].split() == ["class", "probability", "ood_score", "image"]
    assert [line.split()[:2] for line in table[1:]] == [["unknown", "-"]] * 2


def test_a_bad_file_is_one_line_and_the_others_go_on(trained: Checkpoint, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mixed/sub").mkdir(parents=True)
    shutil.copy("images/00.png", "mixed/a.png")
    shutil.copy("images/01.png", "mixed/sub/z ü.png")
    Path("mixed/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"0" * 40)
    Path("mixed/empty.jpg").write_bytes(b"")
    Path("mixed/notes.txt").write_text("no image, and not said to be one", encoding="utf-8")
    Path("mixed/.hidden.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"^4 of 6 could not be used; the lines above name each$"):
        predict.main(Path("mixed"), Path("mixed/notes.txt"), Path("missing.png"))
    printed = capsys.readouterr()
    names = [line.split(maxsplit=3)[3] for line in printed.out.splitlines()]
    assert names == ["image", "mixed/a.png", "mixed/sub/z ü.png"]
    named = ["mixed/broken.png", "mixed/empty.jpg", "mixed/notes.txt", "missing.png"]
    *refused, total = printed.err.splitlines()
    assert [line.split(": ")[:2] for line in refused] == [["error", name] for name in named]
    assert total.startswith("2 images: ") and total.endswith("; 4 not readable")


def test_images_are_prepared_as_for_training_whatever_params_yaml_says_now(ask: Callable[..., Answers]) -> None:
    before = ask("images")
    change_params(Path("params.yaml"), data={"height": 20, "channels": 3, "fit": "pad", "background": 0})
    assert ask("images") == before


def test_a_large_colour_image_is_brought_to_the_size_of_the_training_images(ask: Callable[..., Answers]) -> None:
    with Image.open("images/00.png") as image:
        image.convert("RGB").resize((4 * SIZE, 4 * SIZE), Image.Resampling.NEAREST).save("large.png")
    small, large = ask("images/00.png", "large.png")
    assert large["ood_score"] == pytest.approx(small["ood_score"], abs=0.2)


def test_a_link_that_the_user_names_is_followed(ask: Callable[..., Answers], tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    Path("links/link").symlink_to(tmp_path / "images" / "00.png")
    (answer,) = ask("links/link")
    assert answer["image"] == "links/link"


def test_what_is_missing_or_does_not_belong_together_is_one_line(
    trained: Checkpoint, ask: Callable[..., Answers], params: Params
) -> None:
    with pytest.raises(InputError, match="no image given"):
        ask()
    write_checkpoint(Path("models"), params, DataSet(["a", "b", "c"], SIZE, SIZE, 1, "stretch", 255))
    with pytest.raises(InputError, match=r"ood_detector\.npz: belongs to another network"):
        ask("images")
    Path("models/ood_detector.npz").unlink()
    with pytest.raises(InputError, match=r"ood_detector\.npz: not found; run `dvc repro fit_ood`"):
        ask("images")
    Path("models/model.pt").unlink()
    with pytest.raises(InputError, match=r"model\.pt: not found; run `dvc repro train`"):
        ask("images")


def test_a_checkpoint_that_describes_no_way_to_prepare_images_is_refused(
    trained: Checkpoint, ask: Callable[..., Answers], params: Params
) -> None:
    write_checkpoint(Path("models"), params, DataSet(["a", "b"], SIZE, SIZE, 1, "crop", 255))
    learnt = ood.fit_detector(trained.net, drawings(params, 0, 5), drawings(params, 5, 5), "")
    ood.save_detector(
        ood.OodDetector(learnt.mean, learnt.deviation, learnt.known, 1.0, sha256(Path("models/model.pt"))),
        Path("models/ood_detector.npz"),
    )
    with pytest.raises(InputError, match=r"model\.pt: its description of images is wrong \(data_set\.fit must be"):
        ask("images")


def test_the_command_takes_files_and_flags(
    trained: Checkpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["predict", "images/00.png", "--json", "images/01.png", "missing.png"])
    with pytest.raises(SystemExit, match=r"error: 1 of 3 could not be used"):
        cli.run(predict.main)
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["image"] for line in lines] == ["images/00.png", "images/01.png"]
    assert "images" not in capsys.readouterr().err


def error_of(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[str, list[str]]:
    """The error in which a table of these files ends, and the lines on stderr before it."""
    with pytest.raises(InputError) as caught:
        predict.main(*map(Path, words))
    return str(caught.value), capsys.readouterr().err.splitlines()


def test_a_table_ends_with_a_total_on_stderr(
    trained: Checkpoint, ask: Callable[..., Answers], capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("L", (SIZE, SIZE), 0).save("images/zz black.png")
    Path("images/notes.txt").write_text("not an image", encoding="utf-8")
    labels = [answer["class"] or "unknown" for answer in ask("images")]
    assert capsys.readouterr().err == ""
    predict.main(Path("images"))
    found = [f"{labels.count(name)} {name}" for name in ("circles", "crosses", "unknown") if name in labels]
    assert capsys.readouterr().err == f"21 images: {', '.join(found)}; 0 not readable\n"


def test_a_file_that_is_named_twice_is_answered_twice(
    ask: Callable[..., Answers], capsys: pytest.CaptureFixture[str]
) -> None:
    assert [answer["image"] for answer in ask("images/00.png", "images/00.png")] == ["images/00.png"] * 2
    predict.main(Path("images/00.png"), Path("images/00.png"))
    assert capsys.readouterr().err.startswith("2 images: ")


def test_where_nothing_could_be_used_no_others_are_spoken_of(
    trained: Checkpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("bad.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"0" * 40)
    error, lines = error_of(capsys, "bad.png")
    assert error == "nothing was classified; the lines above say why"
    assert lines[0].startswith("error: bad.png: ")
    assert lines[1:] == ["0 images; 1 not readable"]


def test_a_folder_without_an_image_is_an_error(trained: Checkpoint, capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty/.hidden").mkdir(parents=True)
    Path("texts/sub").mkdir(parents=True)
    for name in ("a.txt", "sub/b.csv"):
        Path("texts", name).write_text("not an image", encoding="utf-8")
    error, lines = error_of(capsys, "empty", "texts", "images/00.png")
    assert error == "2 of 3 could not be used; the lines above name each"
    assert lines[:2] == [
        "error: empty: no image in this folder: it is empty, but for hidden names; name a folder or a file with images",
        "error: texts: no image in this folder: none of its 2 files is an image; name a folder or a file with images",
    ]
    assert error_of(capsys, "empty")[0] == "nothing was classified; the lines above say why"


def test_a_folder_that_may_not_be_listed_is_one_line_and_the_others_go_on(
    trained: Checkpoint, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("locked").mkdir()
    scandir = os.scandir

    def refusing(folder: Any) -> Any:
        if Path(folder).name == "locked":
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    error, lines = error_of(capsys, "locked", "images/00.png")
    assert error == "1 of 2 could not be used; the lines above name each"
    assert lines[0].startswith("error: locked: cannot be listed (Permission denied)")
    assert lines[1].startswith("1 image: ")


@pytest.mark.parametrize("name", ["a" * 5000, "loop", "models/model.pt/within"])
def test_a_name_that_cannot_be_followed_is_one_line(
    name: str, trained: Checkpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("loop").symlink_to("other")
    Path("other").symlink_to("loop")
    error, lines = error_of(capsys, name)
    assert error == "nothing was classified; the lines above say why"
    assert lines[0].startswith(f"error: {name}: ")
    assert len(lines) == 2


def test_a_gpu_in_params_yaml_keeps_nobody_from_asking_the_network(
    ask: Callable[..., Answers], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = ask("images")
    change_params(Path("params.yaml"), compute={"device": "cuda"})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    predict.main(Path("images"), json=True)
    printed = capsys.readouterr()
    assert [json.loads(line) for line in printed.out.splitlines()] == expected
    assert printed.err == ("note: params.yaml: compute.device is 'cuda', which is for training; this runs on the CPU\n")

"""What is unlike all training images is told from what is like them: by an oracle, by drawings, by damaged files."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import odd_images
from sklearn.neighbors import NearestNeighbors

from crosscheck.core.errors import InputError
from crosscheck.core.params import ModelParams, Params
from crosscheck.data import synthetic
from crosscheck.data.dataset import DataSet, Subset
from crosscheck.evaluation import ood
from crosscheck.network import inference, model

DIGEST = "0" * 64


def network(params: Params, data_set: DataSet, **changes: Any) -> torch.nn.Sequential:
    small = {**params.model.model_dump(), "channels": 4, "further_channels": [3], "hidden": [4], **changes}
    torch.manual_seed(0)
    return model.build(ModelParams.model_validate(small), data_set).eval()


def toy(count: int, seed: int = 0) -> Subset:
    images = np.random.default_rng(seed).integers(0, 256, (count, 18, 18, 1), dtype=np.uint8)
    return Subset(images, np.zeros(count, dtype=np.int64))


def features_of(net: torch.nn.Sequential, subset: Subset) -> torch.Tensor:
    images, _ = inference.batch(subset, slice(None), torch.device("cpu"))
    return ood.features(inference.responses(net, images))


@pytest.fixture
def net(params: Params) -> torch.nn.Sequential:
    return network(params, DataSet(["a", "b"], 18, 18, 1, "stretch", 255))


def test_features_are_the_means_of_the_quarters_of_each_map(net: torch.nn.Sequential) -> None:
    images, _ = inference.batch(toy(3), slice(None), torch.device("cpu"))
    with torch.inference_mode():
        first = net.block1(net.scale(images)).numpy()
        second = net.block2(net.block1(net.scale(images))).numpy()
    # Maps of 8 x 8 and of 3 x 3 px; quarters of an odd length share the middle.
    parts = [first[:, :, y : y + 4, x : x + 4].mean((2, 3)) for y in (0, 4) for x in (0, 4)]
    expected = np.stack(parts, axis=2).reshape(3, -1)
    parts = [second[:, :, y : y + 2, x : x + 2].mean((2, 3)) for y in (0, 1) for x in (0, 1)]
    expected = np.concatenate([expected, np.stack(parts, axis=2).reshape(3, -1)], axis=1)
    np.testing.assert_allclose(features_of(net, toy(3)).numpy(), expected, rtol=1e-5, atol=1e-6)


def test_distances_are_those_that_scikit_learn_finds(net: torch.nn.Sequential) -> None:
    train, val, other = toy(40), toy(150, 1), toy(20, 2)
    learnt = ood.fit_detector(net, train, val, DIGEST)
    seen = features_of(net, train).double().numpy()
    unit = np.maximum(seen.std(0), 0.02 * seen.std(0).max())
    neighbours = NearestNeighbors(n_neighbors=1).fit((seen - seen.mean(0)) / unit)

    def nearest(subset: Subset) -> np.ndarray:
        values = (features_of(net, subset).double().numpy() - seen.mean(0)) / unit
        return neighbours.kneighbors(values)[0][:, 0]

    # 1 % of 151 is more than one: all but the farthest of 150 stay within.
    limit = np.sort(nearest(val))[148 + 1]
    assert learnt.limit == pytest.approx(limit, rel=1e-4)
    found = learnt.distances(features_of(net, other)).numpy()
    np.testing.assert_allclose(found, nearest(other) / limit, rtol=1e-4)


@pytest.mark.parametrize(("count", "beyond"), [(1, 0), (98, 0), (99, 0), (199, 1), (200, 1), (400, 3)])
def test_the_limit_leaves_one_percent_of_the_validation_images_beyond(
    net: torch.nn.Sequential, count: int, beyond: int
) -> None:
    val = toy(count, 1)
    learnt = ood.fit_detector(net, toy(10), val, DIGEST)
    assert int((learnt.distances(features_of(net, val)) > 1 + 1e-5).sum()) == beyond


def test_without_validation_images_each_training_image_is_measured_by_the_others(net: torch.nn.Sequential) -> None:
    train = toy(12)
    learnt = ood.fit_detector(net, train, toy(0), DIGEST)
    seen = features_of(net, train).double().numpy()
    values = (seen - seen.mean(0)) / np.maximum(seen.std(0), 0.02 * seen.std(0).max())
    distances = NearestNeighbors(n_neighbors=1).fit(values).kneighbors()[0]
    assert learnt.limit == pytest.approx(distances.max(), rel=1e-4)


@pytest.mark.parametrize("count", [1, 5])
def test_training_images_that_are_all_alike_are_known_and_others_are_not(net: torch.nn.Sequential, count: int) -> None:
    same = Subset(np.repeat(toy(1).images, count, axis=0), np.zeros(count, dtype=np.int64))
    learnt = ood.fit_detector(net, same, toy(0), DIGEST)
    assert learnt.distances(features_of(net, same)).max() <= 1
    assert (learnt.distances(features_of(net, toy(5, 3))) > 1).all()


def drawings(params: Params, first: int, count: int) -> Subset:
    ink = [synthetic.draw(params.synthesize, label, first + index) for index in range(count) for label in (0, 1)]
    return Subset(np.where(np.stack(ink), 0, 255).astype(np.uint8)[..., None], np.tile([0, 1], count))


@pytest.mark.parametrize("changes", [{}, {"invert": True, "head": "average", "hidden": []}], ids=str)
def test_odd_images_are_unlike_circles_and_crosses_and_other_circles_and_crosses_are_not(
    params: Params, changes: dict[str, Any]
) -> None:
    net = network(params, DataSet(["circles", "crosses"], 116, 116, 1, "stretch", 255), **changes)
    learnt = ood.fit_detector(net, drawings(params, 0, 80), drawings(params, 80, 20), DIGEST)

    def share_beyond(images: np.ndarray) -> float:
        subset = Subset(images, np.zeros(len(images), dtype=np.int64))
        return float((learnt.distances(features_of(net, subset)) > 1).float().mean())

    assert share_beyond(drawings(params, 100, 25).images) <= 0.15
    for kind in ("inverted", "noise", "photographs", "crowds"):
        images = [np.asarray(image) for image in odd_images.KINDS[kind](np.random.default_rng(0))]
        assert share_beyond(np.stack(images)[..., None]) >= 0.9, kind


def test_what_was_learnt_comes_back_and_is_the_same_to_the_byte(net: torch.nn.Sequential, tmp_path: Path) -> None:
    learnt = ood.fit_detector(net, toy(12), toy(4, 1), DIGEST)
    for folder in ("one", "another"):
        ood.save_detector(learnt, tmp_path / folder / f"{folder}.npz")
    first, second = (tmp_path / folder / f"{folder}.npz" for folder in ("one", "another"))
    assert first.read_bytes() == second.read_bytes()
    again = ood.load_detector(first, DIGEST)
    assert (again.limit, again.checkpoint) == (learnt.limit, DIGEST)
    for name in ("mean", "deviation", "known"):
        np.testing.assert_array_equal(getattr(again, name), getattr(learnt, name))


def test_the_headers_of_the_file_are_those_that_every_python_writes(net: torch.nn.Sequential, tmp_path: Path) -> None:
    """Python 3.11.2 and 3.11.7 begin a member of unknown size in two ways."""
    ood.save_detector(ood.fit_detector(net, toy(12), toy(4, 1), DIGEST), tmp_path / "detector.npz")
    with zipfile.ZipFile(tmp_path / "detector.npz") as archive:
        members = archive.infolist()
    assert [each.filename for each in members] == [
        f"{name}.npy" for name in ("mean", "deviation", "known", "limit", "checkpoint")
    ]
    assert {(each.extract_version, each.extra, each.date_time) for each in members} == {
        (20, b"", (1980, 1, 1, 0, 0, 0))
    }


def test_what_belongs_to_another_network_or_is_damaged_is_refused(net: torch.nn.Sequential, tmp_path: Path) -> None:
    file = tmp_path / "ood_detector.npz"
    with pytest.raises(InputError, match="not found; run `dvc repro fit_ood`"):
        ood.load_detector(file, DIGEST)
    ood.save_detector(ood.fit_detector(net, toy(12), toy(4, 1), DIGEST), file)
    with pytest.raises(InputError, match="belongs to another network"):
        ood.load_detector(file, "1" * 64)
    content = file.read_bytes()
    for damaged in (b"", b"PK", content[: len(content) // 2], b"\x80\x04.", content.replace(b"mean", b"seam")):
        file.write_bytes(damaged)
        with pytest.raises(InputError, match="not what fit_ood wrote"):
            ood.load_detector(file, DIGEST)
    parts = {"mean": np.zeros(3, "f4"), "deviation": np.ones(3, "f4"), "limit": 1.0, "checkpoint": DIGEST}
    np.savez(file, known=np.zeros((2, 4), "f4"), **parts)
    with pytest.raises(InputError, match="do not fit each other"):
        ood.load_detector(file, DIGEST)
    np.savez(file, known=np.zeros((2, 3), "f8"), **parts)
    with pytest.raises(InputError, match="not what fit_ood wrote"):
        ood.load_detector(file, DIGEST)

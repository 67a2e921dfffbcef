"""Linear probes and views: what is easy to read is read, what is noise is not, and the same bits come out again."""

import numpy as np
import pytest
from helpers.networks import toy, trained

from crosscheck.core.params import Params
from crosscheck.data.dataset import DataSet, Subset
from crosscheck.explain import probes, receptive_fields

DATA = DataSet(["x", "y"], 24, 24, 1, "stretch", 255)


def test_a_probe_reads_what_is_there_and_no_more() -> None:
    random = np.random.default_rng(0)
    labels = np.arange(200) % 2
    noise = random.normal(size=(200, 5))
    told = np.column_stack([noise, labels])
    first, second = slice(0, 100), slice(100, 200)
    assert probes.accuracy(told[first], labels[first], told[second], labels[second], 1) == 1.0
    assert 0.3 < probes.accuracy(noise[first], labels[first], noise[second], labels[second], 1) < 0.7
    constant = np.zeros((200, 3))
    assert probes.accuracy(constant[first], labels[first], constant[second], labels[second], 1) == 0.5


def test_features_are_coarse_means_of_the_maps_in_order(params: Params) -> None:
    checkpoint, images = trained(params, DATA), toy(DATA, 7)
    names = [probes.IMAGE, *(layer.name for layer in receptive_fields.list_layers(checkpoint))]
    found = probes.features(checkpoint.net, names, images, 3)
    assert list(found) == names
    means = images.images.reshape(7, 8, 3, 8, 3).mean(axis=(2, 4)).reshape(7, 64) / 255
    np.testing.assert_allclose(found[probes.IMAGE], means, atol=1e-5)
    again = probes.features(checkpoint.net, names, images, 7)
    for name in names:
        np.testing.assert_allclose(found[name], again[name], atol=1e-5)


def test_many_channels_get_fewer_cells(params: Params) -> None:
    wide = trained(params, DATA, channels=300)
    assert probes.features(wide.net, ["block1"], toy(DATA, 2), 2)["block1"].shape == (2, 300)


@pytest.mark.parametrize("width", [1, 2, 9])
def test_a_view_has_the_distances_of_its_main_directions(width: int) -> None:
    values = np.random.default_rng(0).normal(size=(20, width)) * np.arange(width, 0, -1)
    seen = probes.view(values, 1)
    assert seen.points.shape == (20, 2)
    assert sum(seen.shares) <= 1 + 1e-9
    if width <= 2:
        centred = values - values.mean(axis=0)
        np.testing.assert_allclose((seen.points**2).sum(axis=1), (centred**2).sum(axis=1), atol=1e-9)
    assert np.array_equal(seen.points, probes.view(values, 1).points)


def test_images_that_are_all_alike_are_one_point() -> None:
    assert not probes.view(np.ones((5, 4)), 1).points.any()


def test_probes_without_validation_images_are_scored_on_other_training_images() -> None:
    train, none = toy(DATA, 20), Subset(np.zeros((0, 24, 24, 1), np.uint8), np.zeros(0, np.int64))
    probing = probes.Probing.choose(train, none, 8, 2)
    assert (len(probing.fitted), len(probing.scored), probing.source) == (8, 8, "other training")
    pixels = [{image.tobytes() for image in part.images} for part in (probing.fitted, probing.scored)]
    assert not pixels[0] & pixels[1]
    assert probing.chance == 0.5
    assert probes.Probing.choose(train, toy(DATA, 6), 8, 2).source == "validation"

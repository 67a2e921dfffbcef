"""The images that the report sends through a network are counted beforehand."""

import numpy as np
import pytest
from helpers.networks import toy, trained

from crosscheck.core.params import Params
from crosscheck.data.dataset import DataSet
from crosscheck.explain import attributions, workload


def only(params: Params, images: int, probe_images: int, attributions: int) -> Params:
    changes = {"images": images, "probe_images": probe_images, "attributions": attributions}
    return params.model_copy(update={"explain": params.explain.model_copy(update=changes)})


@pytest.mark.parametrize(("height", "width"), [(24, 30), (36, 45), (116, 116)])
def test_the_squares_of_occlusion_are_counted(params: Params, height: int, width: int) -> None:
    data_set = DataSet(["x", "y"], height, width, 1, "stretch", 255)
    checkpoint = trained(params, data_set)
    seen: list[int] = []
    checkpoint.net[0].register_forward_hook(lambda _, given, out: seen.append(len(given[0])))
    attributions.reasons(checkpoint.net, checkpoint, np.asarray(toy(data_set).images[0]), 1)
    squares = workload.count_squares(height, width)
    # The image itself, and Grad-CAM.
    assert squares < sum(seen) <= squares + 4


def test_no_more_images_count_than_there_are(params: Params) -> None:
    explain = only(params, 300, 100, 1).explain
    few, many = (workload.count_passes(explain, 224, 224, train, 50) for train in (20, 10_000))
    assert many - few == (300 - 20) + workload.NETWORKS * (100 - 20)

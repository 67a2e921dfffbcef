"""Occlusion and Grad-CAM against the same worked out by hand."""

from typing import Any

import numpy as np
import pytest
import torch
from helpers.networks import toy, trained

from crosscheck.core.params import Params
from crosscheck.data.dataset import DataSet
from crosscheck.explain import attributions

DATA = DataSet(["x", "y", "z"], 24, 30, 1, "stretch", 255)
KINDS: list[dict[str, Any]] = [
    {},
    {"pool": "avg", "head": "average"},
    {"head": "convolution", "norm": "batch", "hidden": [4]},
]


def log_odds(net: torch.nn.Module, image: np.ndarray, answer: int) -> torch.Tensor:
    odds = net(torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32))).softmax(1)[0, answer]
    return torch.log(odds / (1 - odds))


@pytest.mark.parametrize("changes", KINDS, ids=str)
def test_occlusion_is_the_mean_fall_over_the_squares_that_cover_a_place(
    params: Params, changes: dict[str, Any]
) -> None:
    checkpoint, image = trained(params, DATA, **changes), toy(DATA).images[0]
    found = attributions.reasons(checkpoint.net, checkpoint, image, 1).occlusion
    assert attributions.window(checkpoint) == (4, 5)
    falls, times = np.zeros((24, 30)), np.zeros((24, 30))
    with torch.no_grad():
        whole = log_odds(checkpoint.net, image, 1).item()
        for top in range(0, 24, 2):
            for left in range(0, 30, 3):
                top, left = min(top, 20), min(left, 25)
                covered = image.copy()
                covered[top : top + 4, left : left + 5] = 255
                falls[top : top + 4, left : left + 5] += whole - log_odds(checkpoint.net, covered, 1).item()
                times[top : top + 4, left : left + 5] += 1
                if (top, left) == (20, 25):
                    break
    inside = (slice(4, 18), slice(5, 24))
    np.testing.assert_allclose(found[inside], (falls / times)[inside], atol=1e-3)


@pytest.mark.parametrize("changes", KINDS, ids=str)
def test_grad_cam_is_the_weighted_sum_of_the_last_maps(params: Params, changes: dict[str, Any]) -> None:
    checkpoint, image = trained(params, DATA, **changes), toy(DATA).images[0]
    pixels = torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32))
    maps = checkpoint.net[:3](pixels).detach().requires_grad_()
    logits = checkpoint.net[3:](maps)
    value = logits[0, 2] - logits[0, :2].logsumexp(0)
    (gradient,) = torch.autograd.grad(value, maps)
    weighted = (gradient.sum((2, 3), keepdim=True) * maps).sum(1, keepdim=True).relu().detach()
    expected = torch.nn.functional.interpolate(weighted, (24, 30), mode="bilinear")[0, 0]
    found = attributions.reasons(checkpoint.net, checkpoint, image, 2).grad_cam
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-6)
    assert (found >= 0).all()

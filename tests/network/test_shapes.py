"""The arithmetic of the network: sizes of the maps and widths of the dense layers, as in the original's table."""

from typing import Any

import pytest

from crosscheck.core.errors import InputError
from crosscheck.core.params import ModelParams, Params
from crosscheck.network import shapes


@pytest.mark.parametrize(
    ("changes", "channels", "size", "hidden"),
    [
        ({}, [9, 5], (27, 27), [1200, 64]),
        ({"further_channels": [5, 5]}, [9, 5, 5], (12, 12), [480, 320]),
        ({"pool": "none"}, [9, 5], (112, 112), [4000, 2400]),
        ({"channels": 18}, [18, 5], (27, 27), [1200, 64]),
        ({"pool": "avg"}, [9, 5], (27, 27), [1200, 64]),
        ({"pool": "stride"}, [9, 5], (28, 28), [1200, 64]),
        ({"further_channels": []}, [9], (57, 57), [1200, 64]),
        ({"hidden": []}, [9, 5], (27, 27), []),
        ({"hidden": [7], "pool": "none"}, [9, 5], (112, 112), [7]),
        ({"head": "average"}, [9, 5], (27, 27), []),
        ({"head": "convolution", "hidden": [7]}, [9, 5], (27, 27), [7]),
    ],
)
def test_each_variant_has_the_sizes_of_the_table(
    params: Params, changes: dict[str, Any], channels: list[int], size: tuple[int, int], hidden: list[int]
) -> None:
    varied = params.model.model_copy(update=changes)
    assert shapes.all_channels(varied) == channels
    assert shapes.map_size(varied, 116, 116) == size
    assert shapes.hidden_widths(varied) == hidden


def smallest(params: ModelParams, length: int) -> int:
    """The smallest square image that `params` can take, found by trying; `length` surely suffices."""
    while length > 1:
        try:
            shapes.map_size(params, length - 1, length - 1)
        except InputError:
            return length
        length -= 1
    return length


@pytest.mark.parametrize(("pool", "expected"), [("max", 10), ("avg", 10), ("stride", 7), ("none", 5)])
def test_the_smallest_image_leaves_one_pixel(params: Params, pool: str, expected: int) -> None:
    varied = params.model.model_copy(update={"pool": pool})
    assert smallest(varied, 40) == expected
    assert shapes.map_size(varied, expected, expected) == (1, 1)


def test_height_and_width_are_each_followed(params: Params) -> None:
    assert shapes.map_size(params.model, 20, 116) == (3, 27)
    with pytest.raises(InputError, match="9 x 116 px"):
        shapes.map_size(params.model, 9, 116)


@pytest.mark.parametrize("pool", ["max", "avg", "stride", "none"])
def test_a_network_too_deep_is_one_line_that_names_the_remedy(params: Params, pool: str) -> None:
    deep = params.model.model_copy(update={"further_channels": [5] * 12, "pool": pool})
    with pytest.raises(InputError) as caught:
        shapes.map_size(deep, 20, 30)
    line = str(caught.value)
    assert len(line.splitlines()) == 1
    assert "model.further_channels gives 13 convolutions" in line
    assert "20 x 30 px" in line
    assert "use fewer convolutions" in line
    assert ("model.pool=none" in line) == (pool != "none")

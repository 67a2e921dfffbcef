"""What moves in at the edge of an image is as dark as the edges of the others, whether images are padded or not."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crosscheck.data import inspection


@pytest.mark.parametrize(("edge", "background"), [(0, 0), (250, 255)])
@pytest.mark.parametrize("width", [40, 90])
def test_the_background_follows_the_edges(tmp_path: Path, edge: int, background: int, width: int) -> None:
    for number in range(12):
        pixels = np.full((40, width if number % 2 else 40), edge, np.uint8)
        pixels[15:25, 15:25] = 128 + number
        folder = tmp_path / ("one" if number < 6 else "two")
        folder.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    found = inspection.inspect_folder(tmp_path).data
    assert found.fit == ("pad" if width == 90 else "stretch")
    assert found.background == background

"""Training on a GPU: the checks of benchmarks/gpu.py, one test each. Needs pytest besides what that needs.

pytest -p no:cacheprovider --confcutdir=tests/gpu tests/gpu
"""

from pathlib import Path

import pytest
import torch

from benchmarks import gpu

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU here")


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> gpu.Setting:
    folder: Path = tmp_path_factory.mktemp("images")
    return gpu.prepare(folder, "cuda", tiny=True, epochs=3, seeds=4)


@pytest.mark.parametrize("name", gpu.CHECKS)
def test_the_check_passes_on_a_gpu(name: str, setting: gpu.Setting) -> None:
    report = gpu.run(setting, [name])[name]
    assert report["passed"], report

"""The benchmark for a GPU: it needs few packages, and all of it that a CPU can run agrees with ordinary training."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers.repository import ROOT

from benchmarks import gpu
from crosscheck.core import devices
from crosscheck.core.errors import InputError
from crosscheck.core.params import Params

# All that the machine with the GPU has, with what these need themselves.
PACKAGES = ["torch", "numpy", "pydantic", "pillow", "yamlcore", "pytest"]
# Imports the modules while no other package can be.
ALONE = """
import importlib, importlib.metadata, importlib.util, re, sys

def one_name(package):
    return re.sub("[-_.]+", "-", package).lower()

def needed(package, known):
    if package in known:
        return known
    try:
        requires = importlib.metadata.requires(package) or []
    except importlib.metadata.PackageNotFoundError:
        return known
    known.add(package)
    for line in requires:
        if "extra ==" not in line:
            needed(one_name(re.match(r"[A-Za-z0-9._-]+", line)[0]), known)
    return known

allowed = set()
for package in sys.argv[1:]:
    needed(package, allowed)
# Which package a module is of.
owners = importlib.metadata.packages_distributions()

class Absent:
    def find_spec(self, name, path=None, target=None):
        packages = {one_name(package) for package in owners.get(name.partition(".")[0], ())}
        if packages and not packages & allowed:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
try:
    import scipy
except ModuleNotFoundError:
    pass
else:
    sys.exit("scipy should be absent")
import benchmarks.gpu
spec = importlib.util.spec_from_file_location("test_gpu", "tests/gpu/test_gpu.py")
spec.loader.exec_module(importlib.util.module_from_spec(spec))
"""


def test_the_benchmark_and_the_tests_for_a_gpu_need_no_other_package() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ALONE, *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> gpu.Setting:
    return gpu.prepare(tmp_path_factory.mktemp("images"), "cpu", tiny=True, epochs=2, seeds=3)


@pytest.mark.slow
@pytest.mark.parametrize("name", gpu.CHECKS)
def test_every_check_passes_on_a_cpu(name: str, setting: gpu.Setting) -> None:
    report = gpu.run(setting, [name])[name]
    assert report["passed"], report
    json.dumps(report, allow_nan=False)


def test_a_check_that_an_error_stops_has_failed_and_the_others_go_on(
    setting: gpu.Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: gpu.Setting) -> dict[str, bool]:
        raise RuntimeError("CUDA error:\nout of memory")

    monkeypatch.setattr(gpu, "CHECKS", {"bad": fail, "good": lambda _: {"passed": True}})
    report = gpu.run(setting, ["bad", "good"])
    assert report["bad"]["error"] == "CUDA error: out of memory" and not report["bad"]["passed"]
    assert report["good"]["passed"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_the_benchmark_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"compute\.device is 'cuda', but torch finds no GPU here"):
        gpu.prepare(tmp_path, "cuda", tiny=True, epochs=1, seeds=1)


def test_float32_stays_float32_on_a_gpu(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    monkeypatch.setenv("CROSSCHECK_NATIVE_SAID", "1")
    try:
        devices.prepare(params.compute.model_copy(update={"device": "cuda"}))
        assert not torch.backends.cudnn.allow_tf32
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(False)
        devices.prepare(params.compute)

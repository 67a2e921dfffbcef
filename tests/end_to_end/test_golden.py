"""The same bits on every x86-64 machine with AVX2, whatever the environment says, and a line where they cannot be."""

import json
import os
import shutil
import subprocess
import sys
from typing import Any

import pytest
from helpers import golden
from helpers.environments import HOSTILE
from helpers.project import HANG
from helpers.repository import ROOT

from crosscheck.core import bits, devices
from crosscheck.core.params import ComputeParams, Params
from crosscheck.study import result_cache
from crosscheck.training import resume

COMMAND = [sys.executable, "-m", "tests.helpers.golden"]
# What each pinned variable would do if it were not pinned: to the value on the left, on any processor.
UNPINNED = {
    "ATEN_CPU_CAPABILITY": "default",
    "MKL_CBWR": "AUTO",
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "OPENBLAS_CORETYPE": "Prescott",
    "OPENBLAS_NUM_THREADS": "3",
}
# It keeps scikit-learn from sharing its work among as many threads as there are cores. No result here shows it.
WITHOUT_EFFECT = {"OMP_NUM_THREADS"}
# Lets one pin fall and then makes the golden results.
LET_FALL = """
import os, runpy, sys
from crosscheck.core import bits
name, value = sys.argv[1:3]
for pins in (bits.FIXED, bits.PORTABLE):
    pins.pop(name, None)
os.environ[name] = value
sys.argv[1:] = []
runpy.run_module("tests.helpers.golden", run_name="__main__")
"""

needs_kernels = pytest.mark.skipif(bits.missing_here() is not None, reason=str(bits.missing_here()))


def expected() -> dict[str, Any]:
    """The content of `golden.json`. The test fails where it holds for other releases."""
    content: dict[str, Any] = json.loads(golden.FILE.read_text(encoding="utf-8"))
    if content["releases"] != golden.releases():
        pytest.fail(
            f"{golden.FILE.name} holds for {content['releases']}, and here are {golden.releases()}; write it again by "
            "`python -m tests.helpers.golden --write`, and look at what has changed"
        )
    return content


def run(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a program from the project's root in a clean environment with `env`; it has to end well."""
    clean = {name: value for name, value in os.environ.items() if not bits.DECISIVE.match(name) and name != bits.SAID}
    done = subprocess.run(
        words, cwd=ROOT, env=clean | {"PYTHONPATH": str(ROOT)} | env, capture_output=True, text=True, timeout=HANG
    )
    assert done.returncode == 0, done.stderr
    return done


def hashes(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    content: dict[str, dict[str, str]] = json.loads(done.stdout.splitlines()[-1])
    return content["sha256"]


@needs_kernels
def test_the_golden_results_come_out_under_a_clean_and_under_a_hostile_environment() -> None:
    wanted = expected()["sha256"]
    for env in ({}, HOSTILE):
        done = run(*COMMAND, **env)
        assert hashes(done) == wanted
        assert "compute.portable" not in done.stderr


@needs_kernels
@pytest.mark.soak
@pytest.mark.ci
def test_the_golden_results_come_out_on_a_processor_without_avx_512() -> None:
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        if os.environ.get("CROSSCHECK_VALGRIND") == "required":
            pytest.fail("no valgrind on the PATH")
        pytest.skip("no valgrind on the PATH; install Debian's package valgrind to imitate a processor with AVX2 alone")
    done = run(valgrind, "--tool=none", "-q", *COMMAND)
    assert hashes(done) == expected()["sha256"]


def test_every_pin_is_known_to_matter_or_known_not_to() -> None:
    assert set(UNPINNED) | WITHOUT_EFFECT == set(bits.FIXED | bits.PORTABLE)


@needs_kernels
@pytest.mark.soak
@pytest.mark.ci
@pytest.mark.parametrize("name", UNPINNED)
def test_without_a_pin_other_golden_results_would_come_out(name: str) -> None:
    done = run(sys.executable, "-c", LET_FALL, name, UNPINNED[name])
    assert hashes(done) != expected()["sha256"]


# Where portable bits cannot be had.

PREPARE = """
import sys
if sys.argv[1:] == ["numpy first"]:
    import numpy
from crosscheck.core import bits, devices
from crosscheck.study import result_cache
from crosscheck.training import resume
from crosscheck.core.params import ComputeParams
for _ in range(2):
    devices.prepare(ComputeParams(threads=1, device="cpu", portable=True))
print(bits.find_mode(True, "cpu"), devices.mkl_is_held_back())
"""


@needs_kernels
@pytest.mark.parametrize(
    ("words", "env", "reason"),
    [
        (["numpy first"], {}, "numpy was loaded before"),
        ([], {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2"}, "GLIBC_TUNABLES holds back"),
        ([], {"LD_PRELOAD": "libopenblas.so.0"}, "LD_PRELOAD puts another library in place (libopenblas.so.0)"),
    ],
)
def test_what_comes_before_the_pins_is_said_once_in_one_line(
    words: list[str], env: dict[str, str], reason: str
) -> None:
    done = run(sys.executable, "-c", PREPARE, *words, **env)
    said = [line for line in done.stderr.splitlines() if "ld.so" not in line]
    assert len(said) == 1 and said[0].startswith(f"warning: {reason}")
    assert done.stdout.split() == ["native", "False"]


@pytest.mark.parametrize(
    ("machine", "flags", "device", "reason"),
    [
        ("aarch64", "asimd", "cpu", "this machine is Linux on aarch64, not Linux on x86_64"),
        ("x86_64", "sse4_2 avx", "cpu", "this processor has no AVX2 and no FMA"),
        ("x86_64", "avx2 fma", "cuda", "compute.device is 'cuda'"),
    ],
)
def test_elsewhere_the_default_computes_natively_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    machine: str,
    flags: str,
    device: str,
    reason: str,
) -> None:
    for name in [name for name in os.environ if bits.DECISIVE.match(name)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv(bits.SAID, "")
    monkeypatch.delenv(bits.SAID)
    monkeypatch.setenv("OPENBLAS_CORETYPE", "ARMV8")
    monkeypatch.setattr(bits.platform, "system", lambda: "Linux")
    monkeypatch.setattr(bits.platform, "machine", lambda: machine)
    monkeypatch.setattr(bits, "_cpu_line", lambda name: flags)
    bits.missing_here.cache_clear()
    try:
        if device == "cpu":
            bits.pin()
            # What a user of such a machine has set is left alone.
            assert {name for name in os.environ if bits.DECISIVE.match(name)} == {"OPENBLAS_CORETYPE"}
        for _ in range(2):
            assert bits.settle(True, device) == "native"
    finally:
        bits.missing_here.cache_clear()
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"warning: {reason}; compute.portable has no effect, and the bits of the results are those of this kind of "
        "machine"
    )
    assert not set(bits.PORTABLE) & set(os.environ)


def test_programs_of_others_are_started_without_the_pins(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (bits.FIXED | bits.PORTABLE).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    found = bits.unpinned()
    assert not set(bits.FIXED | bits.PORTABLE) & set(found)
    assert found["OMP_WAIT_POLICY"] == "passive"
    assert found.keys() == os.environ.keys() - (bits.FIXED | bits.PORTABLE).keys()


def test_what_decides_native_bits_is_this_machine_and_portable_ones_name_none(params: Params) -> None:
    described = bits.described(bits.find_mode(params.compute.portable, params.compute.device))
    assert described.keys() == {"mode", "torch", "numpy", "scipy", "pillow"}
    assert devices.fingerprint().keys() - described.keys() == {"cpu", "instructions", "threads", "gpu", "python"}


NATIVE = """
import torch
from crosscheck.core import devices
from crosscheck.core.params import ComputeParams
devices.prepare(ComputeParams(threads=1, device="cpu", portable=False))
print(torch.backends.cpu.get_cpu_capability(), devices.mkl_is_held_back())
"""


@needs_kernels
def test_native_mode_computes_with_all_that_the_processor_has_also_beside_portable_processes() -> None:
    best = "AVX512" if "avx512bw" in bits._cpu_line("flags") else "AVX2"
    for env in ({}, bits.FIXED | bits.PORTABLE, HOSTILE):
        assert run(sys.executable, "-c", NATIVE, **env).stdout.split() == [best, "False"]


@pytest.mark.parametrize("mode", ["portable", "native"])
def test_a_saved_training_is_found_on_another_machine_where_that_gives_the_same_bits(mode: bits.Mode) -> None:
    described = {"train": {"seed": 0}, "bits": bits.described(mode)}
    here = devices.fingerprint()
    key = resume.training_key(described, here, [])
    assert (key == resume.training_key(described, here | {"cpu": "Another CPU"}, [])) == (mode == "portable")
    other = described | {"bits": bits.described(mode) | {"torch": "2.9.0"}}
    assert key != resume.training_key(other, here, [])


@needs_kernels
@pytest.mark.parametrize("portable", [True, False])
def test_a_studys_results_of_another_machine_are_good_where_that_gives_the_same_bits(
    params: Params, monkeypatch: pytest.MonkeyPatch, portable: bool
) -> None:
    params = params.model_copy(update={"compute": params.compute.model_copy(update={"portable": portable})})
    key = result_cache.run_key(params, "data", "code")
    here = devices.fingerprint()
    monkeypatch.setattr(devices, "fingerprint", lambda: here | {"cpu": "Another CPU"})
    assert (key == result_cache.run_key(params, "data", "code")) == portable
    monkeypatch.setattr(bits, "version", lambda package: "0.1")
    assert key != result_cache.run_key(params, "data", "code")


def test_the_parameter_is_on_by_default(params: Params) -> None:
    assert params.compute == ComputeParams(threads=2, device="cpu", portable=True)

"""What is asked of the machine: which library multiplies, and what glibc does with freed memory."""

import platform
import subprocess
import sys

import pytest
import torch
from conftest import ROOT

from stages import hardware

# Prints how many pages are faulted in by making six blocks of so many MiB again and again, after the first few times.
AGAIN = """
import resource, sys
import torch
from stages import hardware
size, large = int(sys.argv[1]), sys.argv[2] == "large"
hardware.LARGE_NETWORK = 0 if large else 2**40
hardware.keep_freed_memory(torch.nn.Linear(2, 2))
for turn in range(20):
    if turn == 10:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [torch.ones(size * 2**20 // 4) for _ in range(6)]
    del blocks
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
PAGES_A_MIB = 2**20 // 4096


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
@pytest.mark.parametrize(
    ("size", "network", "kept"), [(16, "small", True), (16, "large", True), (64, "small", True), (64, "large", False)]
)
def test_freed_blocks_are_kept_but_for_very_large_ones_of_a_large_network(size: int, network: str, kept: bool) -> None:
    command = [sys.executable, "-c", AGAIN, str(size), network]
    faults = int(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    # Transparent huge pages may make fewer faults of as much memory.
    assert faults < PAGES_A_MIB if kept else faults >= 10 * 6 * size // 2


def test_mkl_is_quick_with_avx2_unless_portable_mode_holds_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    monkeypatch.delenv("MKL_CBWR", raising=False)
    assert hardware.mkl_is_quick()
    monkeypatch.setenv("MKL_CBWR", hardware.PORTABLE["MKL_CBWR"])
    assert not hardware.mkl_is_quick()
    monkeypatch.delenv("MKL_CBWR")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    assert not hardware.mkl_is_quick()

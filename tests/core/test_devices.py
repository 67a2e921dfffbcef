"""What is asked of the machine: which library multiplies, and what glibc does with freed memory."""

import platform
import subprocess

import pytest
import torch
from helpers.preloaded import preloaded_python
from helpers.repository import ROOT

from crosscheck.core import bits, devices

# Makes six blocks again and again, and prints for each size how many pages that faults in at the best of the later
# times: the system may take pages away meanwhile that have not been used for a moment.
AGAIN = """
import resource, sys
import torch
from crosscheck.core import devices
devices.LARGE_NETWORK = 0 if sys.argv[1] == "large" else 2**40
devices.keep_freed_memory(torch.nn.Linear(2, 2))
for mebibytes in map(int, sys.argv[2:]):
    faults = []
    for turn in range(20):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        blocks = [torch.ones(mebibytes * 2**20 // 4) for _ in range(6)]
        del blocks
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    print(min(faults[8:]))
"""
PAGES_A_MIB = 2**20 // 4096


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
@pytest.mark.parametrize("network", ["small", "large"])
def test_freed_blocks_are_kept_but_for_very_large_ones_of_a_large_network(network: str) -> None:
    command = [preloaded_python(), "-c", AGAIN, network, "16", "40"]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    smaller, larger = map(int, printed.split())
    assert smaller < PAGES_A_MIB
    # Transparent huge pages may make fewer faults of as much memory: one for 2 MiB.
    assert larger < PAGES_A_MIB if network == "small" else larger >= 6 * 40 // 2


def test_mkl_is_quick_with_avx2_unless_portable_mode_holds_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    monkeypatch.delenv("MKL_CBWR", raising=False)
    assert devices.mkl_is_quick()
    monkeypatch.setenv("MKL_CBWR", bits.PORTABLE["MKL_CBWR"])
    assert not devices.mkl_is_quick()
    monkeypatch.delenv("MKL_CBWR")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    assert not devices.mkl_is_quick()

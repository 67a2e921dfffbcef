"""What the bits of a result depend on besides code, data and parameters, and how every machine is brought to the same.

The libraries choose their kernels by the processor and by variables of the environment. `pin` sets these when a package
of this project is imported, before numpy and torch are: whatever the environment said, all compute with AVX2, in the
same order. `compute.portable: false` gives torch its fastest kernels back, and `settle` says where there is no choice.
"""

import os
import platform
import re
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Literal

Mode = Literal["portable", "native"]

# Read as numpy, its OpenBLAS, scikit-learn and torch load, so the same in every mode. One thread each, since their
# number would be that of the processor's cores; `devices.prepare` gives torch the number that the parameter says.
FIXED = {
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    "OPENBLAS_CORETYPE": "Haswell",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
# Read when torch, oneDNN and MKL first compute. MKL's other branches are not the same on every maker's processors.
PORTABLE = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": "COMPATIBLE"}
NEEDED = ("avx2", "fma")
# Variables with other names like these may change bits too, but for those that only print, wait or place threads.
DECISIVE = re.compile(
    "(ATEN|BLIS|DNNL|FBGEMM|GOTO|KMP|MKL|NPY|OMP|ONEDNN|OPENBLAS|SKLEARN|TORCH_MKLDNN)_"
    "(?!VERBOSE|WAIT_POLICY|STACKSIZE|PLACES|PROC_BIND|DISPLAY|AFFINITY)"
)
WIDEST = {"avx512f": "AVX-512", "avx2": "AVX2"}
RELEASES = ("torch", "numpy", "scipy", "pillow")
SAID = "CROSSCHECK_NATIVE_SAID"

_too_late: list[str] = []


def pin() -> None:
    """Set the environment for this process and all that it starts, if this processor has the portable kernels."""
    if missing_here():
        return
    if "numpy" in sys.modules and any(os.environ.get(name) != value for name, value in FIXED.items()):
        too_late("numpy was loaded before this project could choose its kernels")
    for name in [name for name in os.environ if DECISIVE.match(name)]:
        del os.environ[name]
    os.environ.update(FIXED | PORTABLE)


def unpinned() -> dict[str, str]:
    """The environment without what `pin` sets, for programs that are not this project's."""
    return {name: value for name, value in os.environ.items() if name not in FIXED | PORTABLE}


def too_late(reason: str) -> None:
    """Note that this process computes with other kernels than the portable ones."""
    _too_late.append(reason)


def settle(portable: bool, device: str) -> Mode:
    """Choose the kernels of torch, oneDNN and MKL, which must not have computed yet; return what was chosen."""
    warn(portable, device)
    mode = find_mode(portable, device)
    if mode == "portable":
        os.environ.update(PORTABLE)
        return mode
    for name in PORTABLE:
        os.environ.pop(name, None)
    return mode


def warn(portable: bool, device: str) -> None:
    """Say why portable bits cannot be had, in one line and once for this process and those that it starts later."""
    if not portable or SAID in os.environ or (reason := obstacle(device)) is None:
        return
    os.environ[SAID] = "1"
    print(
        f"warning: {reason}; compute.portable has no effect, and the bits of the results are those of this kind of "
        "machine",
        file=sys.stderr,
    )


def find_mode(portable: bool, device: str) -> Mode:
    """Portable where it is asked for and nothing stands in the way."""
    return "portable" if portable and obstacle(device) is None else "native"


def obstacle(device: str) -> str | None:
    """Why this process cannot give the bits that every machine gives, or None."""
    if device != "cpu":
        return f"compute.device is '{device}'"
    if missing := missing_here():
        return missing
    if _too_late:
        return _too_late[0]
    if "glibc.cpu.hwcaps" in os.environ.get("GLIBC_TUNABLES", ""):
        return "GLIBC_TUNABLES holds back the C library's own functions"
    preloaded = os.environ.get("LD_PRELOAD", "")
    if re.search(r"blas|mkl|libm\b|libmvec|dnnl|gomp|iomp|libomp", preloaded):
        return f"LD_PRELOAD puts another library in place ({preloaded})"
    return None


@cache
def missing_here() -> str | None:
    """What the portable kernels lack on this machine, or None."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return f"this machine is {platform.system()} on {platform.machine()}, not Linux on x86_64"
    flags = _cpu_line("flags").split()
    lacking = [name.upper() for name in NEEDED if name not in flags]
    return f"this processor has no {' and no '.join(lacking)}" if lacking else None


def described(mode: Mode) -> dict[str, str]:
    """The mode and the releases that decide the bits; nothing of the machine."""
    return {"mode": mode, **{package: version(package) for package in RELEASES}}


def cpu_name() -> str:
    """The processor's model."""
    return _cpu_line("model name") or platform.processor() or platform.machine()


def instruction_set() -> str:
    """The widest vectors that this processor can compute with, whatever kernels were chosen: "AVX-512", "AVX2"."""
    flags = _cpu_line("flags").split()
    return next((name for flag, name in WIDEST.items() if flag in flags), platform.machine())


def _cpu_line(name: str) -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        with info.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith(name):
                    return line.partition(":")[2].strip()
    return ""

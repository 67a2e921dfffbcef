"""Where the network runs, with how many threads and which kernels, and what the machine is called."""

import ctypes
import os
import platform
import sys
from importlib.metadata import version

import torch

from crosscheck.core import bits
from crosscheck.core.errors import InputError
from crosscheck.core.params import ComputeParams

LARGE_NETWORK = 256 * 2**20
KEPT_BYTES = 32 * 2**20
PORTABLE_INSTRUCTIONS = "AVX2"


def prepare(params: ComputeParams) -> torch.device:
    """Fix the number of threads and the kernels, whatever the environment says; return the device.

    Call it before anything is computed: the libraries choose their kernels at the first use.
    Raises InputError where CUDA is asked for and there is none.
    """
    if params.device == "cuda" and not torch.cuda.is_available():
        raise InputError("params.yaml: compute.device is 'cuda', but torch finds no GPU here; set it to cpu")
    if bits.settle(params.portable, params.device) == "portable":
        instructions = torch.backends.cpu.get_cpu_capability()
        if instructions != PORTABLE_INSTRUCTIONS:
            bits.too_late(f"torch has computed before, with {instructions}")
            bits.settle(params.portable, params.device)
    torch.set_num_threads(params.threads)
    if params.device == "cuda":
        # cuBLAS reads this when it starts; without it, its reductions may differ from run to run.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False
        # Else convolutions would round to 10 bits, whatever train.precision says.
        torch.backends.cudnn.allow_tf32 = False
    return torch.device(params.device)


def prepare_for_reading(params: ComputeParams) -> None:
    """As `prepare`, for a command that only asks a trained network: it runs on the CPU whatever trained it."""
    if params.device != "cpu":
        print(
            f"note: params.yaml: compute.device is {params.device!r}, which is for training; this runs on the CPU",
            file=sys.stderr,
        )
    prepare(params.model_copy(update={"device": "cpu"}))


def keep_freed_memory(net: torch.nn.Module) -> None:
    """Let glibc keep large freed blocks: giving them back and faulting them in again takes half of a step of `base`.

    Of a network whose gradients are themselves very large only those of up to 32 MiB, the most that glibc can tell
    from larger ones: kept blocks of any size that are cut up would add up.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    trim_threshold, mmap_threshold, mmap_max, largest = -1, -3, -4, 2**31 - 1
    libc.mallopt(trim_threshold, largest)
    if sum(weights.nbytes for weights in net.parameters()) > LARGE_NETWORK:
        libc.mallopt(mmap_threshold, KEPT_BYTES)
    else:
        libc.mallopt(mmap_max, 0)


def mkl_is_quick() -> bool:
    """Whether MKL multiplies large matrices as fast as this machine can: with AVX2, unless portable mode holds it back.

    With AVX-512 it keeps its fastest kernels to Intel's own processors.
    """
    there: bool = torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]
    return there and not mkl_is_held_back() and torch.backends.cpu.get_cpu_capability() == "AVX2"


def mkl_is_held_back() -> bool:
    """Whether MKL computes by the branch that is the same on every processor, and slow."""
    return os.environ.get("MKL_CBWR") == "COMPATIBLE"


def fingerprint() -> dict[str, str]:
    """This machine, and the releases that the bits of a result may depend on. Goes to MLflow, and to no file in git."""
    return {
        "cpu": bits.cpu_name(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": str(torch.get_num_threads()),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "python": platform.python_version(),
        **{package: version(package) for package in bits.RELEASES},
    }

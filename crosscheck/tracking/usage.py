"""What the training process uses of its machine: memory and processor.

MLflow has a thread that asks for this every ten seconds, beside the training. Here the training asks once an epoch, in
microseconds, and of itself alone.
"""

import resource
import sys
import time

PEAK_MEMORY, CPU, PEAK_GPU_MEMORY = (
    "system/peak_memory_megabytes",
    "system/cpu_percentage",
    "system/peak_gpu_memory_megabytes",
)
MIB = 2**20


class Usage:
    """The usage of this process since the last look."""

    def __init__(self) -> None:
        self.wall, self.processor = time.perf_counter(), time.process_time()

    def look(self) -> dict[str, float]:
        """The largest memory so far, in MiB, and the processor since the last look, in per cent of one core."""
        wall, processor = time.perf_counter(), time.process_time()
        busy, passed = processor - self.processor, wall - self.wall
        self.wall, self.processor = wall, processor
        return {
            # Linux gives KiB.
            PEAK_MEMORY: round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
            CPU: round(100 * busy / max(passed, 1e-9), 1),
            **_gpu(),
        }


def _gpu() -> dict[str, float]:
    # A process that has not loaded torch has nothing on a GPU.
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return {}
    return {PEAK_GPU_MEMORY: round(torch.cuda.max_memory_allocated() / MIB, 1)}

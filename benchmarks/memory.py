"""How much memory a side of the comparison took; apart from all else, so that it loads nothing more into it."""

from pathlib import Path


def peak_bytes() -> int:
    """The most memory that this process had. What getrusage says may be of the process that started it. Linux only."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    (kilobytes,) = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(kilobytes) * 1024

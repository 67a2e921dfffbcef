"""How much memory a side of the comparison took; apart from all else, so that it loads nothing more into it."""

from pathlib import Path


def peaks() -> dict[str, int]:
    """The most memory that this process had, in bytes: `peak_bytes` with the pages of mapped files (libraries, arrays),
    which all processes share and the system takes back when it needs room, `own_peak_bytes` without. Linux only.

    What getrusage says may be of the process that started this one. The second is at least so much: what is mapped
    now may not all have been mapped at the peak.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    sizes = {name: value for name, _, value in (line.partition(":") for line in status.splitlines())}
    most, mapped, own = (int(sizes[name].split()[0]) * 1024 for name in ("VmHWM", "RssFile", "RssAnon"))
    return {"peak_bytes": most, "own_peak_bytes": max(own, most - mapped)}

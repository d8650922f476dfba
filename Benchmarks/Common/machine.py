"""The machine: what it is, and who uses its processors."""

import os
import platform
import re
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def describe() -> dict:
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return {
        "cpu": re.sub(r"\s+", " ", re.sub(r"\((R|TM)\)", "", model[1])).strip() if model else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "load_average": round(os.getloadavg()[0], 2),
    }


def busy_seconds() -> float:
    """Processor time of everybody, and what a hypervisor has withheld."""
    user, nice, system, _, _, _, _, steal = (int(one) for one in Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + steal) / TICKS


def used_seconds(process_id: int) -> float:
    """User and system time of a process, and of those of its children that have ended."""
    return _times(process_id)[1]


def tree_seconds(roots: list[int]) -> float:
    """The same of processes and all below them."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = _times(int(entry.name))
            except (OSError, ValueError):
                continue
    wanted = set(roots)
    while more := {one for one, (parent, _) in parents.items() if parent in wanted} - wanted:
        wanted |= more
    return sum(parents[one][1] for one in wanted if one in parents)


def resident_mebibytes(process_id: int) -> float:
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process_id}/status").read_text())[1]) / 1024


def _times(process_id: int) -> tuple[int, float]:
    fields = Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[1]), sum(int(one) for one in fields[11:15]) / TICKS

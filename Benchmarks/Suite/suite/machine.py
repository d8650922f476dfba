"""The machine that figures are of."""

import os
import platform
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import psutil

from .server import ROOT

SYNCS = 50
BLOCK_BYTES = 8192


def describe(docket: Path, data_folder: Path) -> dict:
    """What a reader needs to judge figures."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "is_virtual": "hypervisor" in _line_of("/proc/cpuinfo", "flags").split(),
        "governor": _text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or "not told",
        "memory_gibibytes": round(psutil.virtual_memory().total / 2**30, 1),
        "kernel": platform.release(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()),
        "file_system": _file_system(data_folder),
        "fdatasync_milliseconds": round(_sync_milliseconds(data_folder), 3),
        "load_average": round(os.getloadavg()[0], 2),
        "docket": _docket_version(docket),
    }


def warnings(machine: dict) -> list[str]:
    """Why figures of this machine might mislead."""
    found = []
    if machine["load_average"] > 0.25 * machine["cores"]:
        found.append(
            f"the load average is {machine['load_average']} before the first run: something else uses the processors"
        )
    if machine["governor"] not in ("performance", "not told"):
        found.append(f"the frequency governor is '{machine['governor']}', not 'performance': frequencies vary")
    if machine["file_system"].split(" ")[0] in ("tmpfs", "ramfs"):
        found.append("the data folder is in memory: nothing is durable; pass --data-directory with one on a disk")
    return found


def one_line(machine: dict) -> str:
    """For the foot of a plot."""
    kind = "virtual, " if machine["is_virtual"] else ""
    return (
        f"{machine['cores']} cores of {machine['cpu']} ({kind}{machine['memory_gibibytes']:.0f} GiB), "
        f"{machine['system']}, Linux {machine['kernel']}, {machine['file_system'].split(' ')[0]}"
    )


def _cpu_model() -> str:
    model = _line_of("/proc/cpuinfo", "model name") or platform.processor() or platform.machine()
    return re.sub(r"\s+", " ", re.sub(r"\((R|TM)\)", "", model)).strip()


def _line_of(path: str, name: str) -> str:
    for line in (_text(path) or "").split("\n"):
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def _text(path: str) -> str | None:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None


def _file_system(folder: Path) -> str:
    best = None
    for part in psutil.disk_partitions(all=True):
        if folder.resolve().is_relative_to(part.mountpoint):
            if best is None or len(part.mountpoint) >= len(best.mountpoint):
                best = part
    free = shutil.disk_usage(folder).free / 2**30
    return f"{best.fstype if best else 'unknown'} ({free:.0f} GiB free)"


def _sync_milliseconds(folder: Path) -> float:
    """The median time that a block takes to become durable."""
    times = []
    with tempfile.NamedTemporaryFile(dir=folder, prefix="docket-sync-") as file:
        for _ in range(SYNCS):
            began = time.perf_counter()
            os.pwrite(file.fileno(), os.urandom(BLOCK_BYTES), 0)
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def _docket_version(docket: Path) -> str:
    printed = subprocess.run([docket, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return f"{printed} ({described.stdout.strip()})" if described.returncode == 0 else printed

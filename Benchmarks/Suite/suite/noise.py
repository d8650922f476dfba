"""How much of the processors something else used during a run."""

import os
import resource
import time

import psutil

# Above this share of all processors a run counts as disturbed.
DISTURBED = 0.05


class Noise:
    """From its making on: processor time of the machine that nobody of the run has used."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._busy = _busy_seconds()
        self._own = _own_seconds()

    def share(self, measured_seconds: float) -> float:
        """The share of all processors; `measured_seconds` have been used by contestant and server in the meantime."""
        foreign = _busy_seconds() - self._busy - (_own_seconds() - self._own) - measured_seconds
        return max(0.0, foreign / ((time.monotonic() - self._began) * (os.cpu_count() or 1)))


def _busy_seconds() -> float:
    """Of all processes, and what a hypervisor has withheld. Without interrupts, which belong to nobody."""
    times = psutil.cpu_times()
    return times.user + times.nice + times.system + times.steal


def _own_seconds() -> float:
    """Of the suite and of what it has started and waited for, such as the load generator."""
    used = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        used += usage.ru_utime + usage.ru_stime
    return used


def note(runs: list[dict]) -> str | None:
    """What a reader has to know about disturbed runs; None when there were none."""
    shares = [run["foreign_share"] for run in runs if "foreign_share" in run]
    disturbed = [share for share in shares if share > DISTURBED]
    if not disturbed:
        return None
    return (
        f"{len(disturbed)} of {len(shares)} runs were disturbed: something else used more than {DISTURBED * 100:.0f} % "
        f"of the processors, {max(disturbed) * 100:.0f} % at most"
    )

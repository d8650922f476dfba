"""A test emitter that is looked at while it runs: whether its counters add up, and what it takes of the machine."""

import os
import time
from pathlib import Path

from emitter_process import EmitterProcess


class WatchedEmitter(EmitterProcess):
    """A running emitter whose every reply is checked; `faults` has what was wrong."""

    def __init__(self, **settings: object):
        self.faults: list[str] = []
        super().__init__(settings, observe=self._check, log_lines=None)

    def has_answered(self, number: int) -> bool:
        return number in self.replies

    def stats(self) -> dict[str, int]:
        return self.ask("stats")["stats"]

    def resident_bytes(self, field: str = "VmRSS") -> int:
        """What it holds in memory now; with VmHWM, what it ever did."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(field))

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def open_files(self) -> list[str]:
        return sorted(str(link.readlink()) for link in Path(f"/proc/{self.pid}/fd").iterdir())

    def processor_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _check(self, reply: dict) -> None:
        """Each event is somewhere, at each moment."""
        stats = reply.get("stats")
        if not stats:
            return
        outcome = stats["committed"] + stats["rejected"] + stats["dropped"] + stats["queued"]
        if stats["enqueued"] + stats["recovered"] != outcome:
            self.faults.append(f"at {time.monotonic():.3f} the counters don't add up: {stats}")
        if min(stats.values()) < 0:
            self.faults.append(f"a counter is below zero: {stats}")

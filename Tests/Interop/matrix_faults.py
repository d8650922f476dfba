"""The faults of the matrix: how each begins, what it lasts for, how it ends."""

import os
import resource
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from cluster import Cluster
from faulty_network import FaultyNetwork, Mode
from matrix_cells import BURST_COMMANDS, Cell
from waiting import eventually

NAME = "a"
SECONDS = float(os.environ.get("DOCKET_MATRIX_SECONDS", "4"))
ANSWER_SECONDS = 30


class Fault:
    """By default one that is the collector's own; its methods are called in the order in which they stand here."""

    # Whether the emitters start while it lasts.
    comes_first = False
    # Whether nothing gets through, for all that is emitted.
    overflows = True
    disk_is_full = False
    # How soon all must be well once it is over.
    bound_seconds = 30.0

    def __init__(self, cluster: Cluster, folder: Path):
        self.cluster, self.folder = cluster, folder

    @property
    def collector(self) -> str:
        return self.cluster.addresses(NAME)[0]

    def targets(self) -> list[str]:
        return [self.collector]

    def prefix(self) -> Sequence[str | Path]:
        """What the emitters run under."""
        return ()

    def begin(self, cells: list[Cell]) -> None: ...

    def strike(self, cells: list[Cell]) -> None:
        """What happens just after the burst."""

    def end(self, cells: list[Cell]) -> None: ...

    def delete(self) -> None: ...


class CollectorAway(Fault):
    def begin(self, cells: list[Cell]) -> None:
        self.cluster.collectors[NAME].kill()

    def end(self, cells: list[Cell]) -> None:
        self.cluster.start(NAME)


class CollectorKilled(CollectorAway):
    """It comes back at once."""

    overflows = False

    def strike(self, cells: list[Cell]) -> None:
        self.cluster.start(NAME)

    def end(self, cells: list[Cell]) -> None: ...


class PostgresAway(Fault):
    def begin(self, cells: list[Cell]) -> None:
        self.cluster.postgres.crash()

    def end(self, cells: list[Cell]) -> None:
        self.cluster.postgres.start()


class _Networked(Fault):
    """By way of a proxy."""

    def __init__(self, cluster: Cluster, folder: Path):
        super().__init__(cluster, folder)
        host, port = self.collector.rsplit(":", 1)
        self.network = FaultyNetwork((host, int(port)))

    def targets(self) -> list[str]:
        return [self.network.address]

    def delete(self) -> None:
        self.network.stop()


class BlackHole(_Networked):
    """What is sent vanishes, and no connection of that time ever ends: only PINGs tell that nobody is there."""

    # After 30 s of silence a PING, whose answer may take 10 s; a connection begun meanwhile fails after 10 s.
    bound_seconds = 70.0

    def begin(self, cells: list[Cell]) -> None:
        self.network.set_mode(Mode.SWALLOW)

    def end(self, cells: list[Cell]) -> None:
        self.network.set_mode(Mode.PASS)


class HalfClosed(_Networked):
    """First the emitters read an end, later the collector does."""

    overflows = False

    def begin(self, cells: list[Cell]) -> None:
        self.network.shut_towards_clients()

    def strike(self, cells: list[Cell]) -> None:
        # Amid the burst, and once it is through.
        self.network.shut_towards_clients()

    def end(self, cells: list[Cell]) -> None:
        self.network.shut_towards_server()


class SlowCollector(_Networked):
    def begin(self, cells: list[Cell]) -> None:
        self.network.set_mode(Mode.SLOW)

    def end(self, cells: list[Cell]) -> None:
        self.network.set_mode(Mode.PASS)


class NameWithoutAddress(Fault):
    """The collector's name has no address, and gets one later: in /etc/hosts, as the emitters see it. Where nobody may mount such a
    file, emitters that know the collector by its address take over instead.
    """

    comes_first = True

    def __init__(self, cluster: Cluster, folder: Path):
        super().__init__(cluster, folder)
        self._hosts = folder / "hosts"
        self._hosts.write_text("")

    def targets(self) -> list[str]:
        return [f"collector.docket.invalid:{self.collector.rsplit(':', 1)[1]}"]

    def prefix(self) -> Sequence[str | Path]:
        return under_hosts(self._hosts) if may_mount() else ()

    def end(self, cells: list[Cell]) -> None:
        if may_mount():
            self._hosts.write_text("127.0.0.1 collector.docket.invalid\n")
            return
        for cell in cells:
            cell.kill()
            cell.start([self.collector])


class DiskFull(CollectorAway):
    """Nothing can be written into a file, just when the collector is away."""

    disk_is_full = True

    def begin(self, cells: list[Cell]) -> None:
        super().begin(cells)
        for cell in cells:
            limit_files(cell.process.pid, 0)

    def end(self, cells: list[Cell]) -> None:
        for cell in cells:
            limit_files(cell.process.pid, resource.RLIM_INFINITY)
            cell.burst()
        super().end(cells)


class ProcessKilled(Fault):
    """The emitters are killed amid the burst, and once more while the collector is away."""

    def strike(self, cells: list[Cell]) -> None:
        self._restart(cells)

    def end(self, cells: list[Cell]) -> None:
        self.cluster.collectors[NAME].kill()
        for cell in cells:
            cell.burst()
        self._restart(cells)
        self.cluster.start(NAME)

    def _restart(self, cells: list[Cell]) -> None:
        for cell in cells:
            # Those who wait for the collector may have to wait for long.
            answered = 0 if cell.way == "emitAndWait" else BURST_COMMANDS // 4
            eventually(lambda: len(cell.process.replies) > answered, cell.process.log, ANSWER_SECONDS)
            cell.kill()
            cell.start(self.targets())


FAULTS: dict[str, type[Fault]] = {
    "collector killed": CollectorKilled,
    "collector away": CollectorAway,
    "Postgres away": PostgresAway,
    "network black-holed": BlackHole,
    "half-closed connection": HalfClosed,
    "DNS empty": NameWithoutAddress,
    "slow collector": SlowCollector,
    "disk full": DiskFull,
    "process killed": ProcessKilled,
}


def limit_files(pid: int, size_bytes: int) -> None:
    """Bounds the size of files that a process writes."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size_bytes, hard))


def under_hosts(hosts: Path) -> Sequence[str | Path]:
    """What runs a program with another /etc/hosts."""
    return ("unshare", "--mount", "--map-root-user", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', hosts)


@cache
def may_mount() -> bool:
    """Whether this user may have mounts of its own."""
    try:
        tried = subprocess.run([*under_hosts(Path("/etc/hosts")), "true"], check=False, capture_output=True, timeout=30)
    except OSError:
        return False
    return tried.returncode == 0

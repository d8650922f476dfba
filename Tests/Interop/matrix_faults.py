"""The faults of the matrix: how each begins, what it lasts for, how it ends."""

import os
import resource
from collections.abc import Sequence
from pathlib import Path

from cluster import Cluster
from faulty_network import FaultyNetwork, Mode
from matrix_cells import BURST_COMMANDS, Cell
from matrix_promises import Circumstances
from own_limits import limit_files, may_mount, under_hosts
from waiting import eventually

NAME = "a"
SECONDS = float(os.environ.get("DOCKET_MATRIX_SECONDS", "4"))
ANSWER_SECONDS = 30


class Fault:
    """By default one that is the collector's own; its methods are called in the order in which they stand here."""

    # Whether the emitters start while it lasts.
    comes_first = False
    circumstances = Circumstances()
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

    circumstances = Circumstances(overflowed=False)

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
    """First the collector's answers vanish, and their end is all that the emitters read; later the collector reads an end."""

    circumstances = Circumstances(overflowed=False)

    def begin(self, cells: list[Cell]) -> None:
        self._replayed, self._committed = self._answered("replayed"), self._answered("committed")
        self.network.set_mode(Mode.MUTE)

    def strike(self, cells: list[Cell]) -> None:
        eventually(lambda: self._answered("committed") > self._committed + len(cells), "nothing was committed")
        self.network.set_mode(Mode.PASS)
        self.network.shut_towards_clients()
        # What was stored and never answered is sent again.
        eventually(lambda: self._answered("replayed") > self._replayed, "nothing was sent again")

    def end(self, cells: list[Cell]) -> None:
        self.network.shut_towards_server()

    def _answered(self, result: str) -> float:
        return self.cluster.collectors[NAME].metrics().get(f'docket_batches_total{{result="{result}"}}', 0)


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

    circumstances = Circumstances(disk_was_full=True)

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


class ClientShutDown(CollectorAway):
    """The emitters are shut down while the collector is away, and others take their journals over."""

    circumstances = Circumstances(was_shut_down=True)

    def end(self, cells: list[Cell]) -> None:
        for cell in cells:
            cell.shut_down()
            cell.start(self.targets())
        super().end(cells)


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
    "client shut down": ClientShutDown,
}

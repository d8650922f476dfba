"""Two collectors on one PostgreSQL, four producers, and what is done to them at moments that a seed chooses."""

import os
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from collector import BINARY, Collector, free_port
from moments import MOMENTS, OTHERS, POISON, POISON_CHECK, ROTATION, SEALING, Stage
from private_postgres import PrivatePostgres, Session
from producers import Load, Producer, write_pieces

TENANTS = ("north", "south")
PRODUCERS = 4
KILLS_EACH = 2
RESTARTS = 2


class Chaos:
    """The whole arrangement, for so many events in all, with so many rows in a full segment."""

    def __init__(self, folder: Path, seed: int, events: int, segment_rows: int, moments: str):
        self.chance = random.Random(seed)
        self.kills: Counter[str] = Counter()
        self.reached: list[str] = []
        self._plan = self._choose(moments)
        self.postgres = PrivatePostgres()
        self.collectors: dict[str, Collector] = {}
        self.producers: list[Producer] = []
        self._ports = {name: free_port() for name in ("a", "b")}
        token = self._prepare(segment_rows)
        for name in self._ports:
            self._start(name)
        # So many pieces that a producer is seldom without one, of a few batches each.
        pieces, batch = max(20, 5 * len(self._plan)), max(50, min(1000, segment_rows // 40))
        for index in range(PRODUCERS):
            addresses = [f"127.0.0.1:{port}" for port in self._ports.values()]
            files = write_pieces(
                folder, f"producer-{index}", events // PRODUCERS, pieces, seed * PRODUCERS + index, self.chance
            )
            own_first = addresses if index % 2 == 0 else addresses[::-1]
            self.producers.append(Producer(TENANTS[index // 2], token, own_first, files, batch, self.chance))
        self.load = Load(self.producers)

    def disturb(self) -> None:
        """Goes through the moments, then on until each of those who are to be killed has been, often enough."""
        began = time.monotonic()
        # Most of the load is for the moments that wait for a rotation; the last tenth is for the last blows.
        weights = [1.0 if moment in {**ROTATION, **SEALING} else 0.1 for moment, _ in self._plan]
        for index, (moment, victim) in enumerate(self._plan):
            self.load.set_budget(0.9 * sum(weights[: index + 1]) / sum(weights))
            at = time.monotonic()
            stage = Stage(self.postgres, self.load)
            try:
                blocked = MOMENTS[moment](stage)
                self.reached.append(f"{moment} -> {self._strike(stage, moment, victim, blocked.collector)}")
            finally:
                stage.close()
            print(f"{at - began:7.1f} s + {time.monotonic() - at:5.1f} s: {self.reached[-1]}", flush=True)
        self.load.set_budget(1)
        while missing := self._missing():
            self.load.tend()
            time.sleep(self.chance.random())
            self._hit(missing[0])
            self.reached.append(f"under load -> {missing[0]}")
            print(f"{time.monotonic() - began:7.1f} s: {self.reached[-1]}", flush=True)

    def stop(self) -> None:
        """Stops everything, and deletes it."""
        for producer in self.producers:
            producer.stop()
        for collector in self.collectors.values():
            collector.kill()
            collector.delete_folder()
        self.postgres.delete()

    def _choose(self, wanted: str) -> list[tuple[str, str]]:
        """Moments with who is to be killed in each: "all", those named, or a number of them with some of each kind."""
        names = list(MOMENTS) if wanted == "all" else wanted.split(",")
        if wanted.isdigit():
            count = int(wanted)
            must = [self.chance.choice(list(kind)) for kind in (ROTATION, SEALING, POISON)][:count]
            others = [name for name in MOMENTS if name not in must]
            names = must + self.chance.sample(others, count - len(must))
        self.chance.shuffle(names)
        victims = ["postgres", "owner", "owner"] * len(names)
        # A collector that is killed has nobody to answer any more.
        return [(name, "postgres" if "unanswered" in name else victim) for name, victim in zip(names, victims)]

    def _strike(self, stage: Stage, moment: str, victim: str, owner: str) -> str:
        """Kills while the step waits for the harness, or just after it was let go. Says who was killed."""
        name = owner if victim == "owner" else victim
        manner = "waiting" if "unanswered" in moment else self.chance.choice(("waiting", "let go"))
        if manner == "let go":
            stage.open()
            time.sleep(self.chance.random() * 0.03)
        self._hit(name, lambda: None if manner == "let go" or name == "postgres" else stage.open())
        return f"{name}, {manner}"

    def _hit(self, name: str, behind: Callable[[], None] = lambda: None) -> None:
        """Kills a collector or PostgreSQL, does what is to be done behind that, and starts it again a while later."""
        if name == "postgres":
            self.postgres.crash()
            time.sleep(self.chance.random())
            self.postgres.start()
            return
        self.collectors[name].kill()
        self.kills[name] += 1
        behind()
        time.sleep(self.chance.random())
        self._start(name)

    def _missing(self) -> list[str]:
        """Who has not been killed often enough."""
        return [name for name in self._ports if self.kills[name] < KILLS_EACH] + (
            ["postgres"] if self.postgres.restarts < RESTARTS else []
        )

    def _prepare(self, segment_rows: int) -> str:
        """The schema, the tenants, a token that may publish for all, and the CHECK that refuses poisoned events."""
        self.docket("migrate")
        self.docket("event-type", "add", "authz.decision")
        self.docket("tenant", "add", *(tenant for tenant in TENANTS if tenant != "default"))
        tenants = [flag for tenant in TENANTS for flag in ("--tenant", tenant)]
        token = self.docket("token", "add", "--scope", "publish", "--label", "chaos", *tenants).strip()
        session = Session(self.postgres)
        session.ask(f"{POISON_CHECK}; UPDATE docket.store_policy SET segment_rows = {segment_rows}")
        session.close()
        return token

    def docket(self, *arguments: str) -> str:
        """What a command of docket prints."""
        administration = {
            "DOCKET_POSTGRES_ADMIN": self.postgres.conninfo("postgres"),
            "DOCKET_POSTGRES_MAINTAINER": self.postgres.conninfo("docket_maintainer"),
        }
        ended = subprocess.run(
            [BINARY, *arguments], check=False, env={**os.environ, **administration}, capture_output=True, text=True,
            timeout=120,
        )  # fmt: skip
        assert ended.returncode == 0, f"docket {' '.join(arguments)}: {ended.stdout}{ended.stderr}"
        return ended.stdout

    def _start(self, name: str) -> None:
        connections = {
            f"DOCKET_POSTGRES_{role.upper()}": self.postgres.conninfo(f"docket_{role}", name)
            for role in ("writer", "reader", "maintainer")
        }
        before = self.collectors.get(name)
        self.collectors[name] = Collector(
            "--listen", f"127.0.0.1:{self._ports[name]}", folder=before.folder if before else None, command=("serve",),
            environment=connections,
        )  # fmt: skip

"""Four producers that import files, piece by piece, for as long as they are given any."""

import json
import os
import random
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from collector import BINARY
from store_content import Fingerprints, sent

POISON = "poison-"
DEADLINE_SECONDS = 900
# So long producers stay idle before they are given more than was planned.
PATIENCE_SECONDS = 2


@dataclass
class Sent:
    """What was sent in all."""

    # What is to be in the log.
    events: Fingerprints = field(default_factory=dict)
    # Tenants by the ids of events that PostgreSQL refuses, and that are to be in quarantine.
    poisoned: dict[str, str] = field(default_factory=dict)


@dataclass
class Piece:
    """A file, with the number of its events and of the poisoned ones among them."""

    path: Path
    events: int
    poisoned: int


@dataclass
class Import:
    """An import that has ended, and how."""

    piece: Piece
    address: str
    code: int
    errors: str
    totals: dict


def write_pieces(folder: Path, name: str, events: int, pieces: int, seed: int, chance: random.Random) -> list[Piece]:
    """Synthetic events in files of about the same size, a few events of most of them poisoned."""
    whole = folder / f"{name}.jsonl"
    subprocess.run(
        [BINARY, "bench", "--write-jsonl", whole, "--events", str(events), "--seed", str(seed)], check=True, timeout=900
    )
    made = []
    with whole.open() as lines:
        for index in range(pieces):
            count = events * (index + 1) // pieces - events * index // pieces
            # Neighbours, the first and the last of a batch now and then: the halving has edges.
            places = {chance.choice((0, 1, count - 1, chance.randrange(count))) for _ in range(chance.randrange(4))}
            piece = Piece(folder / f"{name}-{index:04}.jsonl", count, len(places))
            with piece.path.open("w") as file:
                for place in range(count):
                    line = next(lines)
                    file.write(line.replace('"id":"', f'"id":"{POISON}', 1) if place in places else line)
            made.append(piece)
    whole.unlink()
    return made


def add_sent(everything: Sent, pieces: list[Piece], tenant: str) -> None:
    """Reads back what a producer was given."""
    for piece in pieces:
        with piece.path.open() as lines:
            plain = []
            for line in lines:
                if f'"id":"{POISON}' in line:
                    everything.poisoned[json.loads(line)["event_id"]] = tenant
                else:
                    plain.append(line)
            before, new = len(everything.events), dict(sent(plain, tenant))
            everything.events.update(new)
            assert len(everything.events) == before + piece.events - piece.poisoned, "two events have one id"


class Producer:
    """Imports pieces, one after the other, each as soon as it is let."""

    def __init__(
        self, tenant: str, token: str, addresses: list[str], pieces: list[Piece], batch: int, chance: random.Random
    ):
        """It publishes to the first of the addresses, and some pieces to both at once."""
        self.tenant = tenant
        self.pieces = pieces
        self.imports: list[Import] = []
        self._token, self._addresses, self._batch = token, addresses, batch
        self._twins = {index for index in range(len(pieces)) if chance.random() < 0.1}
        self._allowed = 0
        self._done = 0
        self._changed = threading.Condition()
        self._running: set[subprocess.Popen] = set()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    @property
    def is_idle(self) -> bool:
        return self._done >= self._allowed

    @property
    def allowed(self) -> int:
        return self._allowed

    def allow(self, count: int) -> None:
        """Lets it import so many pieces in all."""
        with self._changed:
            self._allowed = max(self._allowed, min(count, len(self.pieces)))
            self._changed.notify()

    def finish(self) -> None:
        """Lets it import all pieces, and waits for that."""
        self.allow(len(self.pieces))
        self._thread.join(DEADLINE_SECONDS)
        assert not self._thread.is_alive(), f"a producer has not come to its end within {DEADLINE_SECONDS} s"

    def stop(self) -> None:
        """Ends it whatever it is doing."""
        for process in list(self._running):
            process.kill()

    def _work(self) -> None:
        for index, piece in enumerate(self.pieces):
            with self._changed:
                self._changed.wait_for(lambda index=index: self._allowed > index)
            # The same batches by both collectors at once, now and then; else by the producer's own.
            addresses = self._addresses if index in self._twins else self._addresses[:1]
            processes = [(address, self._start(piece, address)) for address in addresses]
            for address, process in processes:
                output, errors = process.communicate()
                self._running.discard(process)
                totals = json.loads(output) if output.strip() else {}
                self.imports.append(Import(piece, address, process.returncode, errors[-2000:], totals))
            self._done += 1

    def _start(self, piece: Piece, address: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [BINARY, "import", "--format", "jsonl", "--address", address, "--tenant", self.tenant, "--max-attempts",
             "100000", "--records-per-batch", str(self._batch), "--max-reports", "0", "--json", piece.path],
            env={**os.environ, "DOCKET_TOKEN": self._token}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._running.add(process)
        return process


class Load:
    """All producers: kept busy while something is waited for, within a budget."""

    def __init__(self, producers: list[Producer]):
        self.producers = producers
        self._budget = 0
        self._busy_at = time.monotonic()

    def set_budget(self, share: float) -> None:
        """Pieces up to this share of all may be sent from now on."""
        self._budget = max(int(len(producer.pieces) * share) for producer in self.producers)

    def tend(self) -> None:
        """Gives another piece to each producer that has nothing to do."""
        for producer in self.producers:
            if producer.is_idle and producer.allowed < self._budget:
                producer.allow(producer.allowed + 1)
        if not all(producer.is_idle for producer in self.producers):
            self._busy_at = time.monotonic()
        elif time.monotonic() - self._busy_at > PATIENCE_SECONDS:
            # What is waited for takes more than was planned.
            self._budget += 1

    def finish(self) -> list[Import]:
        """Sends what is left."""
        for producer in self.producers:
            producer.allow(len(producer.pieces))
        for producer in self.producers:
            producer.finish()
        return [done for producer in self.producers for done in producer.imports]


def until(seconds: float, pause: float = 0.005):
    """Turns of a loop that waits for something, until that has taken too long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield
        time.sleep(pause)

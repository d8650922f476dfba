"""PostgreSQL stops, emitters go on pushing: memory stays within its bound, nothing is lost, and all goes on by itself.

DOCKET_PRESSURE_SECONDS says for how long it is away; the default keeps the suite short.
"""

import multiprocessing
import os
import queue
import subprocess
import time
from collections.abc import Iterator
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import grpc
import pytest
from docket.v1.collector_pb2 import PublishRequest, PublishResponse

from client import Client
from collector import BINARY, Collector
from events import event, request
from private_postgres import PrivatePostgres, frozen, stopped
from resident import is_within
from waiting import eventually

SECONDS = float(os.environ.get("DOCKET_PRESSURE_SECONDS", "8"))
MEMORY_LIMIT_BYTES = 64 << 20
BESIDE_BUFFERS_BYTES = 64 << 20
EMITTERS = 6
# Of about 250 KiB: together several times what the collector may hold.
BATCHES_EACH = 80
BATCH_EVENTS = 500
PATIENCE_SECONDS = 240
# Of the load with many connections: messages of 100 KB, and together half as much again as the collector may hold.
CONNECTIONS = 200
CONNECTION_BATCHES, CONNECTION_BATCH_EVENTS, CONNECTION_EVENT_BYTES = 6, 100, 1_000
SPAWN = multiprocessing.get_context("spawn")


class Emitter:
    """A process that publishes its batches on a stream, each again at once until there is a verdict, and then further ones."""

    def __init__(self, collector: Collector):
        self._published, self._refused, self._is_stopping = SPAWN.Value("q"), SPAWN.Value("q"), SPAWN.Event()
        # Not a fork: the test's own process uses gRPC as well.
        self._process = SPAWN.Process(
            target=emit, daemon=True,
            args=(collector.address, collector.token, self._published, self._refused, self._is_stopping),
        )  # fmt: skip
        self._process.start()

    @property
    def published(self) -> int:
        """Events that have a verdict."""
        return self._published.value

    @property
    def refused(self) -> int:
        """Answers that ask to try again later, and streams that failed."""
        return self._refused.value

    def stop(self) -> None:
        """Finishes what has been begun."""
        self._is_stopping.set()
        self._process.join(PATIENCE_SECONDS)
        assert self._process.exitcode == 0, f"an emitter ended with {self._process.exitcode}"

    def kill(self) -> None:
        self._process.kill()
        self._process.join()


def emit(address: str, token: str, published: Synchronized, refused: Synchronized, is_stopping: object) -> None:
    """The process."""
    producer = os.urandom(16)
    # Fields of a message may come in any order, so the events are encoded once.
    events = PublishRequest(events=[event(reason="x" * 400) for _ in range(BATCH_EVENTS)]).SerializeToString()

    def message(sequence: int) -> bytes:
        return PublishRequest(producer_id=producer, sequence=sequence).SerializeToString() + events

    sequence = 0
    with Client(address, token) as client:
        while not is_stopping.is_set():
            due = set(range(sequence, sequence + BATCHES_EACH))
            sequence += BATCHES_EACH
            while due:
                push(client, message, due, published, refused)


def push(client: Client, message: object, due: set[int], published: Synchronized, refused: Synchronized) -> None:
    """One stream, until all is done or it fails."""
    outbox: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    for sequence in due:
        outbox.put(sequence)
    call = client.channel.stream_stream(
        "/docket.v1.CollectorService/PublishStream",
        request_serializer=message,
        response_deserializer=PublishResponse.FromString,
    )(iter(outbox.get, None), metadata=client.metadata)
    try:
        for answer in call:
            if answer.WhichOneof("result") == "verdict":
                due.remove(answer.sequence)
                published.value += BATCH_EVENTS
            else:
                assert answer.status.code in (8, 14), answer.status
                refused.value += 1
                outbox.put(answer.sequence)
            if not due:
                outbox.put(None)
    except grpc.RpcError as error:
        assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED), error
        refused.value += 1
        outbox.put(None)


@pytest.fixture
def postgres() -> Iterator[PrivatePostgres]:
    server = PrivatePostgres()
    yield server
    server.delete()


@pytest.fixture
def collector(postgres: PrivatePostgres) -> Iterator[Collector]:
    administration = {
        "DOCKET_POSTGRES_ADMIN": postgres.conninfo("postgres"),
        "DOCKET_POSTGRES_MAINTAINER": postgres.conninfo("docket_maintainer"),
    }

    def docket(*arguments: str) -> str:
        ended = subprocess.run(
            [BINARY, *arguments], check=True, env={**os.environ, **administration}, capture_output=True, text=True,
            timeout=120,
        )  # fmt: skip
        return ended.stdout.strip()

    docket("migrate")
    docket("event-type", "add", "authz.decision")
    token = docket("token", "add", "--scope", "publish", "--label", "pressure", "--tenant", "default")
    connections = {
        f"DOCKET_POSTGRES_{role.upper()}": postgres.conninfo(f"docket_{role}") for role in ("writer", "reader", "maintainer")
    }
    running = Collector(
        command=("serve",), environment={**connections, "DOCKET_MEMORY_LIMIT_BYTES": str(MEMORY_LIMIT_BYTES)}
    )
    running.ready["token"] = token
    yield running
    running.kill()
    running.delete_folder()


def peak_bytes(collector: Collector) -> int:
    """The most memory that the collector has had since it was last reset."""
    status = Path(f"/proc/{collector.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def forget_peak(collector: Collector) -> None:
    Path(f"/proc/{collector.process.pid}/clear_refs").write_text("5")


@pytest.mark.parametrize("away", [stopped, frozen])
def test_memory_stays_bounded_while_postgresql_is_away_and_all_goes_on_when_it_is_back(
    postgres: PrivatePostgres, collector: Collector, away: object
) -> None:
    emitters = [Emitter(collector) for _ in range(EMITTERS)]

    def published() -> int:
        return sum(one.published for one in emitters)

    try:
        eventually(lambda: published() >= 20 * BATCH_EVENTS, "nothing is published", PATIENCE_SECONDS)
        forget_peak(collector)
        with away(postgres):
            # The load itself, not a condition: how much was pushed meanwhile is printed.
            time.sleep(SECONDS)
            peak, before = peak_bytes(collector), published()
        eventually(
            lambda: published() > before + 20 * BATCH_EVENTS, "nothing goes on, though it is back", PATIENCE_SECONDS
        )
        for emitter in emitters:
            emitter.stop()
    finally:
        for emitter in emitters:
            emitter.kill()
    after = peak_bytes(collector)
    print(
        f"{SECONDS:.0f} s away: {sum(one.refused for one in emitters)} refusals, peak {peak >> 20} MiB then and "
        f"{after >> 20} MiB in all, limit {MEMORY_LIMIT_BYTES >> 20} + {BESIDE_BUFFERS_BYTES >> 20} MiB; "
        f"{published()} events published"
    )
    assert is_within(max(peak, after), MEMORY_LIMIT_BYTES + BESIDE_BUFFERS_BYTES)
    stored = collector.sql(
        "SELECT count(*), count(DISTINCT (batch_id, position)) FROM docket.events"
        # Docket's own tell of the token.
        " WHERE type_id IN (SELECT type_id FROM docket.event_types WHERE NOT is_reserved)",
        postgres.conninfo("docket_maintainer"),
    )
    assert stored == [[str(published()), str(published())]]


def test_memory_stays_bounded_with_hundreds_of_connections(postgres: PrivatePostgres, collector: Collector) -> None:
    events = CONNECTIONS * CONNECTION_BATCHES * CONNECTION_BATCH_EVENTS
    received, since = 0.0, time.monotonic()

    def is_full() -> bool:
        """All are connected, and for a second nothing has come."""
        nonlocal received, since
        metrics = collector.metrics()
        if metrics["docket_received_bytes_total"] != received:
            received, since = metrics["docket_received_bytes_total"], time.monotonic()
        return metrics["docket_rpc_connections"] == CONNECTIONS and received > 0 and time.monotonic() > since + 1

    at_rest = peak_bytes(collector)
    load = subprocess.Popen(
        [BINARY, "bench", "load", "--address", collector.address, "--connections", str(CONNECTIONS), "--in-flight", "4",
         "--events", str(events), "--batch", str(CONNECTION_BATCH_EVENTS), "--event-bytes", str(CONNECTION_EVENT_BYTES)],
        env={**os.environ, "DOCKET_TOKEN": collector.token}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    forget_peak(collector)
    try:
        with frozen(postgres):
            eventually(is_full, "the collector isn't full", PATIENCE_SECONDS)
        assert load.wait(PATIENCE_SECONDS) == 0
    finally:
        load.kill()
        load.wait()
    taken = peak_bytes(collector) - at_rest
    print(f"{CONNECTIONS} connections: {taken >> 20} MiB more than the {at_rest >> 20} MiB at rest, limit {MEMORY_LIMIT_BYTES >> 20} MiB")
    # The connections themselves are of the budget; some more for what the allocator can't give back.
    assert is_within(taken, 1.3 * MEMORY_LIMIT_BYTES)

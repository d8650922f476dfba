"""What becomes of a reading's statements when nobody waits for it any more."""

from collections.abc import Callable, Iterator

import grpc
import pytest
from docket.v1.audit_log_pb2 import ExportRequest, QueryRequest, StatsRequest

from client import Client
from collector import Collector
from events import event
from locks import locked, reading, waiting_readers
from waiting import eventually

# Less than the 30 s after which a statement ends anyhow.
SECONDS = 10


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    running = Collector(environment={"DOCKET_AUDIT_READS": "off"})
    try:
        with Client(running.address, running.token) as client:
            client.publish_events(event())
            eventually(lambda: client.export().events)
        yield running
    finally:
        running.stop()
        running.delete_folder()


def query(client: Client, **options: object) -> object:
    return client.audit_log.Query.future(QueryRequest(), metadata=client.metadata, **options)


def stats(client: Client, **options: object) -> object:
    return client.audit_log.Stats.future(StatsRequest(), metadata=client.metadata, **options)


def export(client: Client, **options: object) -> object:
    return client.audit_log.Export(ExportRequest(), metadata=client.metadata, **options)


@pytest.mark.parametrize("call", [query, stats, export])
def test_a_deadline_ends_the_statement_in_postgresql(collector: Collector, call: Callable[..., grpc.Call]) -> None:
    with Client(collector.address, collector.token) as client, locked(collector, "events_000001"):
        made = call(client, timeout=10)
        eventually(lambda: waiting_readers(collector) == 1)
        assert made.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        eventually(lambda: reading(collector) == 0, seconds=SECONDS)


@pytest.mark.parametrize("call", [query, stats, export])
def test_cancelling_ends_the_statement_in_postgresql(collector: Collector, call: Callable[..., grpc.Call]) -> None:
    with Client(collector.address, collector.token) as client, locked(collector, "events_000001"):
        made = call(client, timeout=60)
        eventually(lambda: waiting_readers(collector) == 1)
        made.cancel()
        eventually(lambda: reading(collector) == 0, seconds=SECONDS)

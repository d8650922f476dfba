"""What nobody waits for any more isn't stored, as long as its commit hasn't begun."""

import subprocess
import time
import uuid
from collections.abc import Iterator

import grpc
import pytest
from docket.v1.collector_pb2 import PublishRequest

from client import TIMEOUT_SECONDS, Client
from collector import Collector
from conftest import StartCollector
from events import event, request

# Those that are asked for, and the one beside them for light batches.
WRITERS = 3
QUEUE = "docket_commit_queue_batches"
# Who isn't a superuser doesn't see what others' sessions run, but what they wait for.
BLOCKED = """
    SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE NOT granted AND relation = 'docket.batches'::regclass AND usename = 'docket_writer'
"""


@pytest.fixture
def collector(start_collector: StartCollector) -> Collector:
    """A collector of its own, since its writers are held up."""
    return start_collector("--writers", str(WRITERS - 1))


@pytest.fixture
def held_up(collector: Collector) -> Iterator[subprocess.Popen]:
    """Holds a lock that each commit needs, until its input is closed."""
    psql = subprocess.Popen(
        ["psql", collector.ready["conninfo"]["maintainer"], "--no-psqlrc", "--quiet", "--no-align", "--tuples-only"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    psql.stdin.write("BEGIN; LOCK TABLE docket.batches IN SHARE MODE; SELECT 'held';\n")
    psql.stdin.flush()
    assert psql.stdout.readline().strip() == "held"
    yield psql
    psql.kill()
    psql.wait()


def occupy_writers(collector: Collector, client: Client) -> list[grpc.Future]:
    """A batch for each writer, which waits in its commit."""
    calls = []
    for count in range(1, WRITERS + 1):
        calls.append(client.collector.Publish.future(request([event()]), metadata=client.metadata, timeout=TIMEOUT_SECONDS))
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while collector.sql(BLOCKED) != [[str(count)]]:
            assert time.monotonic() < deadline, collector.log()
    return calls


def let_go(psql: subprocess.Popen) -> None:
    psql.communicate("ROLLBACK;\n", timeout=TIMEOUT_SECONDS)


def is_replay(client: Client, batch: PublishRequest) -> bool:
    return client.publish(batch).verdict.replayed


def test_a_batch_whose_deadline_passes_in_the_queue_is_not_stored(
    collector: Collector, client: Client, held_up: subprocess.Popen
) -> None:
    under_way = occupy_writers(collector, client)
    late = request([event()])
    with pytest.raises(grpc.RpcError) as ended:
        client.publish(late, timeout=3)
    assert ended.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    wait_for_withdrawals(collector, 1)
    let_go(held_up)
    assert [call.result().verdict.accepted_count for call in under_way] == [1] * WRITERS
    assert not is_replay(client, late)


def test_of_a_batch_whose_deadline_passes_in_its_commit_a_replay_tells_the_truth(
    collector: Collector, client: Client, held_up: subprocess.Popen
) -> None:
    batch = request([event()])
    with pytest.raises(grpc.RpcError) as ended:
        client.publish(batch, timeout=3)
    assert ended.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert collector.sql(BLOCKED) == [["1"]]
    let_go(held_up)
    assert is_replay(client, batch)
    assert collector.sql(f"SELECT count(*) FROM docket.events WHERE event_id = '{uuid.UUID(bytes=batch.events[0].event_id)}'") == [["1"]]


def test_a_stream_that_is_cancelled_takes_back_what_waits_and_not_what_is_being_committed(
    collector: Collector, client: Client, held_up: subprocess.Popen
) -> None:
    under_way = occupy_writers(collector, client)
    batches = [request([event()]) for _ in range(6)]
    stream = client.collector.PublishStream(iter(batches), metadata=client.metadata, timeout=TIMEOUT_SECONDS)
    wait_for(collector, QUEUE, WRITERS + len(batches))
    stream.cancel()
    wait_for_withdrawals(collector, len(batches))
    let_go(held_up)
    assert [call.result().verdict.replayed for call in under_way] == [False] * WRITERS
    assert [is_replay(client, batch) for batch in batches] == [False] * len(batches)


def wait_for_withdrawals(collector: Collector, count: int) -> None:
    wait_for(collector, 'docket_store_batches_total{outcome="withdrawn"}', count)


def wait_for(collector: Collector, series: str, value: float) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while collector.metrics().get(series) != value:
        assert time.monotonic() < deadline, f"{series} is {collector.metrics().get(series)}, not {value}"

"""gRPC itself: statuses, compression, deadlines, limits, concurrency."""

import os
from concurrent.futures import ThreadPoolExecutor
from urllib.request import urlopen

import grpc
import pytest
from docket.v1 import collector_pb2
from docket.v1.collector_pb2 import PublishRequest

from client import TIMEOUT_SECONDS, Client, failure
from collector import Collector
from conftest import StartCollector
from events import event, full_event, request, unique

PUBLISH = "/docket.v1.CollectorService/Publish"
DEFAULT_MAX_BATCH_BYTES = 4 * 1024 * 1024


def batch_of_bytes(size: int) -> PublishRequest:
    """A valid batch whose encoding is exactly that long."""
    batch = request(event(attributes='{"a":"' + "b" * 60_000 + '"}') for _ in range(size // 61_000))
    # What is missing goes into two last events. The first takes it by the thousand; the second, whose text has a length
    # prefix of two bytes whatever happens, to the byte.
    while size - batch.ByteSize() > 8000:
        batch.events.append(event(reason="r" * 7000))
    batch.events.append(event(reason="r" * 200))
    while (missing := size - batch.ByteSize()) < 0:
        del batch.events[0].scope
        batch.events.pop(-2)
    batch.events[-1].reason += "r" * missing
    assert batch.ByteSize() == size, batch.ByteSize()
    return batch


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.NoCompression])
def test_a_batch_may_be_compressed(client: Client, compression: grpc.Compression) -> None:
    session = unique()
    batch = request(event(session_id=session, reason="compressible " * 100) for _ in range(100))
    assert client.publish(batch, compression=compression).verdict.accepted_count == 100
    stored = client.query_all(session_id=session, page_size=1000)
    sent = {one.event_id: one for one in batch.events}
    assert {one.event.event_id: one.event for one in stored} == sent


def test_a_stream_may_be_compressed(client: Client) -> None:
    producer = os.urandom(16)
    batches = [request([full_event() for _ in range(20)], producer, sequence) for sequence in range(20)]
    answers = list(client.publish_stream(batches, compression=grpc.Compression.Gzip))
    assert sorted(answer.sequence for answer in answers) == list(range(20))
    assert all(answer.verdict.accepted_count == 20 for answer in answers)


def test_a_compressed_batch_counts_by_its_size_after_decompression(client: Client) -> None:
    # 8 MiB of the same byte: a few KiB on the wire.
    bomb = request(event(reason="r" * 8000) for _ in range(1000))
    assert bomb.ByteSize() > DEFAULT_MAX_BATCH_BYTES
    error = failure(client.publish, bomb, compression=grpc.Compression.Gzip)
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error.details()
    assert not client.query(event_id=bomb.events[0].event_id).events


@pytest.mark.parametrize("seconds", [0.0001, 0.001, 0.002, 0.005, 0.01, 0.05, 1, 60])
def test_a_deadline_ends_a_call_with_deadline_exceeded_or_not_at_all(client: Client, seconds: float) -> None:
    published = event()
    batch = request([published])
    try:
        assert client.publish(batch, timeout=seconds).verdict.accepted_count == 1
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error.details()
    # Whether it was stored is open then; sent again it is stored exactly once.
    assert client.publish(batch).verdict.accepted_count == 1
    assert len(client.query(event_id=published.event_id).events) == 1


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"\xff\xff\xff\xff", id="no field at all"),
        pytest.param(b"\x12\x10short", id="a field cut short"),
        pytest.param(request([]).SerializeToString() + b"\x22\x05\x0a\xff\xff\xff\xff", id="an event cut short"),
        pytest.param(request([event()]).SerializeToString()[:-1], id="a batch without its last byte"),
        pytest.param(b"\x07" * 1000, id="noise"),
    ],
)
def test_a_message_that_cannot_be_parsed_is_internal(client: Client, message: bytes) -> None:
    error = failure(client.call_raw, PUBLISH, message)
    assert error.code() == grpc.StatusCode.INTERNAL, error.details()
    assert client.publish_events(event()).accepted_count == 1


@pytest.mark.parametrize("message", [pytest.param(b"", id="empty"), pytest.param(b"\x10" * 4, id="a wrong wire type")])
def test_a_message_without_known_fields_is_a_batch_that_lacks_all(client: Client, message: bytes) -> None:
    error = failure(client.call_raw, PUBLISH, message)
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error.details()
    assert client.publish_events(event()).accepted_count == 1


def test_fields_that_the_collector_does_not_know_are_no_fault(client: Client) -> None:
    # Field 1000, as a newer client might send it, in the batch and in an event.
    published = event()
    unknown = b"\xc2\x3e\x03new"
    inner = published.SerializeToString() + unknown
    message = request([]).SerializeToString() + unknown + b"\x22" + bytes([len(inner)]) + inner
    assert len(inner) < 128
    answer = collector_pb2.PublishResponse.FromString(client.call_raw(PUBLISH, message))
    assert answer.verdict.accepted_count == 1
    assert [one.event for one in client.query(event_id=published.event_id).events] == [published]


@pytest.mark.parametrize(
    "method",
    [
        "/docket.v1.CollectorService/NoSuchMethod",
        "/docket.v1.NoSuchService/Publish",
        "/Publish",
        "/docket.v1.CollectorService/publish",
        "/docket.v1.CollectorService/Publish/",
    ],
)
def test_an_unknown_method_is_unimplemented(client: Client, method: str) -> None:
    error = failure(client.call_raw, method, request([event()]).SerializeToString())
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error.details()


def test_a_second_message_on_a_unary_call_is_refused(client: Client) -> None:
    call = client.channel.stream_unary(PUBLISH)
    messages = [request([event()]).SerializeToString(), request([event()]).SerializeToString()]
    error = failure(call, iter(messages), metadata=client.metadata, timeout=30)
    # https://github.com/grpc/grpc/blob/master/doc/statuscodes.md: a cardinality violation is UNIMPLEMENTED.
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error.details()


def test_a_unary_call_without_a_message_is_refused(client: Client) -> None:
    error = failure(client.channel.stream_unary(PUBLISH), iter([]), metadata=client.metadata, timeout=30)
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error.details()


def test_a_batch_exactly_at_the_limit_is_accepted(client: Client) -> None:
    batch = batch_of_bytes(DEFAULT_MAX_BATCH_BYTES)
    assert client.publish(batch).verdict.accepted_count == len(batch.events)


@pytest.mark.parametrize("size", [DEFAULT_MAX_BATCH_BYTES + 1, 3 * DEFAULT_MAX_BATCH_BYTES])
def test_a_batch_over_the_limit_is_resource_exhausted_and_names_the_limit(client: Client, size: int) -> None:
    batch = batch_of_bytes(size)
    error = failure(client.publish, batch)
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error.details()
    assert str(DEFAULT_MAX_BATCH_BYTES) in error.details()
    assert not client.query(event_id=batch.events[0].event_id).events
    assert client.publish_events(event()).accepted_count == 1, "the connection stays usable"


def test_a_batch_over_the_default_limit_is_accepted_when_configured(start_collector: StartCollector) -> None:
    running = start_collector("--max-batch-bytes", str(16 * 1024 * 1024))
    batch = batch_of_bytes(3 * DEFAULT_MAX_BATCH_BYTES)
    with Client(running.address, running.token) as client:
        assert client.publish(batch).verdict.accepted_count == len(batch.events)
        error = failure(client.publish, batch_of_bytes(16 * 1024 * 1024 + 1))
        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error.details()


def test_200_concurrent_calls_on_one_connection_are_all_answered(client: Client) -> None:
    session = unique()
    batches = [request([event(session_id=session)], sequence=index) for index in range(200)]
    futures = [
        client.collector.Publish.future(batch, metadata=client.metadata, timeout=TIMEOUT_SECONDS) for batch in batches
    ]
    answers = [future.result() for future in futures]
    assert [answer.sequence for answer in answers] == list(range(200))
    assert all(answer.verdict.accepted_count == 1 for answer in answers)
    assert len({answer.verdict.receipt.batch_id for answer in answers}) == 200
    assert len(client.query_all(session_id=session, page_size=1000)) == 200


def test_40_connections_with_50_calls_each_are_all_answered(collector: Collector, client: Client) -> None:
    session = unique()

    def publish(_: int) -> int:
        with Client(collector.address, collector.token) as own:
            futures = [
                own.collector.Publish.future(
                    request([event(session_id=session)]), metadata=own.metadata, timeout=TIMEOUT_SECONDS
                )
                for _ in range(50)
            ]
            return sum(future.result().verdict.accepted_count for future in futures)

    with ThreadPoolExecutor(40) as pool:
        assert sum(pool.map(publish, range(40))) == 2000
    assert len(client.query_all(session_id=session, page_size=1000)) == 2000


def test_large_metadata_is_taken(client: Client) -> None:
    metadata = (*client.metadata, ("x-note", "n" * 4000), ("x-note-bin", os.urandom(1000)))
    answer = client.collector.Publish(request([event()]), metadata=metadata, timeout=30)
    assert answer.verdict.accepted_count == 1


def test_the_metrics_count_accepted_and_rejected_events(collector: Collector, client: Client) -> None:
    before = collector.metrics()
    client.publish_events(event(), event(type="no.such.type"), event())
    after = collector.metrics()
    for result, count in {"accepted": 2, "rejected": 1}.items():
        series = f'docket_events_total{{result="{result}"}}'
        assert after[series] - before.get(series, 0) == count


def test_a_collector_that_serves_says_that_it_is_ready(collector: Collector) -> None:
    with urlopen(f"http://{collector.ready['http']}/readyz", timeout=30) as answer:
        assert answer.status == 200

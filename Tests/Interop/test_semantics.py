"""What gRPC's documents ask of statuses, headers and deadlines, with stock clients and frame by frame."""

import hashlib
import json
import os
import struct
import subprocess
import time
from collections.abc import Iterator

import grpc
import h2.events
import pytest
from docket.v1.audit_log_pb2 import EventFilter, QueryRequest
from docket.v1.collector_pb2 import PublishResponse
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from client import CHANNEL_OPTIONS, TIMEOUT_SECONDS, Client, failure
from collector import Collector
from conftest import StartCollector
from events import event, request
from raw_calls import Answer, receive
from test_abuse import PATIENCE_SECONDS, PUBLISH, RawConnection, framed

PUBLISH_STREAM = "/docket.v1.CollectorService/PublishStream"
QUERY = "/docket.v1.AuditLogService/Query"
DETAIL_TYPES = (
    error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.QuotaFailure,
    error_details_pb2.RetryInfo,
)  # fmt: skip


def unpacked(status: status_pb2.Status) -> dict[str, Message]:
    """The details by the names of their types; no type comes twice."""
    found = {}
    for detail in status.details:
        [kind] = [kind for kind in DETAIL_TYPES if detail.Is(kind.DESCRIPTOR)]
        assert kind.__name__ not in found
        found[kind.__name__] = kind.FromString(detail.value)
    return found


def details(error: grpc.RpcError) -> dict[str, Message]:
    """The details of an error; grpcio-status checks that code and message are those of the call."""
    status = rpc_status.from_call(error)
    assert status is not None, f"no details: {error}"
    return unpacked(status)


def fields(found: dict[str, Message]) -> list[str]:
    violations = found["BadRequest"].field_violations
    assert all(violation.description for violation in violations)
    return [violation.field for violation in violations]


def pushback(error: grpc.RpcError) -> int | None:
    values = [value for name, value in error.trailing_metadata() if name == "grpc-retry-pushback-ms"]
    assert len(values) <= 1
    return int(values[0]) if values else None


# MARK: Details


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"producer_id": b"short"}, "producer_id", id="producer_id of 5 bytes"),
        pytest.param({"sequence": 1 << 63}, "sequence", id="sequence over 2^63-1"),
        pytest.param({"events": []}, "events", id="no events"),
        pytest.param({"tenant": "t" * 1000}, "tenant", id="tenant of 1,000 bytes"),
    ],
)
def test_a_refused_batch_names_the_field_in_a_bad_request(
    client: Client, changes: dict[str, object], field: str
) -> None:
    batch = request([event()])
    for name, value in changes.items():
        batch.ClearField(name)
        if value:
            setattr(batch, name, value)
    error = failure(client.publish, batch)
    found = details(error)
    assert (error.code(), fields(found)) == (grpc.StatusCode.INVALID_ARGUMENT, [field])
    assert (found["ErrorInfo"].reason, found["ErrorInfo"].domain) == ("FIELD_INVALID", "docket")
    assert "RetryInfo" not in found and pushback(error) is None

    # On a stream the same stands in the reply, except that a batch without a sequence can't be answered.
    if field != "sequence":
        [answer] = client.publish_stream([batch])
        assert answer.status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
        assert unpacked(answer.status) == found


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        pytest.param(QueryRequest(filter=EventFilter(event_id=b"short")), "filter.event_id", id="event_id"),
        pytest.param(QueryRequest(page_size=1 << 20), "page_size", id="page_size"),
        pytest.param(QueryRequest(page_token=b"\x09nonsense"), "page_token", id="page_token"),
    ],
)
def test_a_refused_query_names_the_field_in_a_bad_request(client: Client, asked: QueryRequest, field: str) -> None:
    error = failure(client.audit_log.Query, asked, metadata=client.metadata, timeout=TIMEOUT_SECONDS)
    assert (error.code(), fields(details(error))) == (grpc.StatusCode.INVALID_ARGUMENT, [field])


@pytest.mark.parametrize("path", [PUBLISH, QUERY, "/grpc.health.v1.Health/Check"])
def test_a_message_that_is_none_of_its_type_says_so_without_a_field(client: Client, path: str) -> None:
    error = failure(client.call_raw, path, b"\xff\xff\xff\xff")
    assert error.code() == grpc.StatusCode.INTERNAL
    status = rpc_status.from_call(error)
    assert status is None or "BadRequest" not in unpacked(status)


def other_token() -> str:
    """A token of the right form that nobody was given: the checksum is over the 64 digits before it."""
    digits = os.urandom(32).hex()
    return f"dkt_{digits}{hashlib.sha256(digits.encode()).hexdigest()[:8]}"


def test_the_reason_tells_credentials_apart(client: Client) -> None:
    cases = {
        "TOKEN_MISSING": (),
        "TOKEN_MALFORMED": (("authorization", "Bearer wrong"),),
        "TOKEN_UNKNOWN": (("authorization", f"Bearer {other_token()}"),),
    }
    for reason, metadata in cases.items():
        for method, message in (
            (client.collector.Publish, request([event()])),
            (client.collector.PublishStream, iter([request([event()])])),
            (client.audit_log.Query, QueryRequest()),
        ):
            error = failure(method, message, metadata=metadata, timeout=TIMEOUT_SECONDS)
            assert error.code() == grpc.StatusCode.UNAUTHENTICATED
            assert details(error)["ErrorInfo"].reason == reason


def test_the_reason_tells_a_tenant_that_is_not_covered_and_a_batch_that_is_another(client: Client) -> None:
    error = failure(client.publish, request([event()], tenant="no-such-tenant"))
    assert (error.code(), details(error)["ErrorInfo"].reason) == (
        grpc.StatusCode.PERMISSION_DENIED, "TENANT_NOT_COVERED",
    )  # fmt: skip
    batch = request([event()])
    client.publish(batch)
    batch.events.append(event())
    error = failure(client.publish, batch)
    assert (error.code(), details(error)["ErrorInfo"].reason) == (grpc.StatusCode.ALREADY_EXISTS, "BATCH_CONFLICT")


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_a_message_over_the_limit_is_a_quota_failure_that_no_retry_mends(
    client: Client, compression: grpc.Compression
) -> None:
    batch = request(event(reason="r" * 8000) for _ in range(1000))
    error = failure(client.publish, batch, compression=compression)
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    found = details(error)
    [violation] = found["QuotaFailure"].violations
    assert (violation.subject, violation.description) == ("message", error.details())
    assert "RetryInfo" not in found and pushback(error) is None


def test_a_batch_that_expands_too_far_is_a_quota_failure(client: Client) -> None:
    # Two bytes an actor on the wire.
    error = failure(client.publish, request([event(delegation=[{}] * 1_900_000)]))
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error.details()
    found = details(error)
    assert found["ErrorInfo"].reason == "BATCH_TOO_LARGE"
    assert [violation.subject for violation in found["QuotaFailure"].violations] == ["batch"]


def asks_to_retry(error: grpc.RpcError) -> int:
    """The pause that an error asks for, in milliseconds: the same in both places."""
    delay = details(error)["RetryInfo"].retry_delay.ToMilliseconds()
    assert pushback(error) == delay > 0
    return delay


@pytest.fixture
def own_collector(start_collector: StartCollector) -> Collector:
    return start_collector()


@pytest.fixture
def held_up(own_collector: Collector) -> Iterator[subprocess.Popen]:
    """Holds a lock that each commit and each query needs."""
    psql = subprocess.Popen(
        ["psql", own_collector.ready["conninfo"]["maintainer"], "--no-psqlrc", "--quiet", "--no-align", "--tuples-only"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    psql.stdin.write("BEGIN; LOCK TABLE docket.batches, docket.events IN ACCESS EXCLUSIVE MODE; SELECT 'held';\n")
    psql.stdin.flush()
    assert psql.stdout.readline().strip() == "held"
    yield psql
    psql.kill()
    psql.wait()


def test_a_query_that_there_is_no_room_for_asks_to_retry(own_collector: Collector, held_up: subprocess.Popen) -> None:
    with Client(own_collector.address, own_collector.token) as client:
        asked = QueryRequest(), client.metadata
        calls = [
            client.audit_log.Query.future(asked[0], metadata=asked[1], timeout=TIMEOUT_SECONDS) for _ in range(65)
        ]
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (refused := [call for call in calls if call.done()]):
            assert time.monotonic() < deadline
        held_up.communicate("ROLLBACK;\n", timeout=TIMEOUT_SECONDS)
        [error] = [call.exception() for call in calls if call.exception() is not None]
        assert refused[0].exception() is error
        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert asks_to_retry(error) == 250


def test_what_fails_because_postgresql_is_away_asks_to_retry(own_collector: Collector) -> None:
    with Client(own_collector.address, own_collector.token) as client:
        assert client.publish_events(event()).accepted_count == 1
        os.kill(own_collector.ready["postgres_pid"], 3)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            # It may go on a moment, and the call that is under way when the connection breaks may be answered otherwise.
            call = client.audit_log.Query.future(QueryRequest(), metadata=client.metadata, timeout=TIMEOUT_SECONDS)
            error = call.exception()
            if call.code() is grpc.StatusCode.UNAVAILABLE:
                break
            assert time.monotonic() < deadline, error
        assert asks_to_retry(error) > 0
        assert details(error)["ErrorInfo"].reason == "STORE_UNAVAILABLE"


def test_a_call_over_what_a_peer_may_have_open_asks_to_retry(start_collector: StartCollector) -> None:
    collector = start_collector(environment={"DOCKET_GRPC_MAX_CALLS_PER_PEER": "1"})
    with RawConnection(collector) as connection, Client(collector.address, collector.token) as client:
        stream = connection.start_call(collector, path=PUBLISH_STREAM)
        receive(connection, stream, parts=1)
        error = failure(client.publish, request([event()]))
        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert asks_to_retry(error) == 250
        assert [violation.subject for violation in details(error)["QuotaFailure"].violations] == ["server"]


# MARK: Retries


def retried(collector: Collector) -> dict[str, float]:
    name = "docket_rpc_retried_calls_total"
    return {series: value for series, value in collector.metrics().items() if series.startswith(name)}


def more(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    return {
        series.split('"')[1]: value - before.get(series, 0)
        for series, value in after.items()
        if value != before.get(series, 0)
    }


def test_the_attempts_of_a_stock_client_that_retries_are_counted(collector: Collector) -> None:
    policy = {
        "maxAttempts": 3, "initialBackoff": "0.01s", "maxBackoff": "0.01s", "backoffMultiplier": 1,
        "retryableStatusCodes": ["INVALID_ARGUMENT"],
    }  # fmt: skip
    options = [option for option in CHANNEL_OPTIONS if option[0] != "grpc.enable_retries"]
    config = {"methodConfig": [{"name": [{"service": "docket.v1.CollectorService"}], "retryPolicy": policy}]}
    before = retried(collector)
    with grpc.insecure_channel(
        collector.address, [*options, ("grpc.enable_retries", 1), ("grpc.service_config", json.dumps(config))]
    ) as channel:
        publish = channel.unary_unary(PUBLISH)
        metadata = (("authorization", f"Bearer {collector.token}"),)
        error = failure(publish, b"", metadata=metadata, timeout=TIMEOUT_SECONDS)
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert more(before, retried(collector)) == {"1": 1, "2": 1}


@pytest.mark.parametrize(
    ("value", "counted"),
    [("1", "1"), ("4", "4"), ("5", "5+"), (str(2**62), "5+"), ("0", None), ("-1", None), ("9" * 30, None), ("x", None)],
)
def test_whatever_number_of_attempts_a_client_claims_is_one_call(
    collector: Collector, value: str, counted: str | None
) -> None:
    before = retried(collector)
    with RawConnection(collector) as connection:
        stream = connection.start_call(collector, grpc_previous_rpc_attempts=value)
        connection.send(stream, framed(request([event()]).SerializeToString()), end_stream=True)
        assert receive(connection, stream).trailers["grpc-status"] == "0"
    assert more(before, retried(collector)) == ({} if counted is None else {counted: 1})


# MARK: Which frames an answer is made of


def answer_to(collector: Collector, message: bytes | None, **headers: str | None) -> Answer:
    with RawConnection(collector) as connection:
        stream = connection.start_call(collector, end_stream=message is None, **headers)
        if message is not None:
            connection.send(stream, message, end_stream=True)
        return receive(connection, stream)


@pytest.mark.parametrize(
    ("status", "message", "headers"),
    [
        pytest.param("16", None, {"authorization": None}, id="no token"),
        pytest.param("12", None, {"path": "/docket.v1.CollectorService/Nothing"}, id="unknown method"),
        pytest.param("12", None, {"grpc_encoding": "br"}, id="unknown encoding"),
        pytest.param("12", None, {}, id="no message"),
        pytest.param("13", None, {"te": None}, id="no te"),
        pytest.param("13", framed(b"12345", length=7), {}, id="half a message"),
        pytest.param("8", framed(b"", length=1 << 30), {}, id="a message over the limit"),
        pytest.param("13", framed(b"\xff\xff"), {}, id="no message of its type"),
        pytest.param("3", framed(b""), {}, id="no events"),
        pytest.param("16", None, {"path": PUBLISH_STREAM, "authorization": None}, id="a stream without a token"),
        pytest.param("16", None, {"path": QUERY, "authorization": None}, id="a query without a token"),
    ],
)
def test_a_refusal_before_any_message_is_one_frame(
    collector: Collector, status: str, message: bytes | None, headers: dict[str, str | None]
) -> None:
    answer = answer_to(collector, message, **headers)
    assert answer.is_trailers_only, answer
    assert (answer.trailers[":status"], answer.trailers["content-type"]) == ("200", "application/grpc")
    assert answer.trailers["grpc-status"] == status
    assert answer.trailers["grpc-message"]


def test_a_unary_success_is_headers_a_message_and_trailers(collector: Collector) -> None:
    answer = answer_to(collector, framed(request([event()]).SerializeToString()))
    headers, data, trailers = answer.parts
    assert (headers[":status"], "grpc-status" in headers) == ("200", False)
    assert isinstance(data, bytes)
    assert (trailers.fields, trailers.ends_stream) == ([("grpc-status", "0")], True)


def test_the_headers_of_a_unary_call_wait_for_its_message(own_collector: Collector, held_up: subprocess.Popen) -> None:
    with RawConnection(own_collector) as connection:
        stream = connection.start_call(own_collector)
        connection.send(stream, framed(request([event()]).SerializeToString()), end_stream=True)
        blocked = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'docket.batches'::regclass"
        deadline = time.monotonic() + PATIENCE_SECONDS
        while own_collector.sql(blocked) == [["0"]]:
            assert time.monotonic() < deadline
        connection.h2.ping(b"12345678")
        connection.flush()
        happened: list[h2.events.Event] = []
        while not any(isinstance(one, h2.events.PingAckReceived) for one in happened):
            happened += connection.h2.receive_data(connection.socket.recv(65536))
        assert not [one for one in happened if getattr(one, "stream_id", 0) == stream]
        held_up.communicate("ROLLBACK;\n", timeout=TIMEOUT_SECONDS)
        answer = receive(connection, stream)
    assert [len(answer.blocks), answer.trailers["grpc-status"]] == [2, "0"]


def test_an_accepted_stream_answers_with_headers_at_once_and_later_fails_in_trailers(collector: Collector) -> None:
    with RawConnection(collector) as connection:
        stream = connection.start_call(collector, path=PUBLISH_STREAM)
        [headers] = receive(connection, stream, parts=1).blocks
        assert (headers[":status"], headers.ends_stream, "grpc-status" in headers) == ("200", False, False)
        connection.send(stream, framed(b"\xff\xff\xff"))
        answer = receive(connection, stream)
    assert answer.trailers["grpc-status"] == "13"
    assert ":status" not in answer.trailers


# MARK: Compression


def test_a_compression_that_the_collector_does_not_know_is_unimplemented_for_a_stock_client_too(client: Client) -> None:
    error = failure(client.publish, request([event()]), compression=grpc.Compression.Deflate)
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED
    # The encodings that may be used are named: https://github.com/grpc/grpc/blob/master/doc/compression.md.
    assert "identity or gzip" in error.details()


@pytest.mark.parametrize("encoding", ["gzip", None])
@pytest.mark.parametrize("accepted", ["identity, gzip", "identity", None])
def test_an_answer_is_compressed_as_the_request_if_that_is_accepted(
    collector: Collector, encoding: str | None, accepted: str | None
) -> None:
    # Many rejections, so that there is something to compress.
    batch = request([event(type=f"no.such.type.{index}") for index in range(100)])
    message = framed(batch.SerializeToString())
    answer = answer_to(collector, message, grpc_encoding=encoding, grpc_accept_encoding=accepted)
    is_compressed = encoding == "gzip" and accepted == "identity, gzip"
    assert answer.blocks[0].values("grpc-encoding") == (["gzip"] if is_compressed else [])
    [(flag, content)] = answer.messages
    assert flag == int(is_compressed)
    if not is_compressed:
        assert len(PublishResponse.FromString(content).verdict.rejections) == 100


def test_a_stock_client_reads_a_compressed_answer(client: Client) -> None:
    batch = request([event(type=f"no.such.type.{index}") for index in range(100)])
    answer = client.publish(batch, compression=grpc.Compression.Gzip)
    assert len(answer.verdict.rejections) == 100


# MARK: Deadlines


@pytest.mark.parametrize("timeout", ["99999999H", "99999999M", "99999999S", "99999999m", "99999999u", "60S", "00000001H"])
def test_every_unit_of_a_timeout_is_read_up_to_eight_digits(collector: Collector, timeout: str) -> None:
    answer = answer_to(collector, framed(request([event()]).SerializeToString()), grpc_timeout=timeout)
    assert answer.trailers["grpc-status"] == "0"


@pytest.mark.parametrize("timeout", ["0n", "0u", "0m", "0S", "0M", "0H", "00000000S"])
def test_a_deadline_that_has_passed_on_arrival_stores_nothing(
    collector: Collector, client: Client, timeout: str
) -> None:
    published = event()
    answer = answer_to(collector, framed(request([published]).SerializeToString()), grpc_timeout=timeout)
    assert answer.is_trailers_only
    assert answer.trailers["grpc-status"] == "4"
    assert not client.query(event_id=published.event_id).events


@pytest.mark.parametrize("timeout", ["1n", "99n", "1u"])
def test_a_timeout_of_next_to_nothing_ends_as_deadline_exceeded(collector: Collector, timeout: str) -> None:
    # Nothing is sent behind the headers: only the deadline can end the call.
    with RawConnection(collector) as connection:
        stream = connection.start_call(collector, grpc_timeout=timeout)
        assert receive(connection, stream).trailers["grpc-status"] == "4"


@pytest.mark.parametrize(
    "timeout", ["", "1", "S", "1s", "1x", "1SS", "S1", "-1S", "+1S", "1.5S", "1 S", "0x1S", "000000001S", "1S,2S", "\u0663S"]
)
def test_a_timeout_that_is_none_is_an_error_and_stores_nothing(
    collector: Collector, client: Client, timeout: str
) -> None:
    published = event()
    answer = answer_to(collector, framed(request([published]).SerializeToString()), grpc_timeout=timeout)
    assert answer.is_trailers_only
    assert (answer.trailers[":status"], answer.trailers["grpc-status"]) == ("200", "13")
    assert not client.query(event_id=published.event_id).events


# MARK: HTTP


@pytest.mark.parametrize(
    ("http", "headers"),
    [
        pytest.param("405", {"method": "GET"}, id="GET"),
        pytest.param("405", {"method": "PUT"}, id="PUT"),
        pytest.param("415", {"content_type": "application/grpc-web"}, id="gRPC-Web"),
        pytest.param("415", {"content_type": None}, id="no content-type"),
        pytest.param("200", {"te": None}, id="no te"),
    ],
)
def test_a_request_that_is_no_grpc_is_refused_in_the_words_of_http_where_grpc_has_none(
    collector: Collector, http: str, headers: dict[str, str | None]
) -> None:
    answer = answer_to(collector, None, **headers)
    assert answer.is_trailers_only
    assert (answer.trailers[":status"], answer.trailers["grpc-status"]) == (http, "13")


def test_a_client_that_goes_on_sending_after_a_refusal_is_told_to_stop(collector: Collector) -> None:
    with RawConnection(collector) as connection:
        stream = connection.start_call(collector, authorization=None)
        connection.send(stream, struct.pack(">BI", 0, 1000))
        answer = receive(connection, stream)
        assert answer.is_trailers_only
        while answer.reset is None:
            for happened in connection.h2.receive_data(connection.socket.recv(65536)):
                if isinstance(happened, h2.events.StreamReset):
                    answer.reset = int(happened.error_code)
    # Early Server Closure: RST_STREAM with NO_ERROR behind the trailers.
    assert answer.reset == 0

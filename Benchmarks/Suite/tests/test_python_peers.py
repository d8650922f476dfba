"""The Python services answer every request, whatever is sent and whatever happens, in front of a PostgreSQL of their own."""

import os
import queue
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from suite.contestants import PEERS
from suite.processes import Child
from suite.server import PrivatePostgres, Session
from tables import make_tables

BUILT = PEERS / "python" / ".build"
if not (BUILT / "stubs").exists():
    pytest.skip("Benchmarks/Peers/python/build has not been run", allow_module_level=True)
# The services' own packages: made with the Python that the suite has, too.
sys.path += [str(BUILT / "stubs"), *map(str, (BUILT / "venv" / "lib").glob("python3*/site-packages"))]

import grpc  # noqa: E402
from docket.v1 import collector_pb2 as pb  # noqa: E402
from docket.v1 import collector_pb2_grpc, event_pb2  # noqa: E402
from google.rpc import status_pb2  # noqa: E402, F401

TOKEN = "a token"
SECONDS = 30


@pytest.fixture(scope="module")
def postgres() -> Iterator[PrivatePostgres]:
    server = PrivatePostgres()
    make_tables(server)
    yield server
    server.delete()


@pytest.fixture
def admin(postgres: PrivatePostgres) -> Iterator[Session]:
    session = Session(postgres)
    session.ask("TRUNCATE bench.plain")
    yield session
    session.close()


class Service:
    """A started one."""

    def __init__(self, way: str, postgres: PrivatePostgres, folder: Path, processes: int = 1):
        ready = folder / "ready.json"
        ready.unlink(missing_ok=True)
        command = [
            PEERS / f"python-{way}" / "run", "--listen", "127.0.0.1:0", "--writers", "2", "--ready-file", ready,
            "--postgres", postgres.conninfo("postgres", "peer"), "--table", "bench.plain", "--token", TOKEN,
            "--processes", processes,
        ]  # fmt: skip
        self.way = way
        self.child = Child(way, command, folder / "log")
        self.channel = grpc.insecure_channel(self.child.wait_until_ready(ready)["grpc"])
        self.stub = collector_pb2_grpc.CollectorServiceStub(self.channel)

    def publish(self, *events: event_pb2.Event, token: str = TOKEN) -> pb.PublishResponse:
        request = pb.PublishRequest(sequence=1, events=events)
        return self.stub.Publish(request, timeout=SECONDS, metadata=[("authorization", f"Bearer {token}")])

    def stream(self, token: str = TOKEN) -> "Stream":
        return Stream(self.stub, token)


class Stream:
    """A PublishStream that stays open until it is closed."""

    def __init__(self, stub: collector_pb2_grpc.CollectorServiceStub, token: str):
        self._requests: queue.SimpleQueue = queue.SimpleQueue()
        metadata = [("authorization", f"Bearer {token}")]
        self.call = stub.PublishStream(iter(self._requests.get, None), timeout=SECONDS, metadata=metadata)

    def send(self, sequence: int, *events: event_pb2.Event) -> None:
        self._requests.put(pb.PublishRequest(sequence=sequence, events=events))

    def close(self) -> None:
        self._requests.put(None)


@pytest.fixture(params=["copy", "queue"])
def service(request, postgres: PrivatePostgres, admin: Session, tmp_path: Path) -> Iterator[Service]:
    started = Service(request.param, postgres, tmp_path)
    yield started
    started.channel.close()
    started.child.kill()


def event(**fields: object) -> event_pb2.Event:
    given = {"event_id": os.urandom(16), "type": "authz.decision", "occurred_at_us": 1_790_000_000_000_000, **fields}
    return event_pb2.Event(**{name: value for name, value in given.items() if value is not None})


def count(admin: Session) -> int:
    return int(admin.ask("SELECT count(*) FROM bench.plain")[0][0])


def blocked(admin: Session, sessions: int = 1) -> bool:
    """Whether so many of the service's sessions wait for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'peer' AND wait_event_type = 'Lock'"
    return int(admin.ask(waiting)[0][0]) >= sessions


def until(condition) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def answers_until_shutdown(stream: Stream) -> list[tuple[int, int]]:
    """Sequence and accepted events of each answer until the service ends the stream."""
    answers = []
    with pytest.raises(grpc.RpcError) as ending:
        for answer in stream.call:
            answers.append((answer.sequence, answer.verdict.accepted_count))
    assert ending.value.code() == grpc.StatusCode.UNAVAILABLE
    stream.close()
    return answers


BAD = {
    "an id of 15 bytes": (event(event_id=bytes(15)), "event_id", pb.REJECTION_CODE_WRONG_LENGTH),
    "an unknown type": (event(type="other"), "type", pb.REJECTION_CODE_UNKNOWN_EVENT_TYPE),
    "no time": (event(occurred_at_us=None), "occurred_at_us", pb.REJECTION_CODE_MISSING_FIELD),
    "a time before year 1": (
        event(occurred_at_us=-62_135_596_800_000_001), "occurred_at_us", pb.REJECTION_CODE_OUT_OF_RANGE,
    ),
    "a time after year 9999": (event(occurred_at_us=(1 << 63) - 1), "occurred_at_us", pb.REJECTION_CODE_OUT_OF_RANGE),
    "a decision too large": (event(decision=40_000), "decision", pb.REJECTION_CODE_OUT_OF_RANGE),
    "an unknown outcome": (event(outcome=-1), "outcome", pb.REJECTION_CODE_OUT_OF_RANGE),
    "U+0000": (event(source_event_id="a\0"), "source_event_id", pb.REJECTION_CODE_NUL_CHARACTER),
    "an actor with U+0000": (event(actor=event_pb2.Actor(id="\0")), "actor.id", pb.REJECTION_CODE_NUL_CHARACTER),
    "a hash with U+0000": (event(payload=event_pb2.Payload(hash="\0")), "payload.hash", pb.REJECTION_CODE_NUL_CHARACTER),
    "a link with U+0000": (
        event(delegation=[event_pb2.Actor(kind="a"), event_pb2.Actor(user_id="\0")]), "delegation[1].user_id",
        pb.REJECTION_CODE_NUL_CHARACTER,
    ),
    "attributes of no JSON": (event(attributes="{"), "attributes", pb.REJECTION_CODE_INVALID_JSON),
    "empty obligations": (event(obligations=""), "obligations", pb.REJECTION_CODE_INVALID_JSON),
    "rules of no JSON": (event(evaluated_rules="[NaN]"), "evaluated_rules", pb.REJECTION_CODE_INVALID_JSON),
}  # fmt: skip


def test_each_bad_event_is_rejected_and_its_neighbours_are_stored(service: Service, admin: Session) -> None:
    events = [one for bad, _, _ in BAD.values() for one in (bad, event())]
    verdict = service.publish(*events).verdict
    assert verdict.accepted_count == len(BAD) == count(admin)
    found = [(one.index, one.field, one.code) for one in verdict.rejections]
    assert found == [(2 * index, field, code) for index, (_, field, code) in enumerate(BAD.values())]


def test_extreme_good_values_are_stored_as_they_were_sent(service: Service, admin: Session) -> None:
    first = event(
        occurred_at_us=-62_135_596_800_000_000, scope="", duration_us=0, risk_score=0.0, trace_id=b"",
        obligations='["\\u0000"]', evaluated_rules=" 1e5 ", attributes='{"a":{}, "a":1}',
        delegation=[event_pb2.Actor(kind='"\\é'), event_pb2.Actor()], payload=event_pb2.Payload(in_size_bytes=1 << 62),
    )  # fmt: skip
    last = event(occurred_at_us=253_402_300_799_999_999)
    assert service.publish(first, last).verdict.accepted_count == 2
    rows = admin.ask(
        "SELECT extract(epoch FROM occurred_at)::text, scope, duration_us, risk_score, trace_id, obligations,"
        " evaluated_rules, attributes, delegation, payload_in_size_bytes, position FROM bench.plain ORDER BY position"
    )
    assert rows == [
        ["-62135596800.000000", "", "0", "0", "\\x", '["\\u0000"]', " 1e5 ", '{"a":{}, "a":1}', '[{"kind":"\\"\\\\é"},{}]',
         str(1 << 62), "0"],
        ["253402300799.999999", *[""] * 9, "1"],
    ]  # fmt: skip
    assert admin.ask("SELECT count(*) FROM bench.plain WHERE scope IS NULL AND delegation IS NULL") == [["1"]]


def test_what_postgresql_refuses_harms_no_other_batch(service: Service, admin: Session) -> None:
    stream = service.stream()
    # While both connections wait for the lock, the requests queue up, so that they are one group.
    admin.ask("BEGIN; LOCK TABLE bench.plain IN SHARE MODE")
    for sequence in range(40):
        stream.send(sequence, event(), event(scope="refused" if sequence == 30 else "taken"), event())
    until(lambda: blocked(admin, 2))
    admin.ask("COMMIT")
    stream.close()
    answers = {answer.sequence: answer for answer in stream.call}
    assert sorted(answers) == list(range(40))
    bad = answers.pop(30)
    assert all(answer.verdict.accepted_count == 3 for answer in answers.values())
    if service.way == "copy":
        assert bad.status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
        assert count(admin) == 39 * 3
    else:
        assert bad.verdict.accepted_count == 2
        (rejection,) = bad.verdict.rejections
        assert (rejection.index, rejection.code) == (1, pb.REJECTION_CODE_REFUSED_BY_STORE)
        assert count(admin) == 39 * 3 + 2


def test_lost_connections_are_replaced(service: Service, admin: Session) -> None:
    service.publish(event())
    admin.ask("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'peer'")
    stream = service.stream()
    for sequence in range(10):
        stream.send(sequence, event())
    stream.close()
    assert [answer.verdict.accepted_count for answer in stream.call] == [1] * 10
    assert count(admin) == 11


def test_a_connection_that_is_lost_under_way_fails_its_requests_alone(service: Service, admin: Session) -> None:
    stream = service.stream()
    admin.ask("BEGIN; LOCK TABLE bench.plain IN SHARE MODE")
    stream.send(1, event())
    until(lambda: blocked(admin))
    admin.ask("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'peer'")
    assert next(stream.call).status.code == grpc.StatusCode.UNAVAILABLE.value[0]
    admin.ask("COMMIT")
    stream.send(2, event())
    assert next(stream.call).verdict.accepted_count == 1
    stream.close()
    assert count(admin) == 1


def test_cancelled_requests_leave_the_service_at_work(service: Service, admin: Session) -> None:
    admin.ask("BEGIN; LOCK TABLE bench.plain IN SHARE MODE")
    stream = service.stream()
    # More than a stream may have in work.
    for sequence in range(100):
        stream.send(sequence, event())
    unary = service.stub.Publish.future(
        pb.PublishRequest(events=[event()]), metadata=[("authorization", f"Bearer {TOKEN}")]
    )
    until(lambda: blocked(admin))
    stream.call.cancel()
    unary.cancel()
    stream.close()
    admin.ask("COMMIT")
    for _ in range(5):
        assert service.publish(event()).verdict.accepted_count == 1
    service.child.stop()
    assert service.child.log().count("Traceback") == 0


def test_sigterm_answers_what_is_under_way_and_ends_open_streams(service: Service, admin: Session) -> None:
    idle, busy = service.stream(), service.stream()
    idle.send(1, event())
    assert next(idle.call).sequence == 1
    admin.ask("BEGIN; LOCK TABLE bench.plain IN SHARE MODE")
    for sequence in range(3):
        busy.send(sequence, event())
    until(lambda: blocked(admin))
    os.kill(service.child.process_id, 15)
    assert answers_until_shutdown(idle) == []
    admin.ask("COMMIT")
    assert sorted(answers_until_shutdown(busy)) == [(0, 1), (1, 1), (2, 1)]
    service.child.stop()
    assert count(admin) == 4


def test_broken_utf8_ends_its_stream_and_no_other(service: Service) -> None:
    other = service.stream()
    other.send(1, event())
    assert next(other.call).sequence == 1
    for broken in (b"\xff", b"\xed\xa0\x80"):
        bad = event(scope="+" * len(broken)).SerializeToString().replace(b"+" * len(broken), broken)
        # Field 4 of a request: an event.
        request = b"\x22" + bytes([len(bad)]) + bad
        send = service.channel.stream_stream("/docket.v1.CollectorService/PublishStream")
        call = send(iter([request]), timeout=SECONDS, metadata=[("authorization", f"Bearer {TOKEN}")])
        with pytest.raises(grpc.RpcError) as ending:
            list(call)
        assert ending.value.code() != grpc.StatusCode.DEADLINE_EXCEEDED
    other.send(2, event())
    assert next(other.call).sequence == 2
    other.close()


def test_a_request_of_no_events_is_refused_and_a_wrong_token_lets_nobody_in(service: Service) -> None:
    with pytest.raises(grpc.RpcError) as ending:
        service.publish()
    assert ending.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    stream = service.stream()
    stream.send(7)
    answer = next(stream.call)
    assert (answer.sequence, answer.status.code) == (7, grpc.StatusCode.INVALID_ARGUMENT.value[0])
    stream.close()
    for token in ("", "another", TOKEN + " "):
        with pytest.raises(grpc.RpcError) as ending:
            list(service.stream(token).call)
        assert ending.value.code() == grpc.StatusCode.UNAUTHENTICATED


def test_two_processes_share_the_port_and_number_batches_apart(
    postgres: PrivatePostgres, admin: Session, tmp_path: Path
) -> None:
    service = Service("copy", postgres, tmp_path, processes=2)
    service.channel.close()
    try:
        address = service.child.wait_until_ready(tmp_path / "ready.json")["grpc"]
        workers = set()
        # The kernel chooses by the client's port.
        for _ in range(64):
            options = [("grpc.use_local_subchannel_pool", 1)]
            with grpc.insecure_channel(address, options) as service.channel:
                service.stub = collector_pb2_grpc.CollectorServiceStub(service.channel)
                workers.add(service.publish(event()).verdict.receipt.batch_id % 64)
        assert workers == {0, 1}
        assert admin.ask("SELECT count(DISTINCT batch_id), count(*) FROM bench.plain") == [["64", "64"]]
        service.child.stop()
    finally:
        service.child.kill()

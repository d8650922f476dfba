"""How long connections are kept: gRPC's keepalive, its rules for pings, idle connections, and connections that grow old."""

import contextlib
import select
import socket
import struct
import time

import h2.errors
import h2.events
from hyperframe.frame import DataFrame

from client import Client
from collector import Collector
from conftest import StartCollector
from events import event, request
from test_abuse import PATIENCE_SECONDS, RawConnection
from test_endings import ended_streams, framed

LAST_POSSIBLE_STREAM = 2**31 - 1


def received(connection: RawConnection) -> bytes:
    """What comes next; nothing when it has ended, in whichever way: what it hadn't read when it closed is a reset."""
    try:
        return connection.socket.recv(65536)
    except ConnectionResetError:
        return b""


def events_until_the_end(connection: RawConnection, answer: bool = True) -> list[h2.events.Event]:
    """What comes until the collector hangs up; `answer` sends what HTTP/2 asks for meanwhile."""
    found = []
    while data := received(connection):
        found += connection.h2.receive_data(data)
        if answer:
            try:
                connection.flush()
            except (BrokenPipeError, ConnectionResetError):
                break
    return found


def goodbyes(found: list[h2.events.Event]) -> list[h2.events.ConnectionTerminated]:
    return [one for one in found if isinstance(one, h2.events.ConnectionTerminated)]


def ends(collector: Collector, reason: str) -> float:
    return collector.metrics().get(f'docket_rpc_connection_ends_total{{reason="{reason}"}}', 0)


def test_a_client_that_pings_too_often_is_told_so_and_hung_up_on(collector: Collector, client: Client) -> None:
    before = ends(collector, "too_many_pings")
    with RawConnection(collector) as connection:
        for number in range(4):
            connection.h2.ping(struct.pack(">Q", number))
        connection.flush()
        found = events_until_the_end(connection)
    assert [one.ping_data for one in found if isinstance(one, h2.events.PingAckReceived)][:1] == [struct.pack(">Q", 0)]
    last = goodbyes(found)[-1]
    assert (last.error_code, last.additional_data) == (h2.errors.ErrorCodes.ENHANCE_YOUR_CALM, b"too_many_pings")
    assert ends(collector, "too_many_pings") == before + 1
    assert client.publish_events(event()).accepted_count == 1


def test_a_client_that_is_gone_is_noticed(start_collector: StartCollector) -> None:
    collector = start_collector(
        environment={"DOCKET_GRPC_KEEPALIVE_INTERVAL_MS": "1000", "DOCKET_GRPC_KEEPALIVE_TIMEOUT_MS": "5000"}
    )
    with RawConnection(collector) as silent:
        # It reads, and so learns of the end, but answers nothing, as a host that has lost its network.
        found = events_until_the_end(silent, answer=False)
    assert any(isinstance(one, h2.events.PingReceived) for one in found)
    assert ends(collector, "keepalive") == 1
    # One that answers is kept: it gets further pings.
    with RawConnection(collector) as living:
        deadline = time.monotonic() + PATIENCE_SECONDS
        pings = 0
        while pings < 2:
            assert time.monotonic() < deadline
            data = living.socket.recv(65536)
            assert data, "a client that answers was hung up on"
            pings += sum(isinstance(one, h2.events.PingReceived) for one in living.h2.receive_data(data))
            living.flush()


def test_a_connection_without_calls_ends_gracefully_when_that_has_lasted(start_collector: StartCollector) -> None:
    collector = start_collector(environment={"DOCKET_GRPC_MAX_CONNECTION_IDLE_MS": "1000"})
    with RawConnection(collector) as connection:
        first, last = goodbyes(events_until_the_end(connection))
    assert (first.last_stream_id, first.error_code) == (LAST_POSSIBLE_STREAM, h2.errors.ErrorCodes.NO_ERROR)
    assert (last.last_stream_id, last.error_code) == (0, h2.errors.ErrorCodes.NO_ERROR)


def test_calls_of_an_old_connection_have_the_grace_to_end(start_collector: StartCollector) -> None:
    collector = start_collector(
        environment={"DOCKET_GRPC_MAX_CONNECTION_AGE_MS": "1000", "DOCKET_GRPC_MAX_CONNECTION_AGE_GRACE_MS": "3000"}
    )
    with RawConnection(collector) as prompt, RawConnection(collector) as tardy:
        calls = [(connection, connection.start_call(collector)) for connection in (prompt, tardy)]
        # Both have been told to open no further calls, and one of them ends its own.
        for connection, _ in calls:
            found: list[h2.events.Event] = []
            while len(goodbyes(found)) < 2:
                data = connection.socket.recv(65536)
                assert data, "hung up on without a word"
                found += connection.h2.receive_data(data)
                connection.flush()
        assert ends(collector, "grace") == 0
        # By hand: to h2 a connection is over now.
        prompt.socket.sendall(DataFrame(calls[0][1], framed(request([event()]).SerializeToString()), flags=["END_STREAM"]).serialize())
        assert ended_streams(rest_of(prompt)) == [calls[0][1]]
        assert ended_streams(rest_of(tardy)) == []
    assert ends(collector, "grace") == 1


def rest_of(connection: RawConnection) -> bytes:
    """All that comes until the collector hangs up."""
    return b"".join(iter(lambda: received(connection), b""))


def test_connections_of_one_moment_do_not_grow_old_in_the_same(start_collector: StartCollector) -> None:
    age_seconds, count = 3.0, 20
    collector = start_collector(environment={"DOCKET_GRPC_MAX_CONNECTION_AGE_MS": str(int(1000 * age_seconds))})
    born: dict[socket.socket, tuple[RawConnection, float]] = {}
    ages = []
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            began = time.monotonic()
            connection = stack.enter_context(RawConnection(collector))
            born[connection.socket] = connection, began
        while born:
            for ready in select.select(list(born), [], [], PATIENCE_SECONDS)[0]:
                connection, began = born[ready]
                data = received(connection)
                if not data or goodbyes(connection.h2.receive_data(data)):
                    ages.append(time.monotonic() - began)
                    del born[ready]
    # A tenth earlier or later; the range of twenty of them is hardly ever less than half of that.
    assert min(ages) >= 0.9 * age_seconds
    assert max(ages) - min(ages) > 0.05 * age_seconds, ages


def test_how_often_a_client_may_ping_is_a_setting(start_collector: StartCollector) -> None:
    collector = start_collector(environment={"DOCKET_GRPC_MIN_PING_INTERVAL_MS": "1000"})
    with RawConnection(collector) as connection:
        connection.socket.settimeout(1.1)
        for number in range(4):
            connection.h2.ping(struct.pack(">Q", number))
            connection.flush()
            # The pause that the setting asks for; nothing ends meanwhile.
            with contextlib.suppress(TimeoutError):
                while data := connection.socket.recv(65536):
                    assert not goodbyes(connection.h2.receive_data(data))
                raise AssertionError("hung up on")
        connection.socket.settimeout(PATIENCE_SECONDS)
        for number in range(4):
            connection.h2.ping(struct.pack(">Q", number))
        connection.flush()
        assert goodbyes(events_until_the_end(connection))[-1].additional_data == b"too_many_pings"


def test_connections_that_grow_old_are_replaced_without_a_failed_call(start_collector: StartCollector) -> None:
    collector = start_collector(environment={"DOCKET_GRPC_MAX_CONNECTION_AGE_MS": "1000"})
    accepted = "docket_rpc_connections_accepted_total"
    # As clients are by default: a call that GOAWAY meets before it is sent begins on the next connection.
    with Client(collector.address, collector.token, options=[("grpc.enable_retries", 1)]) as client:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while collector.metrics()[accepted] < 4:
            assert time.monotonic() < deadline, f"{collector.metrics()[accepted]} connections"
            assert client.publish(request([event()])).verdict.accepted_count == 1

"""How long connections are kept: gRPC's keepalive, its rules for pings, idle connections, and connections that grow old."""

import struct
import time

import h2.errors
import h2.events

from client import Client
from collector import Collector
from conftest import StartCollector
from events import event, request
from test_abuse import PATIENCE_SECONDS, RawConnection

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


def test_connections_that_grow_old_are_replaced_without_a_failed_call(start_collector: StartCollector) -> None:
    collector = start_collector(environment={"DOCKET_GRPC_MAX_CONNECTION_AGE_MS": "1000"})
    accepted = "docket_rpc_connections_accepted_total"
    # As clients are by default: a call that GOAWAY meets before it is sent begins on the next connection.
    with Client(collector.address, collector.token, options=[("grpc.enable_retries", 1)]) as client:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while collector.metrics()[accepted] < 4:
            assert time.monotonic() < deadline, f"{collector.metrics()[accepted]} connections"
            assert client.publish(request([event()])).verdict.accepted_count == 1

"""How calls and connections end, frame by frame: proxies are less patient with it than gRPC's own clients."""

import contextlib
import select
import signal
import socket
from pathlib import Path

import h2.events
import pytest
from hyperframe.frame import DataFrame, Frame, WindowUpdateFrame

from collector import Collector
from conftest import StartCollector
from events import event, request
from test_abuse import PATIENCE_SECONDS, PUBLISH, RawConnection

LAST_POSSIBLE_STREAM = 2**31 - 1
# More than are set up at once.
CONNECTIONS_AT_THE_END = 40


def framed(message: bytes) -> bytes:
    """A gRPC message, uncompressed."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def next_events(connection: RawConnection) -> list[h2.events.Event]:
    data = connection.socket.recv(65536)
    assert data, "the collector has hung up"
    found = connection.h2.receive_data(data)
    connection.flush()
    return found


def ping(connection: RawConnection) -> list[h2.events.Event]:
    """Asks whether the collector is there. Gives what comes until it has answered."""
    connection.h2.ping(b"question")
    connection.flush()
    found: list[h2.events.Event] = []
    while not any(isinstance(one, h2.events.PingAckReceived) for one in found):
        found += next_events(connection)
    return found


def test_the_ping_of_the_graceful_end_comes_behind_the_goaway(start_collector: StartCollector) -> None:
    collector = start_collector()
    with RawConnection(collector) as connection:
        ping(connection)
        collector.process.send_signal(signal.SIGTERM)
        found: list[h2.events.Event] = []
        while len(found) < 2:
            kinds = (h2.events.PingReceived, h2.events.ConnectionTerminated)
            found += [one for one in next_events(connection) if isinstance(one, kinds)]
    # Its answer is to prove that the client has seen the GOAWAY, and opens no further stream.
    assert [type(one) for one in found[:2]] == [h2.events.ConnectionTerminated, h2.events.PingReceived]
    assert found[0].last_stream_id == LAST_POSSIBLE_STREAM


def test_a_call_that_a_client_had_begun_when_the_graceful_end_came_is_answered(start_collector: StartCollector) -> None:
    collector = start_collector()
    with RawConnection(collector) as connection, RawConnection(collector) as other:
        ping(connection)
        # It holds up the end, so that there is time for what follows.
        other.start_call(collector)
        # What a client has made but not yet written when the PING comes: gRPC's own write their answer to that first.
        stream = connection.h2.get_next_available_stream_id()
        headers = [
            (":method", "POST"), (":scheme", "http"), (":path", PUBLISH), (":authority", "x"), ("te", "trailers"),
            ("content-type", "application/grpc"), ("authorization", f"Bearer {collector.token}"),
        ]  # fmt: skip
        connection.h2.send_headers(stream, headers)
        connection.h2.send_data(stream, framed(request([event()]).SerializeToString()), end_stream=True)
        call = connection.h2.data_to_send()
        collector.process.send_signal(signal.SIGTERM)
        found: list[h2.events.Event] = []
        while len(found) < 2:
            found += connection.h2.receive_data(connection.socket.recv(65536))
        connection.socket.sendall(connection.h2.data_to_send() + call)
        rest = b"".join(iter(lambda: connection.socket.recv(65536), b""))
    assert ended_streams(rest) == [stream]


def test_what_a_client_sends_after_the_last_answer_of_a_drain_does_not_cost_it_that_answer(
    start_collector: StartCollector,
) -> None:
    collector = start_collector()
    with RawConnection(collector) as connection:
        stream = connection.start_call(collector)
        connection.send(stream, framed(request([event()]).SerializeToString()))
        ping(connection)
        collector.process.send_signal(signal.SIGTERM)
        while not any(isinstance(one, h2.events.ConnectionTerminated) for one in next_events(connection)):
            pass
        # By hand from here on: h2 holds that all is over.
        end = DataFrame(stream, flags=["END_STREAM"])
        connection.socket.sendall(end.serialize())
        poll = select.poll()
        poll.register(connection.socket, select.POLLRDHUP)
        assert poll.poll(PATIENCE_SECONDS * 1000), "the collector does not hang up"
        # As a client does for what it has read, and it has not read all yet.
        connection.socket.sendall(WindowUpdateFrame(0, window_increment=100).serialize())
        assert connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        rest = b"".join(iter(lambda: connection.socket.recv(65536), b""))
    assert ended_streams(rest) == [stream]


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_connections_that_are_made_while_the_collector_is_told_to_stop_are_served(
    start_collector: StartCollector, tmp_path_factory: pytest.TempPathFactory, kind: str
) -> None:
    path = Path("/tmp") / f"docket-{tmp_path_factory.mktemp('socket').name}.sock"
    collector = start_collector(*(("--listen", f"unix:{path}") if kind == "unix" else ()))
    body = framed(request([event()]).SerializeToString())
    # The kernel makes connections, and takes what they send, for as long as the collector doesn't look.
    collector.process.send_signal(signal.SIGSTOP)
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(RawConnection(collector)) for _ in range(CONNECTIONS_AT_THE_END)]
        for connection in connections:
            connection.send(connection.start_call(collector), body, end_stream=True)
        collector.process.send_signal(signal.SIGTERM)
        collector.process.send_signal(signal.SIGCONT)
        assert [answered_stream(connection) for connection in connections] == [1] * CONNECTIONS_AT_THE_END
    assert collector.process.wait(PATIENCE_SECONDS) == 0


def answered_stream(connection: RawConnection) -> int | None:
    """The first stream that the collector ends, unless it hangs up before. Read by hand: h2 takes a GOAWAY for the end."""
    data = b""
    while not (ended := ended_streams(data)):
        try:
            more = connection.socket.recv(65536)
        except ConnectionResetError:
            return None
        if not more:
            return None
        data += more
    return ended[0]


def ended_streams(data: bytes) -> list[int]:
    """The streams that frames end."""
    ended = []
    while len(data) >= 9:
        frame, length = Frame.parse_frame_header(memoryview(data[:9]))
        if "END_STREAM" in frame.flags:
            ended.append(frame.stream_id)
        data = data[9 + length :]
    return ended


def test_a_call_that_is_answered_before_its_request_has_ended_is_not_reset_at_once(collector: Collector) -> None:
    with RawConnection(collector) as connection:
        stream = connection.start_call(collector, authorization="Bearer wrong")
        found: list[h2.events.Event] = []
        while not any(isinstance(one, h2.events.StreamEnded) and one.stream_id == stream for one in found):
            found += next_events(connection)
        found += ping(connection)
        # HAProxy and others take a reset for the end of the call, and forget the answer that came before it.
        assert not any(isinstance(one, h2.events.StreamReset) for one in found)

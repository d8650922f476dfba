"""A client that misbehaves costs nobody else anything: a healthy one keeps working on another connection meanwhile."""

import socket
import struct
import threading
import time
from collections.abc import Iterator

import grpc
import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import pytest
from hyperframe.frame import GoAwayFrame

from client import Client
from collector import Collector
from events import event, request

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PUBLISH = "/docket.v1.CollectorService/Publish"
# How long the collector may take to answer or hang up.
PATIENCE_SECONDS = 30


class HealthyClient:
    """Publishes in a loop on a connection of its own, and notes what goes wrong."""

    def __init__(self, collector: Collector):
        self._client = Client(collector.address, collector.token)
        self._stop = threading.Event()
        self._published = threading.Condition()
        self.count = 0
        self.errors: list[grpc.RpcError] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                assert self._client.publish(request([event()]), timeout=20).verdict.accepted_count == 1
            except grpc.RpcError as error:
                self.errors.append(error)
                self._stop.set()
            with self._published:
                self.count += 1
                self._published.notify_all()

    def wait_for_more(self, batches: int) -> None:
        """Waits until it has published that many more."""
        with self._published:
            target = self.count + batches
            assert self._published.wait_for(lambda: self.count >= target or self.errors, PATIENCE_SECONDS)

    def finish(self) -> None:
        self._stop.set()
        self._thread.join()
        self._client.channel.close()
        assert not self.errors, self.errors


@pytest.fixture
def healthy(collector: Collector) -> Iterator[HealthyClient]:
    running = HealthyClient(collector)
    running.wait_for_more(1)
    yield running
    running.wait_for_more(3)
    running.finish()


class PatientConnection(h2.connection.H2Connection):
    """Goes on behind the first GOAWAY of a graceful end (RFC 9113 section 6.8); h2 by itself holds that all is over."""

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> tuple[list, list[h2.events.Event]]:
        state = self.state_machine.state
        answer = super()._receive_goaway_frame(frame)
        if frame.last_stream_id == 2**31 - 1:
            self.state_machine.state = state
        return answer


class RawConnection:
    """An HTTP/2 connection that sends what it is told to."""

    def __init__(self, collector: Collector):
        if collector.address.startswith("unix:"):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(PATIENCE_SECONDS)
            self.socket.connect(collector.address.removeprefix("unix:"))
        else:
            self.socket = socket.create_connection(collector.host_and_port, timeout=PATIENCE_SECONDS)
        # No checks of its own: this side is meant to be wrong.
        configuration = h2.config.H2Configuration(
            client_side=True, header_encoding="utf-8", validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )  # fmt: skip
        self.h2 = PatientConnection(configuration)
        self.h2.initiate_connection()
        self.flush()

    def __enter__(self) -> "RawConnection":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def flush(self) -> None:
        self.socket.sendall(self.h2.data_to_send())

    def start_call(self, collector: Collector, end_stream: bool = False, **changes: str | None) -> int:
        """Sends a request's headers; `changes` override them (`_` stands for `-`), None leaves one out."""
        headers: dict[str, str | None] = {
            ":method": "POST",
            ":scheme": "http",
            ":path": PUBLISH,
            ":authority": "localhost" if collector.address.startswith("unix:") else collector.address,
            "te": "trailers",
            "content-type": "application/grpc",
            "authorization": f"Bearer {collector.token}",
        }
        for name, value in changes.items():
            pseudo = f":{name}"
            headers[pseudo if pseudo in headers else name.replace("_", "-")] = value
        stream = self.h2.get_next_available_stream_id()
        chosen = [(name, value) for name, value in headers.items() if value is not None]
        self.h2.send_headers(stream, chosen, end_stream=end_stream)
        self.flush()
        return stream

    def send(self, stream: int, data: bytes, end_stream: bool = False) -> None:
        self.h2.send_data(stream, data, end_stream=end_stream)
        self.flush()

    def answer(self, stream: int) -> dict[str, str]:
        """The headers and trailers of the stream's answer, until it ends; a reset is `{"reset": code}`."""
        found: dict[str, str] = {}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            data = self.socket.recv(65536)
            if not data:
                raise AssertionError(f"the connection was closed before the stream ended; so far: {found}")
            for happened in self.h2.receive_data(data):
                if getattr(happened, "stream_id", None) != stream:
                    continue
                if isinstance(happened, h2.events.ResponseReceived | h2.events.TrailersReceived):
                    found |= dict(happened.headers)
                if isinstance(happened, h2.events.StreamReset):
                    return found | {"reset": str(int(happened.error_code))}
                if isinstance(happened, h2.events.StreamEnded):
                    self.flush()
                    return found
            self.flush()
        raise AssertionError(f"no answer within {PATIENCE_SECONDS} s; so far: {found}")

    def works(self, collector: Collector) -> None:
        """Asserts that a proper call on this connection is answered."""
        stream = self.start_call(collector)
        self.send(stream, framed(request([event()]).SerializeToString()), end_stream=True)
        assert self.answer(stream)["grpc-status"] == "0"


def framed(message: bytes, flag: int = 0, length: int | None = None) -> bytes:
    """A message behind its gRPC prefix."""
    return struct.pack(">BI", flag, len(message) if length is None else length) + message


def read_to_end(connection: socket.socket) -> bytes:
    """What the collector sends until it hangs up, which it has to do in time."""
    connection.settimeout(PATIENCE_SECONDS)
    received = b""
    try:
        while data := connection.recv(65536):
            received += data
    except ConnectionResetError:
        pass
    return received


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(bytes(range(255, 0, -1)) * 16, id="no preface"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", id="HTTP 1.1"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(600), id="a TLS client hello"),
        pytest.param(PREFACE + b"\xff" * 64, id="a frame longer than allowed"),
        pytest.param(PREFACE + b"\x00\x00\x05\x00\x00\x00\x00\x00\x00hello", id="DATA on stream 0"),
        pytest.param(
            PREFACE + b"\x00\x00\x04\x01\x05\x00\x00\x00\x01\xff\xff\xff\xff", id="headers that HPACK can't read"
        ),
    ],
)
def test_garbage_is_hung_up_on(collector: Collector, healthy: HealthyClient, garbage: bytes) -> None:
    with socket.create_connection(collector.host_and_port, timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(garbage)
        read_to_end(connection)
    healthy.wait_for_more(3)


@pytest.mark.parametrize("length", [0, 1, 12, 23, 24, 30])
def test_a_connection_that_ends_early_is_forgotten(collector: Collector, healthy: HealthyClient, length: int) -> None:
    settings = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    for _ in range(20):
        with socket.create_connection(collector.host_and_port, timeout=PATIENCE_SECONDS) as connection:
            connection.sendall((PREFACE + settings)[:length])
    healthy.wait_for_more(3)


def test_half_a_preface_that_never_goes_on_holds_nobody_up(collector: Collector, healthy: HealthyClient) -> None:
    silent = [socket.create_connection(collector.host_and_port, timeout=PATIENCE_SECONDS) for _ in range(50)]
    for connection in silent:
        connection.sendall(PREFACE[:12])
    healthy.wait_for_more(5)
    for connection in silent:
        connection.close()


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/grpcfoo", "", None])
def test_a_wrong_content_type_is_http_415(
    collector: Collector, healthy: HealthyClient, content_type: str | None
) -> None:
    with RawConnection(collector) as connection:
        stream = connection.start_call(collector, end_stream=True, content_type=content_type)
        assert connection.answer(stream)[":status"] == "415"
        connection.works(collector)


@pytest.mark.parametrize("content_type", ["application/grpc+proto", "application/grpc;charset=utf-8"])
def test_the_other_spellings_of_the_content_type_are_taken(
    collector: Collector, healthy: HealthyClient, content_type: str
) -> None:
    with RawConnection(collector) as connection:
        stream = connection.start_call(collector, content_type=content_type)
        connection.send(stream, framed(request([event()]).SerializeToString()), end_stream=True)
        assert connection.answer(stream)["grpc-status"] == "0"


def test_an_unknown_compression_is_unimplemented_and_names_those_that_are_known(
    collector: Collector, healthy: HealthyClient
) -> None:
    with RawConnection(collector) as connection:
        stream = connection.start_call(collector, grpc_encoding="snappy")
        connection.send(stream, framed(b"whatever", flag=1), end_stream=True)
        answer = connection.answer(stream)
        assert answer["grpc-status"] == "12"
        assert set(answer["grpc-accept-encoding"].replace(" ", "").split(",")) == {"identity", "gzip"}
        connection.works(collector)


def test_a_compressed_message_without_a_declared_compression_is_internal(
    collector: Collector, healthy: HealthyClient
) -> None:
    with RawConnection(collector) as connection:
        stream = connection.start_call(collector)
        connection.send(stream, framed(b"whatever", flag=1), end_stream=True)
        assert connection.answer(stream)["grpc-status"] == "13"
        connection.works(collector)


@pytest.mark.parametrize("body", [b"not gzip at all", b"\x1f\x8b\x08\x00" + bytes(6), b""])
def test_a_message_that_does_not_decompress_fails_its_call_only(
    collector: Collector, healthy: HealthyClient, body: bytes
) -> None:
    with RawConnection(collector) as connection:
        stream = connection.start_call(collector, grpc_encoding="gzip")
        connection.send(stream, framed(body, flag=1), end_stream=True)
        assert connection.answer(stream)["grpc-status"] in ("3", "13")
        connection.works(collector)


@pytest.mark.parametrize("length", [4 * 1024 * 1024 + 1, (1 << 32) - 1])
def test_a_length_prefix_over_the_limit_is_refused_before_the_message_comes(
    collector: Collector, healthy: HealthyClient, length: int
) -> None:
    with RawConnection(collector) as connection:
        stream = connection.start_call(collector)
        connection.send(stream, framed(b"", length=length))
        assert connection.answer(stream)["grpc-status"] == "8"
        connection.works(collector)


def test_a_message_flag_of_2_is_refused(collector: Collector, healthy: HealthyClient) -> None:
    with RawConnection(collector) as connection:
        stream = connection.start_call(collector)
        connection.send(stream, framed(request([event()]).SerializeToString(), flag=2), end_stream=True)
        assert connection.answer(stream)["grpc-status"] == "13"
        connection.works(collector)


@pytest.mark.parametrize("sent", [0, 3, 5, 100])
def test_a_call_that_ends_within_a_message_is_refused_and_stores_nothing(
    collector: Collector, client: Client, healthy: HealthyClient, sent: int
) -> None:
    published = event()
    message = framed(request([published], sequence=1).SerializeToString())
    with RawConnection(collector) as connection:
        stream = connection.start_call(collector)
        connection.send(stream, message[:sent] if sent < len(message) else message[:-1], end_stream=True)
        # Nothing at all is a missing message (UNIMPLEMENTED), half a message is INTERNAL.
        assert connection.answer(stream)["grpc-status"] == ("12" if sent == 0 else "13")
        connection.works(collector)
    assert not client.query(event_id=published.event_id).events


@pytest.mark.parametrize("sent", [3, 5, 60])
def test_a_connection_that_is_closed_within_a_message_stores_nothing(
    collector: Collector, client: Client, healthy: HealthyClient, sent: int
) -> None:
    published = [event() for _ in range(20)]
    for one in published:
        with RawConnection(collector) as connection:
            stream = connection.start_call(collector)
            connection.send(stream, framed(request([one]).SerializeToString())[:sent])
    healthy.wait_for_more(3)
    for one in published:
        assert not client.query(event_id=one.event_id).events


def test_a_connection_that_is_reset_within_a_message_stores_nothing(
    collector: Collector, client: Client, healthy: HealthyClient
) -> None:
    published = event()
    connection = RawConnection(collector)
    stream = connection.start_call(collector)
    connection.send(stream, framed(request([published]).SerializeToString())[:50])
    # SO_LINGER of 0 s: close() sends RST.
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.socket.close()
    healthy.wait_for_more(3)
    assert not client.query(event_id=published.event_id).events


def test_half_messages_that_never_go_on_hold_nobody_up(collector: Collector, healthy: HealthyClient) -> None:
    stuck = [RawConnection(collector) for _ in range(30)]
    for connection in stuck:
        stream = connection.start_call(collector)
        connection.send(stream, framed(b"x" * 1000, length=1_000_000))
    healthy.wait_for_more(10)
    for connection in stuck:
        connection.socket.close()


def test_a_message_in_single_bytes_is_taken(collector: Collector, client: Client, healthy: HealthyClient) -> None:
    published = event()
    message = framed(request([published]).SerializeToString())
    with RawConnection(collector) as connection:
        stream = connection.start_call(collector)
        for index in range(len(message)):
            connection.send(stream, message[index : index + 1], end_stream=index + 1 == len(message))
        assert connection.answer(stream)["grpc-status"] == "0"
    assert [one.event for one in client.query(event_id=published.event_id).events] == [published]


def test_padding_is_no_part_of_a_message_and_comes_back_to_the_window(
    collector: Collector, healthy: HealthyClient
) -> None:
    with RawConnection(collector) as connection:
        # Together more padding than both windows hold: it has to be given back.
        for _ in range(400):
            stream = connection.start_call(collector)
            message = framed(request([event()]).SerializeToString())
            while connection.h2.local_flow_control_window(stream) < 1024:
                connection.h2.receive_data(connection.socket.recv(65536))
            connection.h2.send_data(stream, message, end_stream=True, pad_length=255)
            connection.flush()
            assert connection.answer(stream)["grpc-status"] == "0"


def test_streams_that_are_reset_at_once_cost_their_own_connection_only(
    collector: Collector, healthy: HealthyClient
) -> None:
    try:
        with RawConnection(collector) as connection:
            for _ in range(2000):
                stream = connection.start_call(collector)
                connection.h2.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
                connection.flush()
            connection.works(collector)
    except (AssertionError, ConnectionError, h2.exceptions.ProtocolError):
        # Hanging up on such a client (CVE-2023-44487) is right too.
        pass
    healthy.wait_for_more(5)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"method": "GET"}, id="GET"),
        pytest.param({"path": None}, id="no path"),
        pytest.param({"path": ""}, id="empty path"),
        pytest.param({"te": None}, id="no te"),
        pytest.param({"te": "gzip"}, id="another te"),
        pytest.param({"grpc_timeout": "soon"}, id="a timeout that is none"),
        pytest.param({"grpc_timeout": "123456789S"}, id="a timeout of nine digits"),
        pytest.param({"connection": "keep-alive"}, id="a header of HTTP 1.1"),
        pytest.param({"Upper": "case"}, id="an upper case name"),
    ],
)
def test_a_request_that_is_no_grpc_fails_alone(
    collector: Collector, healthy: HealthyClient, changes: dict[str, str | None]
) -> None:
    with RawConnection(collector) as connection:
        stream = connection.start_call(collector, **changes)
        try:
            connection.send(stream, framed(request([event()]).SerializeToString()), end_stream=True)
            answer = connection.answer(stream)
        except h2.exceptions.StreamClosedError:
            answer = {"reset": "1"}
        assert answer.get("grpc-status") != "0"
        assert answer.get("reset") or answer.get(":status") != "200" or answer.get("grpc-status")
        connection.works(collector)
    healthy.wait_for_more(3)

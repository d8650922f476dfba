"""What attacks are made of: frames as raw bytes, a peer that sends them, and what it gets to see."""

import functools
import select
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass

from hpack import Decoder, Encoder
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, HeadersFrame, RstStreamFrame

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# Frame types and flags (RFC 9113 section 6).
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
ACK = END_STREAM = 0x1
END_HEADERS = 0x4
PADDED = 0x8
ERRORS = (
    "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
    "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
)  # fmt: skip
STATUSES = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip

# What a peer sees when nothing else came before the end of its connection, or at all.
CLOSED = "closed"
NOTHING = "nothing"

CALM = 0xB
MAX_WINDOW = 2**31 - 1
PUBLISH = "/docket.v1.CollectorService/Publish"
PUBLISH_STREAM = "/docket.v1.CollectorService/PublishStream"
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
HEALTH = "/grpc.health.v1.Health/Check"
# Where attackers come from: another address than the neighbour's, so that each is a peer of its own.
ATTACKER = "127.0.0.2"
# How long the collector may take to answer or hang up, where no longer limit is at stake.
PATIENCE_SECONDS = 20


@dataclass(frozen=True)
class Target:
    """The collector that is attacked."""

    host: str
    port: int
    token: str
    uses_tls: bool = False


class Until:
    """How long an attack goes on: so many seconds, or so often."""

    def __init__(self, seconds: float, count: int | None = None):
        self._deadline = time.monotonic() + seconds
        self._left = count

    def __bool__(self) -> bool:
        return time.monotonic() < self._deadline and (self._left is None or self._left > 0)

    @property
    def seconds_left(self) -> float:
        return max(0.0, self._deadline - time.monotonic())

    def done(self) -> None:
        """Takes note of one attempt."""
        if self._left is not None:
            self._left -= 1


# MARK: Bytes


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A frame with whatever it is told to have."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(*entries: tuple[int, int]) -> bytes:
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", name, value) for name, value in entries))


def window_update(stream: int, increment: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def reset(stream: int, code: int = 8) -> bytes:
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def framed(message: bytes, flag: int = 0, length: int | None = None) -> bytes:
    """A message behind its gRPC prefix."""
    return struct.pack(">BI", flag, len(message) if length is None else length) + message


def head(target: Target, path: str = PUBLISH, *more: tuple[str, str], token: str | None = "") -> bytes:
    """A header block without state: the same bytes are good on any stream of any connection."""
    fields = [
        (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "docket"), ("te", "trailers"),
        ("content-type", "application/grpc"),
    ]  # fmt: skip
    if token is not None:
        fields.append(("authorization", f"Bearer {token or target.token}"))
    # Sensitive fields are never put into the table.
    return Encoder().encode([(name, value, True) for name, value in (*fields, *more)], huffman=False)


@functools.cache
def stream_ids(count: int) -> range:
    return range(1, 2 * count, 2)


# MARK: The peer


# SETTINGS and a WINDOW_UPDATE that let the collector send whatever it likes.
WIDE_OPEN = PREFACE + settings((4, MAX_WINDOW)) + window_update(0, MAX_WINDOW - 65_535)


class Peer:
    """A connection that sends what it is told to, and notes what comes back."""

    def __init__(
        self, target: Target, source: str = ATTACKER, begin: bytes = WIDE_OPEN, receive_bytes: int | None = None
    ):
        """`receive_bytes` is the size of the socket's buffer."""
        self.socket = socket.socket(socket.AF_INET)
        try:
            if receive_bytes is not None:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
            self.socket.bind((source, 0))
            self.socket.settimeout(PATIENCE_SECONDS)
            self.socket.connect((target.host, target.port))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if target.uses_tls:
                self.socket = tls_context().wrap_socket(self.socket)
        except OSError:
            self.socket.close()
            raise
        self.is_open = True
        self._received = bytearray()
        self._decoder = Decoder()
        self._headers: dict[int, dict[str, str]] = {}
        # How each stream has ended.
        self.ends: dict[int, str] = {}
        self.goodbye: str | None = None
        self.send(begin)

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes, reads: bool = True) -> bool:
        """Sends as the collector takes it; with `reads` what comes back is read meanwhile. False once it has hung up."""
        rest = memoryview(data)
        deadline = time.monotonic() + PATIENCE_SECONDS
        self.socket.setblocking(False)
        while rest and self.is_open and time.monotonic() < deadline:
            listened = [self.socket] if reads else []
            readable, writable, _ = select.select(listened, [self.socket], [], PATIENCE_SECONDS)
            if readable:
                self._receive()
            if writable:
                try:
                    rest = rest[self.socket.send(rest[:65536]) :]
                except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                    pass
                except OSError:
                    # What it said before it hung up can be read still.
                    self.read_to_end()
        return self.is_open

    def frames(self, seconds: float = PATIENCE_SECONDS, idle_seconds: float | None = None) -> Iterator[Frame]:
        """What comes: until the collector hangs up, so long in all, or nothing has come for `idle_seconds`."""
        deadline = time.monotonic() + seconds
        self.socket.setblocking(False)
        while True:
            while (found := self._next_frame()) is not None:
                self._note(found)
                yield found
            left = max(0.0, deadline - time.monotonic())
            if not self.is_open:
                return
            if not select.select([self.socket], [], [], left if idle_seconds is None else min(left, idle_seconds))[0]:
                return
            self._receive()

    def read_to_end(self, seconds: float = PATIENCE_SECONDS) -> str:
        """What the collector said last, once it has hung up: a GOAWAY with an error, or nothing."""
        for _ in self.frames(seconds):
            pass
        return self._end

    def answer(self, stream: int, seconds: float = PATIENCE_SECONDS) -> str:
        """How a stream ends: a gRPC status, another status of HTTP, a reset, or the end of the connection."""
        if stream not in self.ends:
            for _ in self.frames(seconds):
                if stream in self.ends:
                    break
        return self.ends.get(stream, self._end)

    @property
    def _end(self) -> str:
        if self.goodbye is not None:
            return self.goodbye
        return NOTHING if self.is_open else CLOSED

    def wait_for(self, kind: int, flags: int, count: int) -> None:
        """Reads until so many frames of a kind have come, or the collector has hung up."""
        for found in self.frames():
            names = {"ACK"} if flags & ACK else set()
            if found.type == kind and names <= set(found.flags):
                count -= 1
                if count == 0:
                    return

    def _next_frame(self) -> Frame | None:
        if len(self._received) < 9:
            return None
        found, length = Frame.parse_frame_header(memoryview(bytes(self._received[:9])))
        if len(self._received) < 9 + length:
            return None
        found.parse_body(memoryview(bytes(self._received[9 : 9 + length])))
        del self._received[: 9 + length]
        return found

    def _note(self, found: Frame) -> None:
        if isinstance(found, HeadersFrame):
            self._headers.setdefault(found.stream_id, {}).update(self._decoder.decode(found.data))
        elif isinstance(found, RstStreamFrame):
            self.ends.setdefault(found.stream_id, f"RST_STREAM {ERRORS[found.error_code]}")
        elif isinstance(found, GoAwayFrame) and found.error_code:
            self.goodbye = f"GOAWAY {ERRORS[found.error_code]}"
        if isinstance(found, HeadersFrame | DataFrame) and "END_STREAM" in found.flags:
            fields = self._headers.pop(found.stream_id, {})
            status = fields.get("grpc-status")
            self.ends[found.stream_id] = f"HTTP {fields.get(':status')}" if status is None else STATUSES[int(status)]

    def _receive(self) -> None:
        try:
            data = self.socket.recv(262_144)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError:
            data = b""
        if not data:
            self.is_open = False
        self._received += data
        # TLS has taken more from the socket than it has handed out.
        while isinstance(self.socket, ssl.SSLSocket) and self.is_open and self.socket.pending():
            self._received += self.socket.recv(self.socket.pending())


@functools.cache
def tls_context() -> ssl.SSLContext:
    """Trusts whoever is there: it is the attacker's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context

"""The client's end of one connection: sends bytes as they are, and notes everything that the server sends."""

import ssl
import struct
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

import hpack
import hyperframe.exceptions
import hyperframe.frame
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from http2_conformance import frames
from http2_conformance.servers import Field, Server

# How long a server may take for anything. Only what is broken takes that long.
PATIENCE_SECONDS = 10


class Nonconformance(Exception):
    """The server did something else than the RFC asks for."""


@dataclass
class Answer:
    """What a server has sent on a stream."""

    blocks: list[list[Field]] = field(default_factory=list)
    body: bytes = b""
    data_lengths: list[int] = field(default_factory=list)
    ended: bool = False
    reset: int | None = None

    def __str__(self) -> str:
        said = [f"{name.decode()}: {value.decode()}" for block in self.blocks for name, value in block]
        end = name_of(self.reset) if self.reset is not None else "ended" if self.ended else "open"
        return f"{end}, {len(self.body)} octets, {said}"


class Connection:
    """One connection. Whatever a case does, the server must keep to the windows, and its blocks must be readable."""

    def __init__(self, server: Server):
        self.server = server
        self.socket = server.connect(PATIENCE_SECONDS)
        self.encoder = hpack.Encoder()
        self.decoder = hpack.Decoder()
        self.streams: dict[int, Answer] = defaultdict(Answer)
        self.server_settings: dict[int, int] | None = None
        self.settings_acks = 0
        self.ping_acks: list[bytes] = []
        self.goaway: hyperframe.frame.GoAwayFrame | None = None
        self.closed = False
        # What the server has sent, for messages.
        self.received: list[str] = []
        # What the server has let this side send beyond the initial windows, less what was sent; 0 is the connection.
        self._credit: dict[int, int] = defaultdict(int)
        # What this side lets the server send still: on the connection, and on a stream beyond the initial window.
        self._window = frames.DEFAULT_WINDOW
        self._initial_window = frames.DEFAULT_WINDOW
        self._stream_windows: dict[int, int] = defaultdict(int)
        self._unacknowledged: deque[dict[int, int]] = deque()
        self._highest_stream = -1
        self._input = b""
        self._block: bytes | None = None
        self._rounds = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def greet(self, settings: Mapping[int, int]) -> None:
        """The prefaces of both sides, acknowledged."""
        self.send_octets(frames.PREFACE)
        self.send(frames.settings(settings))
        self.wait(lambda: self.server_settings is not None and self.settings_acks == 1, "the server's preface")
        self.send(frames.settings_ack())

    # MARK: Sending

    def send(self, *parts: bytes, octets_at_a_time: int | None = None) -> None:
        """Sends whole frames, in one piece unless otherwise said."""
        octets = b"".join(parts)
        for kind, flags, stream, payload in split(octets):
            self._note_sent(kind, flags, stream, payload)
        step = octets_at_a_time or max(1, len(octets))
        for start in range(0, len(octets), step):
            self.send_octets(octets[start : start + step])

    def send_octets(self, octets: bytes) -> None:
        """Sends anything. A server that has hung up doesn't matter yet: what it said before can still be read."""
        try:
            self.socket.sendall(octets)
        except TimeoutError as error:
            raise Nonconformance(f"doesn't read what it is sent; {self}") from error
        except (ConnectionError, ssl.SSLError):
            return

    def _note_sent(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == frames.SETTINGS and not flags & frames.ACK and len(payload) % 6 == 0:
            self._unacknowledged.append(dict(struct.iter_unpack(">HI", payload)))
        elif kind == frames.WINDOW_UPDATE and len(payload) == 4:
            increment = struct.unpack(">I", payload)[0]
            if stream == 0:
                self._window += increment
            else:
                self._stream_windows[stream] += increment
        elif kind == frames.DATA:
            self._credit[0] -= len(payload)
            self._credit[stream] -= len(payload)
        elif kind == frames.HEADERS:
            self._highest_stream = max(self._highest_stream, stream)

    @property
    def connection_room(self) -> int:
        """How much DATA the server lets this side send now, on all streams together."""
        return frames.DEFAULT_WINDOW + self._credit[0]

    def room(self, stream: int) -> int:
        """How much DATA the server lets this side send on that stream now."""
        initial = (self.server_settings or {}).get(SettingCodes.INITIAL_WINDOW_SIZE, frames.DEFAULT_WINDOW)
        return min(self.connection_room, initial + self._credit[stream])

    def wait_for_room(self, stream: int, octets: int) -> None:
        self.wait(lambda: self.room(stream) >= octets, f"room for {octets} octets on stream {stream}")

    def block(self, fields: list[Field]) -> bytes:
        """A header block that uses this connection's dynamic table."""
        return self.encoder.encode(fields)

    def head(self, stream: int = 1, fields: list[Field] | None = None, end_stream: bool = False) -> bytes:
        """A request's HEADERS, by default of one that the server serves."""
        return frames.headers(stream, self.block(self.server.fields if fields is None else fields), end_stream)

    def body(self, stream: int = 1) -> bytes:
        """The DATA that completes such a request."""
        return frames.data(stream, self.server.body, end_stream=True)

    def request(self, stream: int = 1, fields: list[Field] | None = None) -> bytes:
        return self.head(stream, fields) + self.body(stream)

    # MARK: Waiting

    def wait(self, done: Callable[[], bool], what: str) -> None:
        """Reads until that has happened."""
        if not self.wait_or_end(done, what):
            raise Nonconformance(f"closed the connection before {what}; {self}")

    def wait_or_end(self, done: Callable[[], bool], what: str) -> bool:
        """Reads until that has happened, or the connection has ended; says whether it has happened."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not done():
            if self.closed:
                return False
            if time.monotonic() > deadline:
                raise Nonconformance(f"nothing of {what} within {PATIENCE_SECONDS} s; {self}")
            self._read()
        return True

    def settle(self, done: Callable[[], bool] = lambda: False) -> None:
        """Reads until that has happened, or the connection has ended, or the server is done with all that it was sent.

        The last is known by two round trips. One doesn't do: its acknowledgement may overtake other frames of the same
        moment. (gRPC servers hang up when they are pinged four times and have nothing to send: three per case.)
        """
        target = self.settings_acks + len(self._unacknowledged) + 1
        self.send(frames.settings())
        self.wait_or_end(lambda: done() or self.settings_acks >= target, "an acknowledgement of SETTINGS")
        if done() or self.closed:
            return
        self._rounds += 1
        payload = struct.pack(">Q", self._rounds)
        self.send(frames.ping(payload))
        self.wait_or_end(lambda: done() or payload in self.ping_acks, "an acknowledgement of PING")

    def _read(self) -> None:
        try:
            octets = self.socket.recv(65_536)
        except (ConnectionError, ssl.SSLError):
            octets = b""
        except TimeoutError:
            return
        if not octets:
            self.closed = True
            return
        self._input += octets
        try:
            self._parse()
        except (hyperframe.exceptions.HyperframeError, hpack.HPACKError) as error:
            raise Nonconformance(f"sent what can't be read: {error!r}; {self}") from error

    # MARK: Receiving

    def _parse(self) -> None:
        while len(self._input) >= 9:
            received, length = hyperframe.frame.Frame.parse_frame_header(memoryview(self._input[:9]))
            if length > frames.DEFAULT_FRAME_BYTES:
                raise Nonconformance(f"sent a frame of {length} octets, {received!r}; {self}")
            if len(self._input) < 9 + length:
                return
            received.parse_body(memoryview(self._input[9 : 9 + length]))
            self._input = self._input[9 + length :]
            self.received.append(describe(received))
            self._take(received, length)

    def _take(self, received: hyperframe.frame.Frame, length: int) -> None:
        stream = received.stream_id
        is_continuation = isinstance(received, hyperframe.frame.ContinuationFrame)
        self.expect(is_continuation == (self._block is not None), "a header block isn't in one piece")
        if stream > 0:
            wrong = self._out_of_order(received, self.streams[stream])
            self.expect(wrong is None, f"sent {wrong}: {self.received[-1]}")
        match received:
            case hyperframe.frame.SettingsFrame():
                self._take_settings(received)
            case hyperframe.frame.PingFrame() if "ACK" in received.flags:
                self.ping_acks.append(received.opaque_data)
            case hyperframe.frame.PingFrame():
                self.send(frames.ping(received.opaque_data, frames.ACK))
            case hyperframe.frame.GoAwayFrame():
                self.goaway = received
            case hyperframe.frame.WindowUpdateFrame():
                self._credit[received.stream_id] += received.window_increment
            case hyperframe.frame.RstStreamFrame():
                self.streams[received.stream_id].reset = received.error_code
            case hyperframe.frame.DataFrame():
                self._take_data(received, length)
            case hyperframe.frame.HeadersFrame() | hyperframe.frame.ContinuationFrame():
                self._take_block(received)

    def _out_of_order(self, received: hyperframe.frame.Frame, answer: Answer) -> str | None:
        """What is wrong with a frame at this place (RFC 9113 sections 5.1 and 8.1)."""
        if received.stream_id > self._highest_stream or received.stream_id % 2 == 0:
            return "a frame on an idle stream"
        if isinstance(received, hyperframe.frame.PriorityFrame):
            return None
        if answer.reset is not None:
            return "a frame behind RST_STREAM"
        carries = isinstance(
            received, hyperframe.frame.DataFrame | hyperframe.frame.HeadersFrame | hyperframe.frame.ContinuationFrame
        )
        if carries and answer.ended and self._block is None:
            return "a frame behind END_STREAM"
        if isinstance(received, hyperframe.frame.DataFrame) and not answer.blocks:
            return "DATA before HEADERS"
        return None

    def _take_settings(self, received: hyperframe.frame.SettingsFrame) -> None:
        if "ACK" not in received.flags:
            self.server_settings = (self.server_settings or {}) | received.settings
            return
        self.settings_acks += 1
        if not self._unacknowledged:
            raise Nonconformance(f"acknowledged SETTINGS that nobody sent; {self}")
        agreed = self._unacknowledged.popleft()
        self._initial_window = agreed.get(SettingCodes.INITIAL_WINDOW_SIZE, self._initial_window)
        if SettingCodes.HEADER_TABLE_SIZE in agreed:
            self.decoder.max_allowed_table_size = agreed[SettingCodes.HEADER_TABLE_SIZE]

    def _take_data(self, received: hyperframe.frame.DataFrame, length: int) -> None:
        answer = self.streams[received.stream_id]
        self._window -= length
        self._stream_windows[received.stream_id] -= length
        left = self._initial_window + self._stream_windows[received.stream_id]
        if length > 0 and (self._window < 0 or left < 0):
            raise Nonconformance(f"overstepped a window: {self._window} left on the connection, {left} on it; {self}")
        answer.body += received.data
        answer.data_lengths.append(length)
        answer.ended |= "END_STREAM" in received.flags

    def _take_block(self, received: hyperframe.frame.HeadersFrame | hyperframe.frame.ContinuationFrame) -> None:
        answer = self.streams[received.stream_id]
        self._block = (self._block or b"") + received.data
        answer.ended |= "END_STREAM" in received.flags
        if "END_HEADERS" in received.flags:
            answer.blocks.append([(name, value) for name, value in self.decoder.decode(self._block, raw=True)])
            self._block = None
            wrong = malformed(answer.blocks[-1], is_trailers=len(answer.blocks) > 1)
            self.expect(not wrong, f"sent malformed fields {wrong}")

    # MARK: Verdicts

    def __str__(self) -> str:
        said = self.received if len(self.received) < 20 else [*self.received[:10], "…", *self.received[-10:]]
        answers = {stream: str(answer) for stream, answer in list(self.streams.items())[-3:]}
        return f"it sent {', '.join(said) or 'nothing'}{', then closed' if self.closed else ''}; streams: {answers}"

    def expect(self, condition: bool, what: str) -> None:
        if not condition:
            raise Nonconformance(f"{what}; {self}")

    def expect_close(self) -> None:
        self.wait_or_end(lambda: False, "the end of the connection")

    def expect_connection_error(self, *codes: ErrorCodes) -> None:
        """GOAWAY with one of these codes, and the end of the connection."""
        self.settle()
        self.expect(self.closed, "the connection goes on")
        if self.goaway is None:
            raise Nonconformance(f"no GOAWAY; {self}")
        self.expect(self.goaway.error_code in codes, f"GOAWAY {name_of(self.goaway.error_code)}")

    def expect_stream_error(self, stream: int, *codes: ErrorCodes) -> None:
        """RST_STREAM with one of these codes; everything else goes on."""
        answer = self.streams[stream]
        self.settle(lambda: answer.reset is not None)
        self.expect(answer.reset is not None, f"no RST_STREAM for stream {stream}")
        self.expect(answer.reset in codes, f"RST_STREAM {name_of(answer.reset)}")
        self.expect_service()

    def expect_stream_or_connection_error(self, stream: int, *codes: ErrorCodes) -> None:
        """As a stream's error, or as the connection's, which a server may make of it (RFC 9113 section 5.4.1)."""
        answer = self.streams[stream]
        self.settle(lambda: answer.reset is not None or self.goaway is not None)
        if self.goaway is not None or self.closed:
            self.expect_connection_error(*codes)
        else:
            self.expect_stream_error(stream, *codes)

    def expect_nothing_wrong(self) -> None:
        """The server isn't disturbed: no stream is reset, and a further request is served."""
        self.settle()
        self.expect(not self.closed and self.goaway is None, "the connection has ended")
        self.expect_service()
        resets = {number: answer.reset for number, answer in self.streams.items() if answer.reset}
        self.expect(not resets, f"RST_STREAM {resets}")

    def expect_no_fault(self) -> None:
        """The server goes on, or ends the connection without an error."""
        self.settle()
        code = self.goaway.error_code if self.goaway else ErrorCodes.NO_ERROR
        self.expect(code == ErrorCodes.NO_ERROR, f"GOAWAY {name_of(code)}")

    def expect_answer(self, stream: int = 1) -> None:
        """An answer of any status."""
        answer = self.streams[stream]
        self.wait(lambda: answer.ended or answer.reset is not None, f"the answer on stream {stream}")
        self.expect(answer.ended and bool(answer.blocks), f"no answer on stream {stream}")
        self.expect(answer.reset in (None, ErrorCodes.NO_ERROR), f"an answer and {answer.reset}")
        [length] = [int(value) for name, value in answer.blocks[0] if name == b"content-length"] or [len(answer.body)]
        self.expect(length == len(answer.body) or not answer.body, f"content-length is {length}")

    def expect_success(self, stream: int = 1) -> None:
        """The answer to a request that was understood."""
        self.expect_answer(stream)
        self.expect(self.server.has_served(self.streams[stream]), f"no success on stream {stream}")

    def expect_service(self) -> None:
        """A request on a new stream is served."""
        if self._highest_stream >= frames.LARGEST_STREAM:
            return
        stream = (self._highest_stream + 2) | 1
        self.send(self.request(stream))
        if self._initial_window < self.server.answer_length:
            self.send(frames.window_update(stream, self.server.answer_length))
        self.expect_success(stream)


def split(octets: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Type, flags, stream and payload of each frame."""
    while octets:
        length = int.from_bytes(octets[:3])
        kind, flags, stream = struct.unpack(">BBI", octets[3:9])
        yield kind, flags, stream & frames.LARGEST_STREAM, octets[9 : 9 + length]
        octets = octets[9 + length :]


# What belongs to a connection of HTTP/1.1 (RFC 9113 section 8.2.2).
CONNECTION_FIELDS = {b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"}


def malformed(fields: list[Field], is_trailers: bool) -> list[Field]:
    """The fields of a response that RFC 9113 section 8 forbids; the first is `:status` and no other begins so."""
    own = fields if is_trailers else fields[1:]
    wrong = [
        (name, value)
        for name, value in own
        if name != name.lower() or name.startswith(b":") or name in CONNECTION_FIELDS or value != value.strip(b" \t")
    ]
    if not is_trailers and (fields[:1] == [] or fields[0][0] != b":status" or len(fields[0][1]) != 3):
        wrong.append(fields[0] if fields else (b"", b""))
    return wrong


def name_of(code: int) -> str:
    return next((known.name for known in ErrorCodes if known == code), str(code))


def describe(received: hyperframe.frame.Frame) -> str:
    """A frame in a few words."""
    words = [type(received).__name__.removesuffix("Frame"), f"on {received.stream_id}"]
    words += sorted(received.flags)
    match received:
        case hyperframe.frame.RstStreamFrame() | hyperframe.frame.GoAwayFrame():
            words.append(name_of(received.error_code))
        case hyperframe.frame.DataFrame():
            words.append(f"{len(received.data)} octets")
    if isinstance(received, hyperframe.frame.GoAwayFrame) and received.additional_data:
        words.append(repr(received.additional_data))
    return " ".join(words)

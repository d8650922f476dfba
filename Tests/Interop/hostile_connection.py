"""One connection of a client to a collector that is no collector: HTTP/2 and gRPC by hand, on a raw socket.

What the client sent, and what it was answered, is in a ledger: whatever it says has been stored must have been confirmed here.
"""

import gzip
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence

from docket.v1.collector_pb2 import PublishRequest, PublishResponse
from hpack import Decoder
from http2_conformance import frames

Key = tuple[bytes, int]
GRPC_HEAD = ((b":status", b"200"), (b"content-type", b"application/grpc"))
# No batch is numbered as high.
NO_SEQUENCE = 2**40
# How long a script waits for a batch, and for whatever else the client may do.
PATIENCE_SECONDS = 0.3
# How long a client may leave unread what it is sent.
SEND_SECONDS = 5


class Over(Exception):
    """The connection has ended."""


class Ledger:
    """What came, and what was answered, on all connections."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        # The numbers of the events of each batch; None for those that the client made itself.
        self.batches: dict[Key, list[int | None]] = {}
        # The indexes that each verdict given named as rejected.
        self.verdicts: dict[Key, list[frozenset[int]]] = {}
        # The batches that were told to wait for longer than a test does.
        self.told_to_wait: set[Key] = set()
        # Where each event has come.
        self.places: dict[int, tuple[Key, int]] = {}
        # What must not happen.
        self.faults: list[str] = []
        self._digests: dict[Key, int] = {}

    def received(self, message: bytes) -> Key:
        request = PublishRequest.FromString(message)
        key = (request.producer_id, request.sequence)
        own = "docket.events_dropped"
        numbers = [None if one.type == own else int.from_bytes(one.event_id[8:]) for one in request.events]
        with self.lock:
            if self._digests.setdefault(key, hash(message)) != hash(message):
                self.faults.append(f"batch {key[1]} came with two contents")
            self.batches[key] = numbers
            self.told_to_wait.discard(key)
            for index, number in enumerate(numbers):
                if number is not None and self.places.setdefault(number, (key, index)) != (key, index):
                    self.faults.append(f"event {number} came in {self.places[number]} and in {(key, index)}")
        return key

    def answered(self, key: Key, rejected: Sequence[int]) -> None:
        """To be told before the verdict is sent."""
        with self.lock:
            self.verdicts.setdefault(key, []).append(frozenset(rejected))

    def confirmed_events(self, most_in_batch: int) -> int:
        """How many events an emitter may say have been judged, at the most."""
        with self.lock:
            came = sum(len(self.batches[key]) for key in self.verdicts if key in self.batches)
            return came + self.unseen_events(most_in_batch)

    def unseen_events(self, most_in_batch: int) -> int:
        """How many events were confirmed before they had come, at the most: such a batch need not come any more."""
        return most_in_batch * sum(key[1] < NO_SEQUENCE for key in self.verdicts.keys() - self.batches.keys())


class Connection:
    """One connection of the client. Its script reads and writes; nothing happens behind its back."""

    def __init__(self, accepted: socket.socket, ledger: Ledger, note: Callable[[str], None]):
        self.socket = accepted
        self.ledger = ledger
        self.note = note
        self.stream = 0
        self.has_head = self.has_ended = False
        self.grants_windows = True
        # The batches that came on it, and those of them that are unanswered: by sequence.
        self.seen: dict[int, Key] = {}
        self.outstanding: dict[int, Key] = {}
        self.client_has_ended = False
        # What the client lets this side send: on the connection, and on the stream.
        self.connection_window = self.stream_window = frames.DEFAULT_WINDOW
        self._decoder = Decoder()
        self._bytes = bytearray()
        self._message = bytearray()
        self._preface_left = len(frames.PREFACE)
        self._has_opened = False
        self._owed_acks = 0

    # MARK: Reading

    def read(self, seconds: float = PATIENCE_SECONDS, until: Callable[[], object] = lambda: False) -> bool:
        """Reads until that holds, or for so long."""
        deadline = time.monotonic() + seconds
        while not until():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            try:
                if select.select([self.socket], [], [], left)[0]:
                    self._receive(self.socket.recv(262_144))
            except (OSError, ValueError) as error:
                raise Over(str(error)) from error
        return True

    def wait_for_batch(self) -> bool:
        """Whether a batch is unanswered."""
        return self.read(PATIENCE_SECONDS, lambda: self.outstanding)

    def wait_for_stream(self) -> bool:
        return self.read(PATIENCE_SECONDS, lambda: self.stream)

    def _receive(self, received: bytes) -> None:
        if not received:
            raise Over("the client closed")
        skipped = min(self._preface_left, len(received))
        self._preface_left -= skipped
        self._bytes += received[skipped:]
        while len(self._bytes) >= 9:
            length = int.from_bytes(self._bytes[:3])
            if len(self._bytes) < 9 + length:
                return
            kind, flags, stream = struct.unpack(">BBI", self._bytes[3:9])
            payload = bytes(self._bytes[9 : 9 + length])
            del self._bytes[: 9 + length]
            self._handle(kind, flags, stream, payload)

    def _handle(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == frames.SETTINGS and not flags & frames.ACK:
            for name, value in struct.iter_unpack(">HI", payload):
                if name == 4:
                    self.stream_window += value - frames.DEFAULT_WINDOW
            self._owed_acks += 1
            self._acknowledge()
        elif kind == frames.PING and not flags & frames.ACK:
            self.send(frames.ping(payload, frames.ACK))
        elif kind == frames.WINDOW_UPDATE:
            if stream == 0:
                self.connection_window += int.from_bytes(payload)
            else:
                self.stream_window += int.from_bytes(payload)
        elif kind == frames.HEADERS:
            path = dict(self._decoder.decode(payload)).get(":path")
            if path != "/docket.v1.CollectorService/PublishStream":
                self.ledger.faults.append(f"a call of {path}")
            self.stream = stream
        elif kind == frames.DATA:
            self._take_data(payload)
            if self.grants_windows and payload:
                self.send(frames.window_update(0, len(payload)) + frames.window_update(stream, len(payload)))
        if kind in (frames.HEADERS, frames.DATA) and flags & frames.END_STREAM:
            self.client_has_ended = True
        if kind in (frames.GOAWAY, frames.RST_STREAM):
            self.note(f"the client sent {'GOAWAY' if kind == frames.GOAWAY else 'RST_STREAM'} {payload[-8:].hex()}")

    def _take_data(self, payload: bytes) -> None:
        self._message += payload
        while len(self._message) >= 5 and len(self._message) >= 5 + int.from_bytes(self._message[1:5]):
            end = 5 + int.from_bytes(self._message[1:5])
            message = bytes(self._message[5:end])
            key = self.ledger.received(gzip.decompress(message) if self._message[0] else message)
            del self._message[:end]
            self.seen[key[1]] = self.outstanding[key[1]] = key

    # MARK: Writing

    def send(self, octets: bytes) -> None:
        try:
            self.socket.settimeout(SEND_SECONDS)
            self.socket.sendall(octets)
        except TimeoutError as error:
            self.ledger.faults.append("the client doesn't read what it is sent")
            raise Over("unread") from error
        except (OSError, ValueError) as error:
            raise Over(str(error)) from error

    def open(self, *settings: tuple[int, int]) -> None:
        """Sends SETTINGS; the client's are acknowledged behind them."""
        self.send(frames.settings(settings))
        self._has_opened = True
        self._acknowledge()

    def _acknowledge(self) -> None:
        if self._has_opened:
            self.send(frames.settings_ack() * self._owed_acks)
            self._owed_acks = 0

    def head(self, *more: tuple[bytes, bytes]) -> bytes:
        """The response headers, if they aren't sent."""
        if self.has_head:
            return b""
        self.has_head = True
        return frames.headers(self.stream, frames.plain((*GRPC_HEAD, *more)))

    def answer(self, payload: bytes, flag: int = 0, length: int | None = None) -> bytes:
        """A message behind its prefix, in a frame, behind the head."""
        return self.head() + frames.data(self.stream, framed(payload, flag, length))

    def send_in_window(self, octets: bytes, frame_bytes: int = 16_384) -> None:
        """Sends DATA as the client's windows have room for it."""
        rest = memoryview(octets)
        while rest:
            room = min(self.connection_window, self.stream_window, frame_bytes)
            if room <= 0 and not self.read(SEND_SECONDS, lambda: min(self.connection_window, self.stream_window) > 0):
                raise Over("no room")
            room = min(self.connection_window, self.stream_window, frame_bytes)
            self.send(frames.data(self.stream, bytes(rest[:room])))
            self.connection_window -= min(room, len(rest))
            self.stream_window -= min(room, len(rest))
            rest = rest[room:]

    def trailers(self, *fields: tuple[bytes, bytes]) -> bytes:
        """The end of the stream; with the head in the same block when that isn't sent."""
        before = () if self.has_head else GRPC_HEAD
        self.has_head = self.has_ended = True
        return frames.headers(self.stream, frames.plain((*before, *fields)), end_stream=True)

    # MARK: Answers

    def verdict(self, sequence: int, rejections: Sequence[tuple[int, str]] = ()) -> bytes:
        """A verdict, which counts as given."""
        key = self.seen.get(sequence, (next(iter(self.seen.values()), (b"", 0))[0], sequence))
        self.outstanding.pop(sequence, None)
        response = PublishResponse(sequence=sequence)
        for index, reason in rejections:
            response.verdict.rejections.add(index=index, field="type", code=1, reason=reason)
        size = len(self.ledger.batches.get(key, ()))
        response.verdict.accepted_count = max(0, size - len(rejections))
        receipt = response.verdict.receipt
        receipt.batch_id, receipt.root, receipt.durability, receipt.received_at_us = sequence, bytes(32), 1, 1
        self.ledger.answered(key, [index for index, _ in rejections])
        return response.SerializeToString()

    def close(self, abruptly: bool = False) -> None:
        """Closes; abruptly is by RST of TCP."""
        if abruptly:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
        raise Over("closed by the script")

    def be_honest(self) -> None:
        """Accepts whatever comes, until the client has enough."""
        self.open()
        while True:
            self.read(3600, lambda: self.outstanding or self.client_has_ended)
            for sequence in list(self.outstanding):
                self.send(self.answer(self.verdict(sequence)))
            if self.client_has_ended and not self.has_ended:
                self.send(self.head() + self.trailers((b"grpc-status", b"0")))
                self.client_has_ended = False


def framed(message: bytes, flag: int = 0, length: int | None = None) -> bytes:
    """A message behind its gRPC prefix."""
    return struct.pack(">BI", flag, len(message) if length is None else length) + message

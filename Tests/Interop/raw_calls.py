"""Calls frame by frame, for what client libraries don't show: which frames an answer is made of, and message flags."""

import struct
import time
from dataclasses import dataclass, field

import h2.events

from test_abuse import PATIENCE_SECONDS, RawConnection


@dataclass
class Block:
    """A HEADERS frame."""

    fields: list[tuple[str, str]]
    ends_stream: bool

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key == name]

    def __getitem__(self, name: str) -> str:
        [value] = self.values(name)
        return value

    def __contains__(self, name: str) -> bool:
        return bool(self.values(name))


@dataclass
class Answer:
    """What has come on a stream, in order: header blocks, and the bytes of the DATA frames between them."""

    parts: list[Block | bytes] = field(default_factory=list)
    reset: int | None = None
    is_over: bool = False

    @property
    def blocks(self) -> list[Block]:
        return [part for part in self.parts if isinstance(part, Block)]

    @property
    def trailers(self) -> Block:
        """The block that ends the stream."""
        last = self.parts[-1]
        assert isinstance(last, Block) and last.ends_stream, self
        return last

    @property
    def is_trailers_only(self) -> bool:
        """Whether it is one HEADERS frame with END_STREAM."""
        return len(self.parts) == 1 and self.trailers is self.parts[0]

    @property
    def messages(self) -> list[tuple[int, bytes]]:
        """Flag and content of each message."""
        rest = b"".join(part for part in self.parts if isinstance(part, bytes))
        found = []
        while rest:
            flag, length = struct.unpack_from(">BI", rest)
            found.append((flag, rest[5 : 5 + length]))
            assert len(found[-1][1]) == length, "the stream ends within a message"
            rest = rest[5 + length :]
        return found


def receive(connection: RawConnection, stream: int, parts: int | None = None) -> Answer:
    """What comes on the stream until its end, or until it has so many parts."""
    answer = Answer()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not answer.is_over and (parts is None or len(answer.parts) < parts):
        assert time.monotonic() < deadline, f"no end within {PATIENCE_SECONDS} s; so far: {answer}"
        data = connection.socket.recv(65536)
        assert data, f"the connection was closed before the stream ended; so far: {answer}"
        for event in connection.h2.receive_data(data):
            if getattr(event, "stream_id", None) == stream:
                take(event, answer)
            if isinstance(event, h2.events.DataReceived):
                connection.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        connection.flush()
    return answer


def take(event: h2.events.Event, answer: Answer) -> None:
    if isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived):
        answer.parts.append(Block(list(event.headers), event.stream_ended is not None))
    elif isinstance(event, h2.events.DataReceived):
        answer.parts.append(event.data)
    elif isinstance(event, h2.events.StreamReset):
        answer.reset = int(event.error_code)
        answer.is_over = True
    elif isinstance(event, h2.events.StreamEnded):
        answer.is_over = True

"""Attacks by what is begun and not finished, or asked for and not read: they want memory, or what is reserved of it."""

import functools
import itertools
import time
from collections.abc import Iterator

from . import attack
from .frames import ENDS, call_head, open_call
from .messages import CALLS, FILE_QUESTION, MEBIBYTE, data, publishing
from .wire import (
    CLOSED, DATA, END_HEADERS, HEADERS, HEALTH, NOTHING, PATIENCE_SECONDS, PREFACE, REFLECTION, Peer,
    Target, Until, frame, framed, settings, stream_ids,
)  # fmt: skip

SLOW_MESSAGES = "docket_rpc_slow_messages_total"
MESSAGE_TIMEOUTS = "docket_rpc_message_timeouts_total"
# No stream may send anything.
SHUT = PREFACE + settings((4, 0))


def publish_head(target: Target, stream: int) -> bytes:
    return frame(HEADERS, END_HEADERS, stream, publishing(target))


@functools.cache
def announcements(target: Target) -> bytes:
    """Messages of 4 MiB on 1,000 streams, of which nothing comes but their prefix."""
    return b"".join(
        publish_head(target, stream) + frame(DATA, 0, stream, framed(b"", length=4 * MEBIBYTE))
        for stream in stream_ids(1000)
    )


@attack(
    title="4,000 messages of 4 MiB announced, of which nothing comes (with a credential)",
    limit="1 s a message while others wait for memory, of which no connection has more than is left free",
    sees="RESOURCE_EXHAUSTED",
    counter=SLOW_MESSAGES,
    also=(NOTHING,),
)
def announced_messages(target: Target, until: Until) -> Iterator[str]:
    with Peer(target) as peer:
        peer.send(announcements(target))
        yield peer.answer(1, max(PATIENCE_SECONDS, until.seconds_left))


@attack(
    title="Messages of 4 MiB announced to services that ask for no credential",
    limit="64 KiB a message to health and reflection",
    sees="RESOURCE_EXHAUSTED",
    counter=CALLS.format("RESOURCE_EXHAUSTED"),
)
def announced_questions(target: Target, until: Until) -> Iterator[str]:
    with Peer(target) as peer:
        for stream, path in zip(stream_ids(200), itertools.cycle((HEALTH, REFLECTION))):
            announced = frame(DATA, 0, stream, framed(b"", length=4 * MEBIBYTE))
            if not peer.send(call_head(target, stream, path=path) + announced):
                break
        yield peer.answer(399)


@functools.cache
def half_messages(target: Target) -> list[bytes]:
    begun = framed(bytes(60_000), length=4 * MEBIBYTE)
    return [publish_head(target, stream) + data(stream, begun, ends_stream=False) for stream in stream_ids(400)]


@attack(
    title="Messages begun on thousands of streams, beyond what can be reserved (with a credential)",
    limit="a quarter of the memory budget for what has no reservation; 1 s a message while others wait for memory",
    sees="RESOURCE_EXHAUSTED",
    counter="docket_rpc_unreserved_refusals_total",
    earlier_counters=(SLOW_MESSAGES,),
    also=(NOTHING,),
)
def begun_messages(target: Target, until: Until) -> Iterator[str]:
    with Peer(target) as peer:
        for one in half_messages(target):
            if not peer.send(one):
                break
        for _ in peer.frames(5, idle_seconds=0.2):
            pass
        yield from sorted({"RESOURCE_EXHAUSTED"} & set(peer.ends.values())) or [NOTHING]


@attack(
    title="A slow writer: a message that comes byte by byte",
    limit="30 s a message",
    sees="DEADLINE_EXCEEDED",
    counter=MESSAGE_TIMEOUTS,
    also=(NOTHING,),
    takes_seconds=30,
)
def slow_writers(target: Target, until: Until) -> Iterator[str]:
    with Peer(target) as peer:
        peer.send(b"".join(
            frame(HEADERS, END_HEADERS, stream, open_call(target)) + frame(DATA, 0, stream, framed(b"", length=1000))
            for stream in stream_ids(25)
        ))  # fmt: skip
        while until and peer.is_open:
            peer.send(b"".join(frame(DATA, 0, stream, b"z") for stream in stream_ids(25)))
            if (seen := peer.answer(1, 0.5)) != NOTHING:
                yield seen
                return
        yield NOTHING


@attack(
    title="A reader that opens no window (CVE-2019-9517), with answers of 16 MiB and more",
    limit="16 MiB a connection that wait to be read",
    sees="RST_STREAM ENHANCE_YOUR_CALM",
    counter="docket_rpc_unread_resets_total",
)
def closed_windows(target: Target, until: Until) -> Iterator[str]:
    questions = data(1, FILE_QUESTION * 100, ends_stream=False)
    with Peer(target, begin=SHUT) as peer:
        peer.send(call_head(target, 1, path=REFLECTION))
        for _ in range(100):
            if not peer.send(questions) or (seen := peer.answer(1, 0)) != NOTHING:
                break
        else:
            seen = peer.answer(1)
        yield seen


@attack(
    title="A slow reader: windows wide open, and nothing read from the socket",
    limit="30 s for a full socket; 16 MiB that wait to be read",
    sees=CLOSED,
    counter=ENDS.format("unread"),
    also=(NOTHING,),
    takes_seconds=30,
)
def unread_sockets(target: Target, until: Until) -> Iterator[str]:
    with Peer(target, receive_bytes=4096) as peer:
        # More than the collector's socket takes.
        peer.send(call_head(target, 1, path=REFLECTION) + data(1, FILE_QUESTION * 3000, ends_stream=False), reads=False)
        # Of its end a peer that doesn't read learns by reading.
        while until.seconds_left > 1.5:
            time.sleep(0.1)
        yield peer.read_to_end(1)

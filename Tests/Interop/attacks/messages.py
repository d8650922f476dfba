"""Attacks by messages: lengths, compression, protobuf, JSON."""

import functools
import gzip
import os

from collections.abc import Iterator

from . import attack
from .frames import open_call
from .wire import (
    DATA, END_HEADERS, END_STREAM, HEADERS, HEALTH, PADDED, PUBLISH, PUBLISH_STREAM, REFLECTION, Peer, Target, Until,
    frame, framed, head, settings, stream_ids, window_update,
)  # fmt: skip

CALLS = 'docket_rpc_calls_total{{code="{}"}}'
MESSAGE_LIMIT = "64 KiB a message to health and reflection, 4 MiB elsewhere, before and after decompression"
FRAME_BYTES = 16_384
MEBIBYTE = 1 << 20


@functools.cache
def publishing(target: Target, *more: tuple[str, str], path: str = PUBLISH) -> bytes:
    return head(target, path, *more)


def call(stream: int, header_block: bytes, message: bytes, flag: int = 0) -> bytes:
    """A whole unary call."""
    return frame(HEADERS, END_HEADERS, stream, header_block) + data(stream, framed(message, flag))


def data(stream: int, body: bytes, ends_stream: bool = True) -> bytes:
    starts = range(0, len(body), FRAME_BYTES)
    return b"".join(
        frame(
            DATA, END_STREAM if ends_stream and start + FRAME_BYTES >= len(body) else 0, stream,
            body[start : start + FRAME_BYTES],
        )
        for start in starts
    )  # fmt: skip


def pipelined(target: Target, until: Until, calls: Iterator[bytes] | list[bytes], at_once: int = 50) -> Iterator[str]:
    """Calls on one connection, so many at once; each one's answer."""
    with Peer(target) as peer:
        waiting: list[int] = []
        for stream, made in zip(stream_ids(1_000_000), calls):
            if not until or not peer.send(made):
                break
            waiting.append(stream)
            if len(waiting) == at_once:
                yield from (peer.answer(one) for one in waiting)
                waiting = []
        yield from (peer.answer(one) for one in waiting)


@attack(
    title="A message that says it has 4 GiB",
    limit=MESSAGE_LIMIT,
    sees="RESOURCE_EXHAUSTED",
    counter=CALLS.format("RESOURCE_EXHAUSTED"),
)
def message_of_4_gibibytes(target: Target, until: Until) -> Iterator[str]:
    announced = framed(b"", length=(1 << 32) - 1)
    calls = [
        frame(HEADERS, END_HEADERS, stream, open_call(target)) + frame(DATA, 0, stream, announced)
        for stream in stream_ids(400)
    ]
    yield from pipelined(target, until, calls)


@functools.cache
def gzip_bomb_bytes() -> bytes:
    return gzip.compress(bytes(5 * MEBIBYTE), 9)


@attack(
    title="gzip bomb: 5 KiB that become 5 MiB",
    limit=MESSAGE_LIMIT,
    sees="RESOURCE_EXHAUSTED",
    counter=CALLS.format("RESOURCE_EXHAUSTED"),
)
def gzip_bomb(target: Target, until: Until) -> Iterator[str]:
    block = head(target, HEALTH, ("grpc-encoding", "gzip"), token=None)
    calls = (call(stream, block, gzip_bomb_bytes(), flag=1) for stream in stream_ids(1000))
    yield from pipelined(target, until, calls)


def new_batch(rest: bytes) -> bytes:
    """A publish request of a new producer, its other fields as given."""
    return b"\x12\x10" + os.urandom(16) + rest


def publish(target: Target, until: Until, rest: bytes, at_once: int = 4, count: int = 200) -> Iterator[str]:
    calls = (call(stream, publishing(target), new_batch(rest)) for stream in stream_ids(count))
    yield from pipelined(target, until, calls, at_once)


def field(number: int, value: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(number: int) -> bytes:
    encoded = b""
    while number >= 128:
        encoded, number = encoded + bytes([number & 127 | 128]), number >> 7
    return encoded + bytes([number])


@functools.cache
def deep_events() -> bytes:
    from events import event

    deep = '{"a":' * 10_000 + "1" + "}" * 10_000
    return b"".join(field(4, event(attributes=deep).SerializeToString()) for _ in range(10))


@attack(
    title="JSON nested 10,000 levels deep (with a credential)",
    limit="32 levels, 64 KiB; the event goes into quarantine, its neighbours into the log",
    sees="OK",
    counter='docket_rejections_total{code="too_deep"}',
)
def deep_json(target: Target, until: Until) -> Iterator[str]:
    yield from publish(target, until, deep_events())


@attack(
    title="protobuf with absurd lengths, varints without end, nested groups (with a credential)",
    limit="no length beyond its message, 10 bytes a varint, no groups",
    sees="INTERNAL",
    counter=CALLS.format("INTERNAL"),
)
def absurd_protobuf(target: Target, until: Until) -> Iterator[str]:
    for rest in (
        b"\x22\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x22\xff\xff\xff\xff\x0f" + bytes(1000),
        b"\x18" + b"\xff" * 100_000,
        b"\x0b" * 1_000_000,
        field(4, b"\x0b" * 1_000_000),
        field(4, b"\x22" * 100_000),
    ):
        yield from publish(target, until, rest, count=4)


@functools.cache
def unknown_fields() -> tuple[bytes, bytes]:
    from events import event

    # Field 1,000 as a varint: three bytes each.
    unknown = b"\xc0\x3e\x00" * 1_300_000
    return unknown, field(4, event().SerializeToString() + unknown)


@attack(
    title="Unknown fields: 1.3 million in a batch, or in its event (with a credential)",
    limit="1,000 fields that are unknown or out of order, in a batch and in each of its events",
    sees="INVALID_ARGUMENT",
    counter=CALLS.format("INVALID_ARGUMENT"),
)
def unknown_field_flood(target: Target, until: Until) -> Iterator[str]:
    for rest in unknown_fields():
        yield from publish(target, until, rest)


@attack(
    title="Two million empty events in a batch (with a credential)",
    limit="10,000 events a batch",
    sees="INVALID_ARGUMENT",
    counter=CALLS.format("INVALID_ARGUMENT"),
    also=("RESOURCE_EXHAUSTED",),
)
def too_many_events(target: Target, until: Until) -> Iterator[str]:
    yield from publish(target, until, b"\x22\x00" * (2 * MEBIBYTE - 100))


@attack(
    title="Batches without an event, pipelined on a stream (with a credential)",
    limit="each is refused on its own, within the budget for messages in flight",
    sees="OK",
    counter='docket_batches_total{result="refused"}',
)
def empty_batches(target: Target, until: Until) -> Iterator[str]:
    block = publishing(target, path=PUBLISH_STREAM)
    body = b"".join(framed(b"\x18" + varint(sequence)) for sequence in range(4000))
    with Peer(target) as peer:
        peer.send(frame(HEADERS, END_HEADERS, 1, block))
        peer.send(data(1, body))
        yield peer.answer(1)


@attack(
    title="Calls without a credential, as fast as they are answered",
    limit="refused before a message is read",
    sees="UNAUTHENTICATED",
    counter=CALLS.format("UNAUTHENTICATED"),
)
def calls_without_a_credential(target: Target, until: Until) -> Iterator[str]:
    block = open_call(target, PUBLISH)
    calls = (frame(HEADERS, END_HEADERS | END_STREAM, stream, block) for stream in stream_ids(5000))
    yield from pipelined(target, until, calls, at_once=500)


@attack(
    title="Calls whose deadline is a nanosecond",
    limit="the deadline",
    sees="DEADLINE_EXCEEDED",
    counter=CALLS.format("DEADLINE_EXCEEDED"),
)
def expired_deadlines(target: Target, until: Until) -> Iterator[str]:
    block = head(target, REFLECTION, ("grpc-timeout", "1n"), token=None)
    calls = (frame(HEADERS, END_HEADERS, stream, block) for stream in stream_ids(5000))
    yield from pipelined(target, until, calls, at_once=500)


@attack(
    title="A message in DATA frames of one byte and 255 bytes of padding",
    limit="the stream's window: padding counts, and comes back",
    sees="OK",
    counter=CALLS.format("OK"),
)
def tiny_padded_data(target: Target, until: Until) -> Iterator[str]:
    with Peer(target) as peer:
        for stream in stream_ids(20):
            peer.send(frame(HEADERS, END_HEADERS, stream, open_call(target)) + padded(stream))
            yield peer.answer(stream)


@functools.cache
def padded(stream: int) -> bytes:
    """An unknown field of 200 bytes, which a health check ignores; with its padding it just fits into the window."""
    message = framed(field(15, bytes(200)))
    last = len(message) - 1
    return b"".join(
        frame(DATA, PADDED | (END_STREAM if index == last else 0), stream, b"\xff" + bytes([byte]) + bytes(255))
        for index, byte in enumerate(message)
    )


FILE_QUESTION = framed(field(4, b"docket.v1.CollectorService"))


@attack(
    title="Reflection asked for its largest answer again and again, and read",
    limit="a connection's turn at its event loop: 8 rounds of writing, then the others",
    sees="OK",
    counter=CALLS.format("OK"),
)
def reflection_storm(target: Target, until: Until) -> Iterator[str]:
    block = open_call(target, REFLECTION)
    with Peer(target) as peer:
        for stream in stream_ids(20):
            peer.send(frame(HEADERS, END_HEADERS, stream, block) + data(stream, FILE_QUESTION * 100))
            yield peer.answer(stream)


@attack(
    title="A reader that opens its window by one byte at a time (CVE-2019-9511)",
    limit="ten WINDOW_UPDATE frames for each DATA frame that was sent",
    sees="OK",
    counter=CALLS.format("OK"),
)
def window_dribble(target: Target, until: Until) -> Iterator[str]:
    block = open_call(target)
    with Peer(target) as peer:
        peer.send(settings((4, 1)))
        for stream in stream_ids(20):
            peer.send(call(stream, block, b""))
            for found in peer.frames():
                if found.stream_id == stream and found.type == DATA:
                    peer.send(window_update(stream, 1))
                if stream in peer.ends:
                    break
            yield peer.answer(stream)


@functools.cache
def greedy_batch() -> bytes:
    from events import event

    return b"".join(field(4, event(reason="r" * 200).SerializeToString()) for _ in range(500))


@attack(
    title="For comparison: a tenant that publishes as fast as it can (with a credential)",
    limit="the memory budget, shared fairly among connections",
    sees="OK",
    counter='docket_batches_total{result="committed"}',
)
def greedy_tenant(target: Target, until: Until) -> Iterator[str]:
    yield from publish(target, until, greedy_batch(), at_once=8)

"""Attacks by header blocks: bombs, duplicates, nonsense."""

import functools
from collections.abc import Iterator

from . import attack
from .frames import CALM, FAULTS, call_head, flood, open_call
from .wire import CONTINUATION, END_HEADERS, END_STREAM, HEADERS, REFLECTION, Peer, Target, Until, frame, stream_ids

HEADER_LIMIT = "16 KiB a header list (names, values, 32 bytes a field)"
REFUSED = "RST_STREAM ENHANCE_YOUR_CALM"
REFUSALS = "docket_rpc_header_refusals_total"
FRAME_BYTES = 16_384
# HEADERS and 8 CONTINUATION frames: as much as one block may have.
BLOCK_BYTES = 9 * FRAME_BYTES
# The first entry of the dynamic table (RFC 7541 section 2.3.3), as an indexed field.
FIRST_OF_TABLE = b"\xbe"


def literal(name: bytes, value: bytes, first: int = 0x10) -> bytes:
    """A literal field, never indexed unless `first` says so; lengths as RFC 7541 section 5.1 has them."""
    return bytes([first]) + prefixed(len(name)) + name + prefixed(len(value)) + value


def prefixed(number: int) -> bytes:
    if number < 127:
        return bytes([number])
    encoded, number = b"\x7f", number - 127
    while number >= 128:
        encoded, number = encoded + bytes([number & 127 | 128]), number >> 7
    return encoded + bytes([number])


def block(stream: int, payload: bytes, ends_stream: bool = True) -> bytes:
    """A header block in as many frames as it takes."""
    pieces = [payload[start : start + FRAME_BYTES] for start in range(0, len(payload), FRAME_BYTES)]
    last = len(pieces) - 1
    return b"".join(
        frame(
            CONTINUATION if index else HEADERS,
            (END_HEADERS if index == last else 0) | (END_STREAM if ends_stream and not index else 0), stream, piece,
        )
        for index, piece in enumerate(pieces)
    )  # fmt: skip


def refused_calls(target: Target, first: bytes, further: bytes, count: int = 20) -> Iterator[str]:
    """Calls with such header blocks on one connection, each after the answer to the one before."""
    with Peer(target) as peer:
        for stream in stream_ids(count):
            if not peer.send(block(stream, first if stream == 1 else further)):
                break
            yield peer.answer(stream)


@functools.cache
def bomb(target: Target) -> tuple[bytes, bytes]:
    """A field of 4,000 bytes for the table, and a block that names it a hundred thousand times by one byte."""
    entry = literal(b"a", b"x" * 4000, first=0x40)
    start = open_call(target)
    rest = FIRST_OF_TABLE * (BLOCK_BYTES - len(start) - len(entry))
    return start + entry + rest, start + rest


@attack(
    title="HPACK bomb: 144 KiB that stand for half a gigabyte of fields",
    limit=HEADER_LIMIT,
    sees=REFUSED,
    counter=REFUSALS,
    also=(CALM,),
)
def hpack_bomb(target: Target, until: Until) -> Iterator[str]:
    yield from refused_calls(target, *bomb(target), count=5)


@attack(
    title="One field of 40 KiB",
    limit=HEADER_LIMIT,
    sees=REFUSED,
    counter=REFUSALS,
    also=(CALM,),
)
def huge_metadata(target: Target, until: Until) -> Iterator[str]:
    payload = open_call(target) + literal(b"x-huge", b"h" * 40_960)
    yield from refused_calls(target, payload, payload)


@attack(
    title="The same field 20,000 times",
    limit=HEADER_LIMIT,
    sees=REFUSED,
    counter=REFUSALS,
    also=(CALM,),
)
def duplicate_metadata(target: Target, until: Until) -> Iterator[str]:
    payload = open_call(target) + literal(b"a", b"b") * 20_000
    yield from refused_calls(target, payload, payload)


@functools.cache
def many_refused(target: Target) -> bytes:
    payload = open_call(target) + literal(b"x-huge", b"h" * 17_000)
    return b"".join(block(stream, payload) for stream in stream_ids(1200))


@attack(
    title="Calls with too much metadata, as many as a connection takes",
    limit="1,000 frames without use ahead of useful ones; a refused header list is one",
    sees=CALM,
    counter=FAULTS.format("enhance_your_calm"),
)
def refused_header_flood(target: Target, until: Until) -> Iterator[str]:
    yield flood(target, many_refused(target))


@attack(
    title="Trailers of 40 KiB",
    limit=HEADER_LIMIT,
    sees=REFUSED,
    counter=REFUSALS,
    also=(CALM,),
)
def trailers_bomb(target: Target, until: Until) -> Iterator[str]:
    with Peer(target) as peer:
        for stream in stream_ids(20):
            trailers = block(stream, literal(b"x-huge", b"h" * 40_960))
            if not peer.send(call_head(target, stream, path=REFLECTION) + trailers):
                break
            yield peer.answer(stream)


@attack(
    title="A header block that HPACK can't read",
    limit="none is allowed (RFC 7541 section 2.3.3)",
    sees="GOAWAY COMPRESSION_ERROR",
    counter=FAULTS.format("compression_error"),
)
def unreadable_headers(target: Target, until: Until) -> Iterator[str]:
    yield flood(target, frame(HEADERS, END_HEADERS, 1, b"\xff\xff\xff\xff\x07"))

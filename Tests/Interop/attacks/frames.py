"""Attacks by HTTP/2 frames: resets, windows, what is forbidden."""

import functools
from collections.abc import Iterator

from . import attack
from .wire import (
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, HEALTH, MAX_WINDOW, PATIENCE_SECONDS,
    PUSH_PROMISE, RST_STREAM, WIDE_OPEN, Peer, Target, Until, frame, head, reset, settings, stream_ids,
    window_update,
)  # fmt: skip

FAULTS = 'docket_rpc_connection_faults_total{{reason="{}"}}'
ENDS = 'docket_rpc_connection_ends_total{{reason="{}"}}'
CALM = "GOAWAY ENHANCE_YOUR_CALM"
PROTOCOL_ERROR = "GOAWAY PROTOCOL_ERROR"
INITIAL_WINDOW_SIZE = 4
UNPRODUCTIVE = "1,000 frames without use ahead of useful ones"
# So long a collector that doesn't mind is given to hang up.
SHRUG_SECONDS = 3


def flood(
    target: Target, payload: bytes, reads: bool = True, seconds: float = PATIENCE_SECONDS, begin: bytes = WIDE_OPEN
) -> str:
    """Sends that much on a connection of its own, and says how the connection ended."""
    with Peer(target, begin=begin) as peer:
        peer.send(payload, reads=reads)
        return peer.read_to_end(seconds)


@functools.cache
def open_call(target: Target, path: str = HEALTH) -> bytes:
    """The header block of a call that nobody needs a credential for."""
    return head(target, path, token=None)


def call_head(target: Target, stream: int, flags: int = END_HEADERS, path: str = HEALTH) -> bytes:
    return frame(HEADERS, flags, stream, open_call(target, path))


@functools.cache
def resets(target: Target) -> bytes:
    return b"".join(call_head(target, stream) + reset(stream) for stream in stream_ids(1500))


@attack(
    title="Rapid reset: streams opened and reset at once (CVE-2023-44487)",
    limit="1,000 resets in a burst, then 33 a second",
    sees="GOAWAY INTERNAL_ERROR",
    counter=FAULTS.format("rapid_reset"),
)
def rapid_reset(target: Target, until: Until) -> Iterator[str]:
    yield flood(target, resets(target))


@functools.cache
def late_resets(target: Target) -> bytes:
    return call_head(target, 1) + reset(1) * 1500


@attack(
    title="RST_STREAM again and again on a stream that is closed",
    limit="1,000 resets in a burst, then 33 a second",
    sees="GOAWAY INTERNAL_ERROR",
    counter=FAULTS.format("rapid_reset"),
)
def resets_of_a_closed_stream(target: Target, until: Until) -> Iterator[str]:
    yield flood(target, late_resets(target))


@attack(
    title="RST_STREAM on a stream that was never opened",
    limit="none is allowed (RFC 9113 section 6.4)",
    sees=PROTOCOL_ERROR,
    counter=FAULTS.format("protocol_error"),
)
def reset_of_an_idle_stream(target: Target, until: Until) -> Iterator[str]:
    yield flood(target, reset(999))


@functools.cache
def provoked_resets(target: Target) -> list[bytes]:
    """Calls that the server has to reset: their windows overflow, or their bodies are longer than declared. 500 each."""
    longer = head(target, HEALTH, ("content-length", "1"), token=None)
    calls = [
        call_head(target, stream) + window_update(stream, MAX_WINDOW)
        if index % 2
        else frame(HEADERS, END_HEADERS, stream, longer) + frame(DATA, 0, stream, b"ab")
        for index, stream in enumerate(stream_ids(5000))
    ]
    return [b"".join(calls[start : start + 500]) for start in range(0, len(calls), 500)]


@attack(
    title="MadeYouReset: calls broken so that the server resets them (CVE-2025-8671)",
    limit=UNPRODUCTIVE,
    sees=CALM,
    counter=FAULTS.format("enhance_your_calm"),
)
def made_you_reset(target: Target, until: Until) -> Iterator[str]:
    with Peer(target) as peer:
        for payload in provoked_resets(target):
            if not peer.send(payload):
                break
            # Whoever waits for the resets is never far ahead.
            peer.wait_for(RST_STREAM, 0, 500)
        yield peer.read_to_end(SHRUG_SECONDS)


@functools.cache
def malformed_requests(target: Target) -> bytes:
    # "Upper: case" as a literal that is never indexed.
    block = open_call(target) + b"\x10\x05Upper\x04case"
    return b"".join(frame(HEADERS, END_HEADERS | END_STREAM, stream, block) for stream in stream_ids(1500))


@attack(
    title="Malformed requests, each of which is answered by RST_STREAM",
    limit=UNPRODUCTIVE,
    sees=CALM,
    counter=FAULTS.format("enhance_your_calm"),
)
def malformed_heads(target: Target, until: Until) -> Iterator[str]:
    yield flood(target, malformed_requests(target))


@attack(
    title="Windows opened beyond 2³¹−1",
    limit="none is allowed (RFC 9113 section 6.9.1)",
    sees="GOAWAY FLOW_CONTROL_ERROR",
    counter=FAULTS.format("flow_control_error"),
)
def window_overflow(target: Target, until: Until) -> Iterator[str]:
    for payload in (window_update(0, MAX_WINDOW), settings((INITIAL_WINDOW_SIZE, MAX_WINDOW + 1))):
        yield flood(target, payload)


@attack(
    title="Frames that HTTP/2 forbids: WINDOW_UPDATE by 0, PUSH_PROMISE, DATA on stream 0, an even stream",
    limit="none is allowed (RFC 9113 sections 5.1.1, 6.1, 6.6, 6.9)",
    sees=PROTOCOL_ERROR,
    counter=FAULTS.format("protocol_error"),
)
def forbidden_frames(target: Target, until: Until) -> Iterator[str]:
    for payload in (
        window_update(0, 0),
        call_head(target, 1) + frame(PUSH_PROMISE, END_HEADERS, 1, (2).to_bytes(4) + open_call(target)),
        frame(DATA, 0, 0, b"x"),
        call_head(target, 2),
    ):
        yield flood(target, payload)


@attack(
    title="A frame longer than allowed",
    limit="16 KiB a frame",
    sees="GOAWAY FRAME_SIZE_ERROR",
    counter=FAULTS.format("frame_size_error"),
)
def oversized_frame(target: Target, until: Until) -> Iterator[str]:
    yield flood(target, b"\xff\xff\xff\x00\x00\x00\x00\x00\x01" + bytes(65_536))
    # A header block of more than its frames may have.
    begun = frame(HEADERS, 0, 1, open_call(target))
    yield flood(target, begun + b"\xff\xff\xff" + frame(CONTINUATION, 0, 1)[3:] + bytes(65_536))


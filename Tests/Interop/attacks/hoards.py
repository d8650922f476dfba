"""Attacks by many connections that each hold what no message is reserved for: answers, metadata, bytes that wait."""

import contextlib
import time
from collections.abc import Iterator

from . import attack
from .frames import call_head, open_call
from .headers import literal
from .memory import SHUT
from .messages import FILE_QUESTION, data
from .wire import (
    ACK, END_HEADERS, HEADERS, MAX_WINDOW, NOTHING, PING, REFLECTION, Peer, Target, Until, frame, settings, stream_ids,
    window_update,
)  # fmt: skip

UNRESERVED = "a quarter of the memory budget for what has no reservation; who holds most lets go"
# What a collector that takes all at once needs far less for.
STALL_SECONDS = 3


def hoard_answers(target: Target, then: bytes = b"") -> Iterator[str]:
    """Asks for 14 MiB on each of 30 connections whose windows are closed; what is sent `then` may open them."""
    with contextlib.ExitStack() as stack:
        peers: list[Peer] = []
        for _ in range(30):
            peer = stack.enter_context(Peer(target, begin=SHUT, receive_bytes=4096))
            peers.append(peer)
            peer.send(call_head(target, 1, path=REFLECTION), reads=False)
            for _ in range(40):
                peer.send(data(1, FILE_QUESTION * 100, ends_stream=False), reads=False)
            if then:
                # What a closed window lets through says that the answers are there.
                peer.send(frame(PING, 0, 0, bytes(8)), reads=False)
                peer.wait_for(PING, ACK, 1)
                peer.send(then, reads=False)
        # Questions are cheaper than answers: the collector may be behind.
        for _ in range(10):
            seen = [peer.answer(1, 0.05) for peer in peers]
            if set(seen) != {NOTHING}:
                break
        yield from seen


@attack(
    title="Answers of 14 MiB left unread on each of 30 connections",
    limit=UNRESERVED,
    sees="RST_STREAM ENHANCE_YOUR_CALM",
    counter="docket_rpc_unread_resets_total",
    also=(NOTHING, "RESOURCE_EXHAUSTED"),
    workers=1,
)
def hoarded_answers(target: Target, until: Until) -> Iterator[str]:
    yield from hoard_answers(target)


@attack(
    title="The same, and the windows are opened once the answers wait, but nothing is read",
    limit=UNRESERVED,
    sees="RST_STREAM ENHANCE_YOUR_CALM",
    counter="docket_rpc_unread_resets_total",
    also=(NOTHING, "RESOURCE_EXHAUSTED"),
    workers=1,
)
def hoarded_sockets(target: Target, until: Until) -> Iterator[str]:
    yield from hoard_answers(target, then=settings((4, MAX_WINDOW)) + window_update(0, MAX_WINDOW - 65_535))


@attack(
    title="Calls with 15 KiB of metadata each, begun and left open",
    limit=UNRESERVED,
    sees="RESOURCE_EXHAUSTED",
    counter="docket_rpc_unreserved_refusals_total",
    also=(NOTHING,),
    workers=1,
)
def hoarded_metadata(target: Target, until: Until) -> Iterator[str]:
    peers: list[Peer] = []
    block = open_call(target, REFLECTION) + literal(b"x-hoard", b"h" * 15_000)
    payload = b"".join(frame(HEADERS, END_HEADERS, stream, block) for stream in stream_ids(1000))
    try:
        for _ in range(30):
            peer = Peer(target)
            peers.append(peer)
            began = time.monotonic()
            peer.send(payload)
            # Who has hoarded too much is refused at the collector's leisure: there is no more to be had.
            if time.monotonic() - began > STALL_SECONDS:
                break
        for peer in peers:
            yield peer.answer(1999, 0.1)
    finally:
        for peer in peers:
            peer.socket.close()

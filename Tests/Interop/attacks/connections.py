"""Attacks by connections: half-open ones, too many, none that say anything; and by the handshake of TLS."""

import contextlib
import os
import selectors
import socket
import struct
import time
from collections.abc import Iterator

from . import attack
from .frames import ENDS, FAULTS, call_head, open_call
from .messages import call
from .wire import (
    ACK, ATTACKER, CLOSED, NOTHING, PATIENCE_SECONDS, PREFACE, REFLECTION, SETTINGS, Peer, Target, Until, frame,
    settings, stream_ids, tls_context,
)  # fmt: skip

CONNECTION_REFUSALS = 'docket_rpc_connection_refusals_total{{bound="{}"}}'
CALL_REFUSALS = 'docket_rpc_call_refusals_total{{bound="{}"}}'
HANDSHAKE_SECONDS = 10
# Of 10,000, so that there is room for others.
MOST_IDLE = 9_950
HELLO_START = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


class Crowd:
    """Many connections at once."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self.sockets: list[socket.socket] = []

    def __enter__(self) -> "Crowd":
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        for one in self.sockets:
            one.close()

    def join(self, target: Target, first: bytes = b"", source: str = ATTACKER) -> None:
        """Connects one more and sends its first bytes."""
        one = socket.create_connection((target.host, target.port), timeout=20, source_address=(source, 0))
        self.sockets.append(one)
        if first:
            with contextlib.suppress(ConnectionError):
                one.sendall(first)
        one.setblocking(False)
        self._selector.register(one, selectors.EVENT_READ)

    def join_idle(self, target: Target, index: int) -> None:
        """Connects one more that does what it has to, and nothing else. Every hundred come from another address."""
        self.join(target, PREFACE + settings() + frame(SETTINGS, ACK, 0), f"127.0.0.{2 + index // 100}")

    def closed(self, seconds: float) -> int:
        """How many the collector has hung up on, after so long; what it says is read and forgotten."""
        count = 0
        deadline = time.monotonic() + seconds
        while self._selector.get_map() and (left := deadline - time.monotonic()) > 0:
            for key, _ in self._selector.select(min(left, 0.1)):
                try:
                    data = key.fileobj.recv(65_536)
                except BlockingIOError:
                    continue
                except OSError:
                    data = b""
                if not data:
                    self._selector.unregister(key.fileobj)
                    count += 1
        return count

    def is_empty(self) -> bool:
        return not self._selector.get_map()


def stalled(target: Target, until: Until, first: bytes, count: int = 100) -> Iterator[str]:
    """Connections that send so much and then no more."""
    with Crowd() as crowd:
        for _ in range(count):
            crowd.join(target, first)
        while until and not crowd.is_empty():
            yield from [CLOSED] * crowd.closed(min(1.0, until.seconds_left))
        if not crowd.is_empty():
            yield NOTHING


@attack(
    title="Half-open connections: nothing is ever sent, or half a preface",
    limit="10 s to the end of the HTTP/2 preface",
    sees=CLOSED,
    counter=ENDS.format("handshake"),
    also=(NOTHING,),
    takes_seconds=HANDSHAKE_SECONDS,
)
def half_open(target: Target, until: Until) -> Iterator[str]:
    for first in (b"", PREFACE[:12]):
        yield from stalled(target, until, first)
        if not until:
            return


@attack(
    title="A preface that comes byte by byte",
    limit="10 s to the end of the HTTP/2 preface",
    sees=CLOSED,
    counter=ENDS.format("handshake"),
    also=(NOTHING,),
    takes_seconds=HANDSHAKE_SECONDS,
)
def slow_preface(target: Target, until: Until) -> Iterator[str]:
    with Peer(target, begin=b"") as peer:
        for byte in PREFACE:
            if not until or not peer.send(bytes([byte])):
                break
            if peer.read_to_end(0.6) != NOTHING:
                break
        yield NOTHING if peer.is_open else CLOSED


@attack(
    title="What is no HTTP/2: HTTP/1, a TLS hello, noise",
    limit="the first bytes must be HTTP/2's preface",
    sees=CLOSED,
    counter=FAULTS.format("not_http2"),
    also=("GOAWAY PROTOCOL_ERROR",),
)
def not_http2(target: Target, until: Until) -> Iterator[str]:
    for first in (b"GET / HTTP/1.1\r\nHost: docket\r\n\r\n", HELLO_START + bytes(600), bytes(range(255, 0, -1)) * 16):
        with Peer(target, begin=first) as peer:
            yield peer.read_to_end()


@attack(
    title="Connections that come, begin a call and go",
    limit="2,000 connections a peer at once; what a connection had goes with it",
    sees="gone",
    counter="docket_rpc_connections_accepted_total",
)
def connection_churn(target: Target, until: Until) -> Iterator[str]:
    first = PREFACE + settings() + call_head(target, 1)
    for _ in range(50):
        if not until:
            return
        with Crowd() as crowd:
            crowd.join(target, first)
            # SO_LINGER of 0 s: close() sends RST.
            crowd.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        yield "gone"


def crowd_of(target: Target, until: Until, sources: tuple[str, ...], most: int) -> Iterator[str]:
    """Connections from these addresses in turn, until some are hung up on; then holds what it has."""
    with Crowd() as crowd:
        refused = 0
        for index in range(most):
            try:
                crowd.join(target, PREFACE + settings(), sources[index % len(sources)])
            except OSError:
                refused += 1
            if index % 50 == 0:
                refused += crowd.closed(0.01)
                if refused >= 50:
                    break
        # The collector may be behind with accepting.
        for _ in range(20):
            if refused:
                break
            refused += crowd.closed(0.5)
        yield from [CLOSED] * refused
        hold(crowd, until)


def hold(crowd: Crowd, until: Until) -> None:
    """Keeps the connections for the time that is left, a second at least."""
    crowd.closed(max(1.0, until.seconds_left))


@attack(
    title="Too many connections of one peer",
    limit="2,000 connections a peer (`grpc.max_connections_per_peer`)",
    sees=CLOSED,
    counter=CONNECTION_REFUSALS.format("peer"),
    workers=1,
)
def connections_of_a_peer(target: Target, until: Until) -> Iterator[str]:
    yield from crowd_of(target, until, (ATTACKER,), most=2200)


@attack(
    title="Too many connections of many peers",
    limit="10,000 connections (`grpc.max_connections`), the last tenth for peers that have a hundredth at most",
    sees=CLOSED,
    counter=CONNECTION_REFUSALS.format("server"),
    environment={"DOCKET_GRPC_MAX_CONNECTIONS": "400"},
    workers=1,
)
def connections_of_many_peers(target: Target, until: Until) -> Iterator[str]:
    yield from crowd_of(target, until, tuple(f"127.0.0.{number}" for number in range(2, 9)), most=11_000)


@attack(
    title="Too many streams on a connection",
    limit="1,000 streams (`grpc.max_concurrent_streams`); who has acknowledged that and opens more: GOAWAY PROTOCOL_ERROR",
    sees="RST_STREAM REFUSED_STREAM",
    counter="docket_rpc_stream_refusals_total",
    also=("GOAWAY PROTOCOL_ERROR",),
)
def streams_of_a_connection(target: Target, until: Until) -> Iterator[str]:
    calls = b"".join(call_head(target, stream, path=REFLECTION) for stream in stream_ids(1100))
    for acknowledges in (False, True):
        with Peer(target) as peer:
            if acknowledges:
                peer.wait_for(SETTINGS, 0, 1)
                peer.send(frame(SETTINGS, ACK, 0))
            peer.send(calls)
            yield peer.answer(2 * 1100 - 1)


@attack(
    title="Too many calls of one peer",
    limit="50,000 calls a peer (`grpc.max_calls_per_peer`)",
    sees="RESOURCE_EXHAUSTED",
    counter=CALL_REFUSALS.format("peer"),
    environment={"DOCKET_GRPC_MAX_CALLS_PER_PEER": "1500"},
    workers=1,
)
def calls_of_a_peer(target: Target, until: Until) -> Iterator[str]:
    yield from calls_beyond(target, until, (ATTACKER,), 60)


@attack(
    title="Too many calls of many peers",
    limit="100,000 calls (`grpc.max_calls`), the last tenth for peers that have a hundredth at most",
    sees="RESOURCE_EXHAUSTED",
    counter=CALL_REFUSALS.format("server"),
    environment={"DOCKET_GRPC_MAX_CALLS": "2500"},
    workers=1,
)
def calls_of_many_peers(target: Target, until: Until) -> Iterator[str]:
    yield from calls_beyond(target, until, ("127.0.0.2", "127.0.0.3", "127.0.0.4"), 40)


def calls_beyond(target: Target, until: Until, sources: tuple[str, ...], rounds: int) -> Iterator[str]:
    """Opens calls until one is refused, and holds them."""
    with contextlib.ExitStack() as stack:
        for source in [source for _ in range(rounds) for source in sources]:
            peer = stack.enter_context(Peer(target, source))
            peer.send(b"".join(call_head(target, stream, path=REFLECTION) for stream in stream_ids(990)))
            peer.send(call(1989, open_call(target), b""))
            seen = peer.answer(1989)
            if seen != "OK":
                yield seen
                break
        while until:
            time.sleep(min(0.2, until.seconds_left))


@attack(
    title="A peer that is gone without a word: no PING is answered",
    limit="a PING after 60 s of silence, 20 s for its answer (`grpc.keepalive_…`)",
    sees=CLOSED,
    counter=ENDS.format("keepalive"),
    environment={"DOCKET_GRPC_KEEPALIVE_INTERVAL_MS": "1000", "DOCKET_GRPC_KEEPALIVE_TIMEOUT_MS": "1000"},
    also=(NOTHING,),
    takes_seconds=2,
    takes_seconds_by_default=80,
    workers=1,
)
def vanished_peers(target: Target, until: Until) -> Iterator[str]:
    yield from stalled(target, until, PREFACE + settings() + call_head(target, 1, path=REFLECTION))


@attack(
    title="10,000 idle connections",
    limit="10,000 connections, 2,000 a peer",
    sees="held",
    counter="docket_rpc_connections_accepted_total",
    workers=1,
)
def idle_connections(target: Target, until: Until) -> Iterator[str]:
    with Crowd() as crowd:
        for index in range(int(os.environ.get("DOCKET_IDLE_CONNECTIONS", MOST_IDLE))):
            crowd.join_idle(target, index)
        yield "held"
        hold(crowd, until)


@attack(
    title="TLS: a handshake that is not begun, or not gone on with",
    limit="10 s to the end of the HTTP/2 preface",
    sees=CLOSED,
    counter=ENDS.format("handshake"),
    also=(NOTHING,),
    uses_tls=True,
    takes_seconds=HANDSHAKE_SECONDS,
)
def tls_stalls(target: Target, until: Until) -> Iterator[str]:
    for first in (b"", HELLO_START):
        yield from stalled(target, until, first)
        if not until:
            return


@attack(
    title="TLS: what is no TLS",
    limit="the first bytes must be TLS",
    sees=CLOSED,
    counter=FAULTS.format("tls"),
    uses_tls=True,
)
def not_tls(target: Target, until: Until) -> Iterator[str]:
    for first in (PREFACE + settings(), HELLO_START + bytes(600)):
        with Crowd() as crowd:
            crowd.join(target, first)
            yield CLOSED if crowd.closed(PATIENCE_SECONDS) else NOTHING


@attack(
    title="TLS: handshakes without end, each as dear as it gets",
    limit="2,000 connections a peer at once; no rate",
    sees="agreed",
    counter="docket_rpc_connections_accepted_total",
    uses_tls=True,
)
def tls_handshakes(target: Target, until: Until) -> Iterator[str]:
    for _ in range(50):
        if not until:
            return
        with (
            socket.create_connection((target.host, target.port), PATIENCE_SECONDS, (ATTACKER, 0)) as plain,
            tls_context().wrap_socket(plain),
        ):
            yield "agreed"

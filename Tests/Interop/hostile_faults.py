"""What no collector may do: openings, frames and header blocks that break HTTP/2 or gRPC."""

import random

from hostile_behaviours import OPENING, STEP, behaviour, some_outstanding
from hostile_connection import GRPC_HEAD, Connection, framed
from http2_conformance import frames

MEBIBYTE = 1 << 20
TLS_ALERT = bytes.fromhex("15030300020246")
TLS_SERVER_HELLO = bytes.fromhex("160303003a020000360303") + bytes(32) + bytes.fromhex("00130100000e002b0002030400330002001d")
HTTP_1 = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

# MARK: Openings


@behaviour(OPENING, is_legal=False)
def nothing(connection: Connection, chance: random.Random) -> None:
    """Neither SETTINGS nor anything else, until the connection is closed."""
    connection.read(chance.uniform(0, 0.5))
    connection.close(abruptly=chance.random() < 0.5)


@behaviour(OPENING, is_legal=False)
def another_protocol(connection: Connection, chance: random.Random) -> None:
    garbage = chance.randbytes(chance.choice((1, 8, 9, 100, 70_000)))
    connection.send(chance.choice((TLS_ALERT, TLS_SERVER_HELLO, HTTP_1, frames.PREFACE, bytes(30), garbage)))
    connection.read(chance.uniform(0, 0.2))


@behaviour(OPENING, is_legal=False)
def bad_settings(connection: Connection, chance: random.Random) -> None:
    bad = (
        frames.frame(frames.SETTINGS, payload=bytes(5)),
        frames.frame(frames.SETTINGS, stream=1),
        frames.frame(frames.SETTINGS, frames.ACK, payload=bytes(6)),
        frames.settings_ack(),
        frames.settings([(4, 2**31)]),
        frames.settings([(5, 16_383)]),
        frames.settings([(5, 2**24)]),
        frames.settings([(2, 1)]),
        frames.settings([(2, 2)]),
        frames.settings([(1, 1)] * 2000),
        frames.ping(bytes(8)) + frames.settings(),
        frames.goaway(0, 0) + frames.settings(),
        frames.headers(1, frames.plain(GRPC_HEAD)) + frames.settings(),
        frames.window_update(0, 2**31 - 1) + frames.settings(),
    )
    connection.send(chance.choice(bad))
    connection.read(chance.uniform(0, 0.1))


# MARK: Frames


def bad_frame(connection: Connection, chance: random.Random) -> bytes:
    stream = connection.stream
    return chance.choice(
        (
            frames.ping(bytes(7)),
            frames.ping(bytes(8), stream=stream),
            frames.ping(chance.randbytes(8), frames.ACK),
            frames.frame(frames.RST_STREAM, 0, stream, bytes(3)),
            frames.rst_stream(0, 0),
            frames.rst_stream(stream + 2, 8),
            frames.frame(frames.WINDOW_UPDATE, 0, stream, bytes(3)),
            frames.window_update(chance.choice((0, stream)), 0),
            frames.window_update(chance.choice((0, stream)), 2**31 - 1) * 2,
            frames.frame(frames.GOAWAY, payload=bytes(7)),
            frames.goaway(0, 0, stream=stream),
            frames.frame(frames.PRIORITY, 0, stream, bytes(4)),
            frames.priority(stream, parent=stream),
            frames.headers(0, frames.plain(GRPC_HEAD)),
            frames.headers(stream + chance.choice((1, 2, 98)), frames.plain(GRPC_HEAD)),
            frames.headers(stream, b"", end_headers=False) + frames.ping(bytes(8)),
            frames.headers(stream, b"", flags=frames.PADDED, before=b"\xff"),
            frames.headers(stream, b"", flags=frames.PRIORITIZED),
            frames.continuation(stream, b""),
            frames.data(0, b"x"),
            frames.data(stream + chance.choice((1, 2)), framed(b"")),
            frames.padded_data(stream, b"", 200, b""),
            frames.frame(frames.DATA, 0xFF, stream, b""),
            frames.frame(frames.DATA, 0, stream, bytes(16_385)),
            frames.push_promise(stream, 2, frames.plain(GRPC_HEAD)),
            b"\xff" * 9,
            chance.randbytes(chance.randrange(1, 200)),
        )
    )


@behaviour(STEP, is_legal=False)
def bad_frames(connection: Connection, chance: random.Random) -> None:
    if connection.wait_for_stream():
        head = connection.head() if chance.random() < 0.7 else b""
        connection.send(head + bad_frame(connection, chance))
        connection.read(0.05)


@behaviour(STEP, is_legal=False)
def beyond_windows(connection: Connection, chance: random.Random) -> None:
    """More DATA than the client's windows have room for."""
    if connection.wait_for_stream():
        connection.send(connection.head() + frames.data(connection.stream, framed(b"", length=4 * MEBIBYTE)))
        for _ in range(chance.choice((20, 300))):
            connection.send(frames.data(connection.stream, bytes(16_384)))
        connection.read(0.05)


# MARK: Header blocks


@behaviour(STEP, is_legal=False)
def bad_blocks(connection: Connection, chance: random.Random) -> None:
    blocks = (
        b"",
        chance.randbytes(chance.randrange(1, 300)),
        frames.indexed(0),
        frames.indexed(70_000),
        b"\xff" * 20,
        frames.size_update(2**20) + frames.plain(GRPC_HEAD),
        frames.plain(GRPC_HEAD) + frames.size_update(0),
        frames.literal(frames.UNINDEXED, b":status", b"200")[:-2],
        frames.literal(frames.UNINDEXED, b"\x00", b"\x00\r\n"),
        frames.plain([(b"content-type", b"application/grpc")]),
        frames.plain([*GRPC_HEAD, (b":status", b"200")]),
        frames.plain([(b":status", b"200"), *GRPC_HEAD]),
        frames.plain([(b":path", b"/"), *GRPC_HEAD]),
        frames.plain([*GRPC_HEAD, (b"Upper", b"x")]),
        frames.plain([*GRPC_HEAD, (b"connection", b"close")]),
        frames.plain([*GRPC_HEAD, (b"content-length", b"5")]),
    )
    if connection.wait_for_stream():
        connection.send(frames.headers(connection.stream, chance.choice(blocks), end_stream=chance.random() < 0.5))
        connection.has_head = True


@behaviour(STEP, is_legal=False)
def large_blocks(connection: Connection, chance: random.Random) -> None:
    """Header lists over the client's limit, up to megabytes: in bytes, in fields, or by what the table makes of them."""
    if not connection.wait_for_stream():
        return
    stream = connection.stream
    indexed = frames.literal(frames.INCREMENTAL, b"x-large", b"x" * 4000) + frames.indexed(62) * 10_000
    many = frames.plain([(b"x-%d" % index, b"") for index in range(chance.choice((600, 20_000)))])
    block = frames.plain(GRPC_HEAD) + chance.choice((indexed, many, frames.plain([(b"x", b"x" * chance.choice((20_000, 3 * MEBIBYTE)))])))
    pieces = [block[start : start + 16_384] for start in range(0, len(block), 16_384)]
    octets = [frames.headers(stream, pieces[0], end_headers=len(pieces) == 1, end_stream=chance.random() < 0.5)]
    octets += [frames.continuation(stream, piece, end_headers=index == len(pieces) - 1) for index, piece in enumerate(pieces) if index]
    connection.send(b"".join(octets))
    connection.has_head = True


@behaviour(STEP, is_legal=False)
def bad_heads(connection: Connection, chance: random.Random) -> None:
    """Heads that no gRPC server gives."""
    heads = (
        [(b":status", b"200")],
        [(b":status", b"200"), (b"content-type", chance.choice((b"text/html", b"application/grpcx", b"")))],
        [(b":status", chance.choice((b"400", b"401", b"403", b"404", b"429", b"500", b"502", b"503", b"504", b"302", b"204")))],
        [(b":status", chance.choice((b"101", b"100", b"0", b"-200", b"2", b"2000", b"abc", b"", b"99999999999999999999")))],
        [*GRPC_HEAD, (b"grpc-encoding", chance.choice((b"br", b"", b"gzip, identity", b"deflate")))],
        [*GRPC_HEAD, (b"grpc-status", b"0")],
        [*GRPC_HEAD, (b"grpc-status", b"0"), (b"grpc-status", b"5")],
    )
    if connection.wait_for_stream():
        connection.send(frames.headers(connection.stream, frames.plain(chance.choice(heads)), end_stream=chance.random() < 0.5))
        connection.has_head = True


@behaviour(STEP, is_legal=False)
def wrong_order(connection: Connection, chance: random.Random) -> None:
    """Messages before the head, a second head, trailers before the head, anything behind the end."""
    if not some_outstanding(connection, chance):
        return
    answer = frames.data(connection.stream, framed(connection.verdict(next(iter(connection.outstanding)))))
    head = frames.headers(connection.stream, frames.plain(GRPC_HEAD))
    end = frames.headers(connection.stream, frames.plain([(b"grpc-status", b"0")]), end_stream=True)
    parts = [answer, head, end, frames.data(connection.stream, b"", end_stream=True), frames.rst_stream(connection.stream, 0)]
    connection.send(b"".join(chance.choices(parts, k=chance.randint(1, 5))))
    connection.has_head = True

"""RFC 9113 sections 3 and 4, 5.4 and 5.5: the preface, frames, header blocks, errors, extensions."""

from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from http2_conformance import frames
from http2_conformance.case import (
    case,
    connection_error,
    no_error,
    stream_or_connection_error,
    success,
    table,
)
from http2_conformance.connection import Connection

# MARK: 3.4 the preface


@case("3.4/server-preface-first", "generic/1/1", "http2/3.5/1", greets=False)
def server_preface(connection: Connection) -> None:
    connection.greet({SettingCodes.INITIAL_WINDOW_SIZE: frames.DEFAULT_WINDOW})
    first = connection.received[0]
    connection.expect(first == "Settings on 0", f"the first frame is {first}")


@case("3.4/no-preface", "http2/3.5/2", greets=False)
def no_preface(connection: Connection) -> None:
    connection.send_octets(b"THIS IS NOT WHAT A CLIENT SAYS\r\n\r\n")
    connection.expect_close()


@case("3.4/http-1-request", greets=False)
def http_1_request(connection: Connection) -> None:
    connection.send_octets(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    connection.expect_close()


@case("3.4/preface-differs-in-its-last-octet", greets=False)
def preface_differs(connection: Connection) -> None:
    connection.send_octets(frames.PREFACE[:-1] + b"\r" + frames.settings())
    connection.expect_close()


@case("3.4/first-frame-is-not-settings", greets=False)
def first_frame_ping(connection: Connection) -> None:
    connection.send_octets(frames.PREFACE + frames.ping(b"too soon"))
    connection.expect_connection_error(ErrorCodes.PROTOCOL_ERROR)


@case("3.4/first-frame-is-an-acknowledgement", greets=False)
def first_frame_acknowledges(connection: Connection) -> None:
    connection.send_octets(frames.PREFACE + frames.settings_ack())
    connection.expect_connection_error(ErrorCodes.PROTOCOL_ERROR)


@case("3.4/request-without-waiting-for-the-server", greets=False)
def eager_request(connection: Connection) -> None:
    connection.send_octets(frames.PREFACE)
    connection.send(frames.settings(), connection.request())
    connection.expect_success()


@case("3.4/octet-by-octet", greets=False)
def octet_by_octet(connection: Connection) -> None:
    for octet in frames.PREFACE:
        connection.send_octets(bytes([octet]))
    connection.send(frames.settings(), connection.request(), octets_at_a_time=1)
    connection.expect_success()


# MARK: 4.1 and 5.5 what is unknown

table(
    ("4.1/unknown-type", frames.frame(frames.UNKNOWN_TYPE, payload=bytes(8)), no_error, "http2/4.1/1 http2/5.5/1"),
    ("4.1/unknown-type-with-all-flags", frames.frame(frames.UNKNOWN_TYPE, 0xFF, payload=bytes(8)), no_error),
    ("4.1/unknown-type-without-payload", frames.frame(frames.UNKNOWN_TYPE), no_error),
    ("4.1/unknown-type-of-full-length", frames.frame(frames.UNKNOWN_TYPE, payload=bytes(16_384)), no_error),
    ("4.1/unknown-type-on-an-idle-stream", frames.frame(frames.UNKNOWN_TYPE, stream=7, payload=bytes(8)), no_error),
    (
        "4.1/unknown-type-within-a-request",
        lambda c: c.head() + frames.frame(frames.UNKNOWN_TYPE, stream=1, payload=bytes(8)) + c.body(),
        success,
    ),
    # ALTSVC (RFC 7838), ORIGIN (RFC 8336), PRIORITY_UPDATE (RFC 9218): known to some, and to be ignored by the others.
    ("5.5/altsvc", frames.frame(0x0A, payload=bytes([0, 1]) + b'oh2=":1"'), no_error),
    ("5.5/origin", frames.frame(0x0C, payload=b"\x00\x01o"), no_error),
    ("5.5/priority-update", lambda c: frames.frame(0x10, payload=b"\x00\x00\x00\x01u=1") + c.request(), success),
    ("4.1/undefined-flags-on-settings", frames.frame(frames.SETTINGS, frames.UNDEFINED_FLAGS), no_error),
    (
        "4.1/undefined-flags-on-a-request",
        lambda c: (
            frames.headers(1, c.block(c.server.fields), flags=frames.UNDEFINED_FLAGS)
            + frames.frame(frames.DATA, frames.UNDEFINED_FLAGS | frames.END_STREAM, 1, c.server.body)
        ),
        success,
    ),
    (
        "4.1/undefined-flags-on-window-update",
        frames.frame(frames.WINDOW_UPDATE, 0xFF, payload=bytes(3) + b"\x01"),
        no_error,
    ),
    (
        "4.1/undefined-flags-on-rst-stream",
        lambda c: c.head() + frames.frame(frames.RST_STREAM, 0xFF, 1, bytes(3) + b"\x08"),
        no_error,
    ),
    (
        "4.1/reserved-bit-of-the-stream",
        lambda c: (
            frames.headers(frames.RESERVED_BIT | 1, c.block(c.server.fields))
            + frames.data(frames.RESERVED_BIT | 1, c.server.body, end_stream=True)
        ),
        success,
    ),
    ("4.1/reserved-bit-of-an-increment", frames.window_update(0, frames.RESERVED_BIT | 1), no_error),
)


@case("4.1/undefined-flags-on-ping", "http2/4.1/2")
def ping_flags(connection: Connection) -> None:
    connection.send(frames.ping(b"flagged.", frames.UNDEFINED_FLAGS))
    connection.wait(lambda: b"flagged." in connection.ping_acks, "the answer to PING")
    connection.expect(connection.received[-1] == "Ping on 0 ACK", "flags came back")


@case("4.1/reserved-bit-of-stream-0", "http2/4.1/3")
def ping_reserved_bit(connection: Connection) -> None:
    connection.send(frames.ping(b"reserved", stream=frames.RESERVED_BIT))
    connection.wait(lambda: b"reserved" in connection.ping_acks, "the answer to PING")


# MARK: 4.2 lengths


def oversized(kind: int, stream: int) -> bytes:
    return frames.frame(kind, stream=stream, payload=bytes(frames.DEFAULT_FRAME_BYTES + 1))


table(
    (
        "4.2/data-of-full-length",
        lambda c: c.head() + frames.data(1, c.server.body_of(frames.DEFAULT_FRAME_BYTES), end_stream=True),
        success,
        "http2/4.2/1",
    ),
    (
        "4.2/data-too-long",
        lambda c: c.head() + oversized(frames.DATA, 1),
        stream_or_connection_error(ErrorCodes.FRAME_SIZE_ERROR),
        "http2/4.2/2",
    ),
    (
        "4.2/headers-too-long",
        lambda c: frames.headers(1, frames.plain([*c.server.fields, (b"x-long", b"a" * 16_384)])),
        connection_error(ErrorCodes.FRAME_SIZE_ERROR),
        "http2/4.2/3",
    ),
    (
        "4.2/continuation-too-long",
        lambda c: (
            frames.headers(1, c.block(c.server.fields), end_headers=False)
            + frames.continuation(1, frames.literal(frames.UNINDEXED, b"x-long", b"a" * 16_374))
            + c.body()
        ),
        connection_error(ErrorCodes.FRAME_SIZE_ERROR),
    ),
    ("4.2/settings-too-long", oversized(frames.SETTINGS, 0), connection_error(ErrorCodes.FRAME_SIZE_ERROR)),
    ("4.2/goaway-too-long", oversized(frames.GOAWAY, 0), connection_error(ErrorCodes.FRAME_SIZE_ERROR)),
    (
        "4.2/unknown-type-too-long",
        oversized(frames.UNKNOWN_TYPE, 0),
        connection_error(ErrorCodes.FRAME_SIZE_ERROR),
    ),
    ("4.2/longest-length-there-is", b"\xff\xff\xff" + bytes(6), connection_error(ErrorCodes.FRAME_SIZE_ERROR)),
)

# MARK: 4.3 header blocks


def interrupted(connection: Connection, between: bytes) -> bytes:
    """A request whose header block is in two frames, with something between them."""
    block = connection.block(connection.server.fields)
    first = frames.headers(1, block[:5], end_headers=False)
    return first + between + frames.continuation(1, block[5:]) + connection.body()


table(
    (
        "4.3/block-that-ends-within-a-field",
        frames.headers(1, b"\x40"),
        connection_error(ErrorCodes.COMPRESSION_ERROR),
        "http2/4.3/1",
    ),
    *(
        (f"4.3/{name}-within-a-block", lambda c, between=between: interrupted(c, between),
         connection_error(ErrorCodes.PROTOCOL_ERROR), h2spec)
        for name, between, h2spec in (
            ("priority", frames.priority(1), "http2/4.3/2 http2/6.2/1"),
            ("headers-of-another-stream", frames.headers(3, b"\x83"), "http2/4.3/3 http2/6.2/2"),
            ("headers-of-the-same-stream", frames.headers(1, b"\x83"), ""),
            ("data", frames.data(1, b"data"), ""),
            ("rst-stream", frames.rst_stream(1, ErrorCodes.CANCEL), ""),
            ("settings", frames.settings(), ""),
            ("ping", frames.ping(b"pingping"), ""),
            ("goaway", frames.goaway(0, ErrorCodes.NO_ERROR), ""),
            ("window-update", frames.window_update(0, 1), ""),
            ("continuation-of-another-stream", frames.continuation(3, b"\x83"), ""),
            ("unknown-type", frames.frame(frames.UNKNOWN_TYPE, payload=bytes(8)), "http2/5.5/2"),
        )
    ),
)  # fmt: skip


@case("4.3/table-outlives-a-stream-error")
def table_after_a_stream_error(connection: Connection) -> None:
    # What this block put into the table counts, although its request is malformed: the next block refers to it.
    connection.send(connection.head(1, [*connection.server.fields, (b"x-kept", b"kept"), (b"connection", b"close")]))
    connection.expect_stream_error(1, ErrorCodes.PROTOCOL_ERROR)
    connection.send(connection.request(7, [*connection.server.fields, (b"x-kept", b"kept")]))
    connection.expect_success(7)


@case("4.3/table-outlives-a-reset")
def table_after_a_reset(connection: Connection) -> None:
    fields = [*connection.server.fields, (b"x-kept", b"kept")]
    connection.send(connection.head(1, fields), frames.rst_stream(1, ErrorCodes.CANCEL), connection.request(3, fields))
    connection.expect_success(3)


# MARK: 5.4 errors


@case("5.4.1/connection-is-closed", "http2/5.4.1/1")
def closes(connection: Connection) -> None:
    connection.send(frames.ping(bytes(8), stream=3))
    connection.expect_close()


@case("5.4.1/goaway-comes-first", "http2/5.4.1/2")
def says_why(connection: Connection) -> None:
    connection.send(connection.request(1), connection.request(3))
    connection.expect_success(1)
    connection.expect_success(3)
    connection.send(frames.ping(bytes(8), stream=3))
    connection.expect_connection_error(ErrorCodes.PROTOCOL_ERROR)
    last = connection.goaway.last_stream_id
    connection.expect(last == 3, f"the last stream is {last}, not 3")


@case("5.4.1/nothing-comes-after-goaway")
def nothing_more(connection: Connection) -> None:
    connection.send(frames.ping(bytes(8), stream=3), connection.request(1))
    connection.expect_connection_error(ErrorCodes.PROTOCOL_ERROR)
    connection.expect(not connection.streams, "a request behind the error is answered")


@case("5.4.2/rst-stream-is-not-answered-with-one")
def no_loop(connection: Connection) -> None:
    connection.send(connection.head(), frames.rst_stream(1, ErrorCodes.PROTOCOL_ERROR))
    connection.expect_nothing_wrong()
    connection.expect(1 not in connection.streams, "stream 1 is answered")


@case("5.4.2/frames-on-their-way-to-a-stream-that-was-reset")
def late_frames(connection: Connection) -> None:
    connection.send(connection.head(1, [*connection.server.fields, (b"connection", b"close")]))
    connection.expect_stream_error(1, ErrorCodes.PROTOCOL_ERROR)
    connection.send(
        frames.data(1, b"late"), frames.window_update(1, 1), frames.headers(1, connection.block([(b"x-late", b"1")])),
        frames.rst_stream(1, ErrorCodes.CANCEL),
    )  # fmt: skip
    connection.settle()
    connection.expect(not connection.closed, "the connection has ended")
    connection.expect_service()


@case("5.4.2/data-of-streams-that-were-reset-is-given-back")
def lost_data_is_given_back(connection: Connection) -> None:
    # Twice what the connection's window holds: without WINDOW_UPDATE there is no end to it.
    malformed = [*connection.server.fields, (b"connection", b"close")]
    connection.settle()
    pieces = 2 * connection.connection_room // frames.DEFAULT_FRAME_BYTES
    for number in range(pieces):
        stream = 1 + 2 * (number // 3)
        if number % 3 == 0:
            connection.send(connection.head(stream, malformed))
        connection.wait_for_room(stream, frames.DEFAULT_FRAME_BYTES)
        connection.send(frames.data(stream, bytes(frames.DEFAULT_FRAME_BYTES)))
    connection.settle()
    connection.expect(not connection.closed, "the connection has ended")
    connection.expect_service()


# MARK: 7 error codes

table(
    (
        "7/rst-stream-of-an-unknown-code",
        lambda c: c.head() + frames.rst_stream(1, 0xFF),
        no_error,
        "http2/7/2",
    ),
)


@case("7/goaway-of-an-unknown-code", "http2/7/1")
def unknown_goaway(connection: Connection) -> None:
    connection.send(connection.request(), frames.goaway(0, 0xFF))
    connection.expect_success()
    connection.expect_no_fault()

"""RFC 9113 section 6, a type of frame after the other, all but WINDOW_UPDATE, and section 8.4 (PUSH_PROMISE)."""

from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from http2_conformance import frames
from http2_conformance.case import (
    case,
    connection_error,
    no_error,
    no_fault,
    stream_or_connection_error,
    success,
    table,
)
from http2_conformance.connection import Connection

PROTOCOL_ERROR = connection_error(ErrorCodes.PROTOCOL_ERROR)
FRAME_SIZE_ERROR = connection_error(ErrorCodes.FRAME_SIZE_ERROR)


# MARK: 6.1 DATA

table(
    ("6.1/in-one-frame", lambda c: c.request(), success, "generic/3.1/1 generic/4/3 generic/3.2/1"),
    (
        "6.1/in-several-frames",
        lambda c: (
            c.head()
            + b"".join(frames.data(1, bytes([octet])) for octet in c.server.body)
            + frames.data(1, b"", end_stream=True)
        ),
        success,
        "generic/3.1/2",
    ),
    (
        "6.1/padded",
        lambda c: c.head() + frames.padded_data(1, c.server.body, 6, bytes(6), end_stream=True),
        success,
        "generic/3.1/3",
    ),
    (
        "6.1/padded-by-255",
        lambda c: c.head() + frames.padded_data(1, c.server.body, 255, bytes(255), end_stream=True),
        success,
    ),
    (
        "6.1/padded-by-0",
        lambda c: c.head() + frames.padded_data(1, c.server.body, 0, b"", end_stream=True),
        success,
    ),
    (
        "6.1/nothing-but-padding",
        lambda c: c.head() + frames.padded_data(1, b"", 9, bytes(9)) + c.body(),
        success,
    ),
    ("6.1/on-stream-0", frames.data(0, b"data", end_stream=True), PROTOCOL_ERROR, "http2/6.1/1"),
    (
        "6.1/padding-as-long-as-the-payload",
        lambda c: c.head() + frames.padded_data(1, b"data", 5, b"", end_stream=True),
        PROTOCOL_ERROR,
    ),
    (
        "6.1/padding-longer-than-the-payload",
        lambda c: c.head() + frames.padded_data(1, b"data", 6, b"", end_stream=True),
        PROTOCOL_ERROR,
        "http2/6.1/3",
    ),
    (
        # Too short for the octet that says how much padding there is, or less than it has: both codes fit.
        "6.1/padded-without-a-pad-length",
        lambda c: c.head() + frames.frame(frames.DATA, frames.PADDED, 1),
        connection_error(ErrorCodes.PROTOCOL_ERROR, ErrorCodes.FRAME_SIZE_ERROR),
    ),
)

# MARK: 6.2 HEADERS


def prioritized(connection: Connection, before: bytes, flags: int = frames.PRIORITIZED, padding: bytes = b"") -> bytes:
    block = connection.block(connection.server.fields)
    return frames.headers(1, block, flags=flags, before=before, padding=padding)


table(
    ("6.2/padded", lambda c: prioritized(c, b"\x08", frames.PADDED, bytes(8)) + c.body(), success, "generic/3.2/2"),
    ("6.2/with-priority", lambda c: prioritized(c, frames.dependency(0, 255)) + c.body(), success, "generic/3.2/3"),
    (
        "6.2/padded-with-priority",
        lambda c: (
            prioritized(c, b"\xff" + frames.dependency(0), frames.PADDED | frames.PRIORITIZED, bytes(255)) + c.body()
        ),
        success,
    ),
    (
        "6.2/on-stream-0",
        lambda c: frames.headers(0, c.block(c.server.fields), end_stream=True),
        PROTOCOL_ERROR,
        "http2/6.2/3",
    ),
    (
        "6.2/padding-longer-than-the-block",
        lambda c: frames.headers(1, b"\x83\x84", flags=frames.PADDED, before=b"\x03"),
        PROTOCOL_ERROR,
        "http2/6.2/4",
    ),
    (
        "6.2/padding-that-takes-the-priority",
        lambda c: frames.headers(
            1, b"", flags=frames.PADDED | frames.PRIORITIZED, before=b"\x03" + frames.dependency(0)
        ),
        PROTOCOL_ERROR,
    ),
    (
        "6.2/padded-without-a-pad-length",
        frames.frame(frames.HEADERS, frames.END_HEADERS | frames.PADDED, 1),
        connection_error(ErrorCodes.PROTOCOL_ERROR, ErrorCodes.FRAME_SIZE_ERROR),
    ),
    (
        "6.2/too-short-for-its-priority",
        frames.frame(frames.HEADERS, frames.END_HEADERS | frames.PRIORITIZED, 1, bytes(4)),
        connection_error(ErrorCodes.PROTOCOL_ERROR, ErrorCodes.FRAME_SIZE_ERROR),
    ),
)

# MARK: 6.3 PRIORITY

table(
    ("6.3/least-weight", lambda c: frames.priority(1, weight=0) + c.request(), success, "generic/3.3/1"),
    ("6.3/greatest-weight", lambda c: frames.priority(1, weight=255) + c.request(), success, "generic/3.3/2"),
    ("6.3/dependency", lambda c: frames.priority(3, parent=1) + c.request(), success, "generic/3.3/3"),
    ("6.3/exclusive", lambda c: frames.priority(1, exclusive=True) + c.request(), success, "generic/3.3/4"),
    ("6.3/idle-then-a-lower-stream", lambda c: frames.priority(3, weight=255) + c.request(), success, "generic/3.3/5"),
    ("6.3/on-stream-0", frames.priority(0), PROTOCOL_ERROR, "http2/6.3/1"),
    (
        "6.3/4-octets",
        lambda c: c.head() + frames.frame(frames.PRIORITY, 0, 1, bytes(4)),
        stream_or_connection_error(ErrorCodes.FRAME_SIZE_ERROR),
        "http2/6.3/2",
    ),
    (
        "6.3/6-octets",
        lambda c: c.head() + frames.frame(frames.PRIORITY, 0, 1, bytes(6)),
        stream_or_connection_error(ErrorCodes.FRAME_SIZE_ERROR),
    ),
)

# MARK: 6.4 RST_STREAM

table(
    (
        "6.4/resets-a-stream",
        lambda c: c.head() + frames.rst_stream(1, ErrorCodes.CANCEL),
        no_error,
        "generic/3.4/1",
    ),
    ("6.4/on-stream-0", frames.rst_stream(0, ErrorCodes.CANCEL), PROTOCOL_ERROR, "http2/6.4/1"),
    (
        "6.4/3-octets",
        lambda c: c.head() + frames.frame(frames.RST_STREAM, 0, 1, bytes(3)),
        FRAME_SIZE_ERROR,
        "http2/6.4/3",
    ),
    ("6.4/5-octets", lambda c: c.head() + frames.frame(frames.RST_STREAM, 0, 1, bytes(5)), FRAME_SIZE_ERROR),
)

# MARK: 6.5 SETTINGS


def setting(name: int, value: int) -> bytes:
    return frames.settings({name: value})


table(
    (
        "6.5/acknowledgement-with-payload",
        frames.frame(frames.SETTINGS, frames.ACK, payload=bytes(1)),
        FRAME_SIZE_ERROR,
        "http2/6.5/1",
    ),
    (
        "6.5/acknowledgement-with-an-entry",
        frames.frame(frames.SETTINGS, frames.ACK, payload=bytes(6)),
        FRAME_SIZE_ERROR,
    ),
    (
        "6.5/on-a-stream",
        frames.frame(frames.SETTINGS, 0, 1, b"\x00\x03\x00\x00\x00\x64"),
        PROTOCOL_ERROR,
        "http2/6.5/2",
    ),
    (
        "6.5/acknowledgement-on-a-stream",
        lambda c: c.head() + frames.frame(frames.SETTINGS, frames.ACK, 1),
        PROTOCOL_ERROR,
    ),
    (
        "6.5/no-multiple-of-6-octets",
        frames.frame(frames.SETTINGS, payload=b"\x00\x03\x00\x00\x00\x64\x00\x02"),
        FRAME_SIZE_ERROR,
        "http2/6.5/3",
    ),
    ("6.5/5-octets", frames.frame(frames.SETTINGS, payload=bytes(5)), FRAME_SIZE_ERROR),
    ("6.5/empty", frames.settings(), no_error),
    ("6.5/32-entries", frames.settings([(SettingCodes.ENABLE_PUSH, 0)] * 32), no_error),
    ("6.5.2/enable-push-0", setting(SettingCodes.ENABLE_PUSH, 0), no_error),
    ("6.5.2/enable-push-1", setting(SettingCodes.ENABLE_PUSH, 1), no_error),
    ("6.5.2/enable-push-2", setting(SettingCodes.ENABLE_PUSH, 2), PROTOCOL_ERROR, "http2/6.5.2/1"),
    (
        "6.5.2/initial-window-size-above-max",
        setting(SettingCodes.INITIAL_WINDOW_SIZE, frames.LARGEST_WINDOW + 1),
        connection_error(ErrorCodes.FLOW_CONTROL_ERROR),
        "http2/6.5.2/2 http2/6.9.2/3",
    ),
    ("6.5.2/initial-window-size-max", setting(SettingCodes.INITIAL_WINDOW_SIZE, frames.LARGEST_WINDOW), no_error),
    (
        "6.5.2/max-frame-size-below-min",
        setting(SettingCodes.MAX_FRAME_SIZE, frames.DEFAULT_FRAME_BYTES - 1),
        PROTOCOL_ERROR,
        "http2/6.5.2/3",
    ),
    ("6.5.2/max-frame-size-min", setting(SettingCodes.MAX_FRAME_SIZE, frames.DEFAULT_FRAME_BYTES), no_error),
    (
        "6.5.2/max-frame-size-above-max",
        setting(SettingCodes.MAX_FRAME_SIZE, frames.LARGEST_FRAME_BYTES + 1),
        PROTOCOL_ERROR,
        "http2/6.5.2/4",
    ),
    ("6.5.2/unknown-setting", setting(0xBEEF, 1), no_error, "http2/6.5.2/5"),
    ("6.5.2/setting-0", setting(0, 1), no_error),
    ("6.5.2/max-concurrent-streams-0", setting(SettingCodes.MAX_CONCURRENT_STREAMS, 0), no_error),
    ("6.5.2/max-header-list-size-0", setting(SettingCodes.MAX_HEADER_LIST_SIZE, 0), no_error),
    ("6.5.2/header-table-size-max", setting(SettingCodes.HEADER_TABLE_SIZE, (1 << 32) - 1), no_error),
)


@case("6.5.2/header-table-size-0", settings={SettingCodes.HEADER_TABLE_SIZE: 0})
def no_table(connection: Connection) -> None:
    # The decoder refuses a block that uses more of the table than this side allows.
    for stream in (1, 3, 5):
        connection.send(connection.request(stream))
        connection.expect_success(stream)


@case("6.5.2/header-table-size-lowered")
def smaller_table(connection: Connection) -> None:
    connection.send(connection.request(1))
    connection.expect_success(1)
    connection.send(setting(SettingCodes.HEADER_TABLE_SIZE, 0), setting(SettingCodes.HEADER_TABLE_SIZE, 100))
    connection.settle()
    for stream in (3, 5):
        connection.send(connection.request(stream))
        connection.expect_success(stream)


@case("6.5.2/max-frame-size-is-kept", settings={SettingCodes.INITIAL_WINDOW_SIZE: frames.LARGEST_WINDOW})
def frame_size_is_kept(connection: Connection) -> None:
    # Any longer frame is found by the connection itself; here only that there was an occasion for one.
    connection.send(frames.window_update(0, 1 << 20), connection.head(1, connection.server.long_fields))
    connection.send(frames.data(1, connection.server.long_body, end_stream=True))
    connection.expect_success()
    connection.expect(len(connection.streams[1].body) > 2048, "the answer is short")


@case("6.5.3/values-in-their-order", "http2/6.5.3/1")
def order_of_values(connection: Connection) -> None:
    size = SettingCodes.INITIAL_WINDOW_SIZE
    connection.send(frames.settings([(size, 100), (size, 1)]), connection.request())
    connection.wait(lambda: connection.streams[1].body != b"", "DATA")
    connection.settle()
    connection.expect(connection.streams[1].data_lengths == [1], "the first value counts")


@case("6.5.3/acknowledged", "http2/6.5.3/2", "generic/3.5/1")
def acknowledged(connection: Connection) -> None:
    connection.send(setting(SettingCodes.ENABLE_PUSH, 0))
    connection.wait(lambda: connection.settings_acks == 2, "an acknowledgement")
    connection.expect(connection.received[-1] == "Settings on 0 ACK", "something else came first")


@case("6.5.3/acknowledged-one-by-one")
def acknowledged_each(connection: Connection) -> None:
    connection.send(*(frames.settings({SettingCodes.INITIAL_WINDOW_SIZE: size}) for size in (100, 200, 300)))
    connection.wait(lambda: connection.settings_acks == 4, "three acknowledgements")
    connection.expect_nothing_wrong()
    connection.expect(connection.settings_acks == 5, "too many acknowledgements")


# MARK: 6.6 and 8.4 PUSH_PROMISE

table(
    (
        "8.4/push-promise-of-a-client",
        lambda c: c.head() + frames.push_promise(1, 2, c.block(c.server.fields)),
        PROTOCOL_ERROR,
        "http2/8.2/1",
    ),
    ("6.6/push-promise-on-stream-0", lambda c: frames.push_promise(0, 2, b"\x83"), PROTOCOL_ERROR),
)

# MARK: 6.7 PING

table(
    ("6.7/on-a-stream", frames.ping(bytes(8), stream=1), PROTOCOL_ERROR, "http2/6.7/3"),
    ("6.7/6-octets", frames.ping(bytes(6)), FRAME_SIZE_ERROR, "http2/6.7/4"),
    ("6.7/9-octets", frames.ping(bytes(9)), FRAME_SIZE_ERROR),
    ("6.7/empty", frames.ping(b""), FRAME_SIZE_ERROR),
)


@case("6.7/answered-with-the-same-payload", "http2/6.7/1", "generic/3.7/1")
def ping_answered(connection: Connection) -> None:
    payload = b"\x00\xff any \x80"
    connection.send(frames.ping(payload))
    connection.wait(lambda: bool(connection.ping_acks), "the answer")
    connection.expect(connection.ping_acks == [payload], f"the answer is {connection.ping_acks}")


@case("6.7/acknowledgement-is-not-answered", "http2/6.7/2")
def ping_ack_ignored(connection: Connection) -> None:
    connection.send(frames.ping(b"no reply", frames.ACK))
    connection.settle()
    connection.expect(b"no reply" not in connection.ping_acks, "it is answered")
    connection.expect_service()


# MARK: 6.8 GOAWAY

table(
    ("6.8/accepted", frames.goaway(0, ErrorCodes.NO_ERROR, b"goodbye"), no_fault, "generic/3.8/1"),
    (
        "6.8/with-an-error",
        frames.goaway(0, ErrorCodes.INTERNAL_ERROR),
        no_fault,
    ),
    (
        "6.8/last-stream-with-its-reserved-bit",
        frames.goaway(frames.RESERVED_BIT, ErrorCodes.NO_ERROR),
        no_fault,
    ),
    (
        "6.8/on-a-stream",
        frames.goaway(0, ErrorCodes.NO_ERROR, stream=1),
        PROTOCOL_ERROR,
        "http2/6.8/1",
    ),
    ("6.8/7-octets", frames.frame(frames.GOAWAY, payload=bytes(7)), FRAME_SIZE_ERROR),
)


@case("6.8/open-streams-are-finished")
def finishes(connection: Connection) -> None:
    connection.send(connection.head(1), frames.goaway(0, ErrorCodes.NO_ERROR), connection.body(1))
    connection.expect_success(1)


# Clients that end gracefully name the largest stream first, as RFC 9113 recommends to servers: all that may still come.
for parity, last in (("even", frames.LARGEST_STREAM - 1), ("odd", frames.LARGEST_STREAM)):

    @case(f"6.8/in-two-steps-from-an-{parity}-stream")
    def two_steps(connection: Connection, last: int = last) -> None:
        connection.send(
            connection.head(1), frames.goaway(last, ErrorCodes.NO_ERROR), frames.goaway(0, ErrorCodes.NO_ERROR),
            connection.body(1),
        )  # fmt: skip
        connection.expect_success(1)


# MARK: 6.10 CONTINUATION


def pieces(connection: Connection, *ends: int, end_headers: bool = True) -> bytes:
    """A request's block, cut there: HEADERS and CONTINUATION."""
    cut = frames.cut(connection.block(connection.server.fields), *ends)
    return frames.headers_in_pieces(1, cut, end_headers)


table(
    ("6.10/one", lambda c: pieces(c, 5) + c.body(), success, "generic/3.10/1"),
    ("6.10/several", lambda c: pieces(c, 5, 10) + c.body(), success, "generic/3.10/2 http2/6.10/1"),
    ("6.10/empty-ones", lambda c: pieces(c, 0, 0, 5, 5) + c.body(), success),
    (
        "6.10/followed-by-data",
        lambda c: pieces(c, 5, end_headers=False) + c.body(),
        PROTOCOL_ERROR,
        "http2/6.10/2",
    ),
    (
        "6.10/on-stream-0",
        lambda c: frames.headers(1, c.block(c.server.fields), end_headers=False) + frames.continuation(0, b"\x83"),
        PROTOCOL_ERROR,
        "http2/6.10/3",
    ),
    (
        "6.10/behind-the-end-of-headers",
        lambda c: c.head() + frames.continuation(1, b"\x83"),
        PROTOCOL_ERROR,
        "http2/6.10/4",
    ),
    (
        "6.10/behind-the-end-of-continuation",
        lambda c: pieces(c, 5) + frames.continuation(1, b"\x83"),
        PROTOCOL_ERROR,
        "http2/6.10/5",
    ),
    (
        "6.10/behind-data",
        lambda c: c.head() + frames.data(1, b"data") + frames.continuation(1, b"\x83"),
        PROTOCOL_ERROR,
        "http2/6.10/6",
    ),
)

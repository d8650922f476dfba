"""RFC 9113 sections 5.1 and 5.3: the states of streams, their numbers, how many there may be, what they depend on."""

from collections.abc import Callable

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

# So that an answer can't end its stream, which stays half-closed (remote).
BLOCKED = {SettingCodes.INITIAL_WINDOW_SIZE: 0}

# MARK: 5.1 idle

table(
    ("5.1/idle-data", frames.data(1, b"data"), connection_error(ErrorCodes.PROTOCOL_ERROR), "http2/5.1/1"),
    (
        "5.1/idle-rst-stream",
        frames.rst_stream(1, ErrorCodes.CANCEL),
        connection_error(ErrorCodes.PROTOCOL_ERROR),
        "http2/5.1/2 http2/6.4/2",
    ),
    (
        "5.1/idle-window-update",
        frames.window_update(1, 100),
        connection_error(ErrorCodes.PROTOCOL_ERROR),
        "http2/5.1/3",
    ),
    (
        "5.1/idle-continuation",
        lambda c: frames.continuation(1, c.block(c.server.fields)),
        connection_error(ErrorCodes.PROTOCOL_ERROR),
        "http2/5.1/4",
    ),
    ("5.1/idle-priority", frames.priority(1, weight=255), no_error, "generic/2/1"),
    ("5.1/idle-data-on-a-stream-of-the-server", frames.data(2, b"data"), connection_error(ErrorCodes.PROTOCOL_ERROR)),
    (
        "5.1/idle-window-update-on-a-stream-of-the-server",
        frames.window_update(2, 1),
        connection_error(ErrorCodes.PROTOCOL_ERROR),
    ),
    (
        "5.1/idle-data-above-an-open-stream",
        lambda c: c.head(1) + frames.data(3, b"data"),
        connection_error(ErrorCodes.PROTOCOL_ERROR),
    ),
)

# MARK: 5.1 half-closed (remote)

Late = Callable[[Connection], bytes]


def half_closed(connection: Connection, late: Late) -> None:
    """Sends that on stream 1, whose request is complete and whose answer can't be."""
    connection.send(connection.request(), late(connection))


@case("5.1/half-closed-data", "http2/5.1/5", "http2/6.1/2", settings=BLOCKED)
def half_closed_data(connection: Connection) -> None:
    half_closed(connection, lambda c: frames.data(1, b"data", end_stream=True))
    connection.expect_stream_or_connection_error(1, ErrorCodes.STREAM_CLOSED)


@case("5.1/half-closed-headers", "http2/5.1/6", settings=BLOCKED)
def half_closed_headers(connection: Connection) -> None:
    half_closed(connection, lambda c: c.head(end_stream=True))
    connection.expect_stream_or_connection_error(1, ErrorCodes.STREAM_CLOSED)


@case("5.1/half-closed-continuation", "http2/5.1/7", settings=BLOCKED)
def half_closed_continuation(connection: Connection) -> None:
    half_closed(connection, lambda c: frames.continuation(1, c.block([(b"x-late", b"1")])))
    connection.expect_stream_or_connection_error(1, ErrorCodes.STREAM_CLOSED, ErrorCodes.PROTOCOL_ERROR)


def unblock(connection: Connection) -> None:
    """Lets the answer out, and sees that it is the right one."""
    connection.send(frames.window_update(1, 100_000))
    connection.expect_success()
    connection.expect_nothing_wrong()


@case("5.1/half-closed-window-update", "generic/2/2", settings=BLOCKED)
def half_closed_window_update(connection: Connection) -> None:
    half_closed(connection, lambda c: frames.window_update(1, 1))
    connection.wait(lambda: connection.streams[1].body != b"", "DATA")
    unblock(connection)


@case("5.1/half-closed-priority", "generic/2/3", settings=BLOCKED)
def half_closed_priority(connection: Connection) -> None:
    half_closed(connection, lambda c: frames.priority(1, weight=255))
    unblock(connection)


@case("5.1/half-closed-rst-stream", "generic/2/4", settings=BLOCKED)
def half_closed_reset(connection: Connection) -> None:
    half_closed(connection, lambda c: frames.rst_stream(1, ErrorCodes.CANCEL))
    connection.settle()
    before = len(connection.streams[1].body)
    connection.send(frames.window_update(0, 1))
    connection.expect_nothing_wrong()
    connection.expect(len(connection.streams[1].body) == before == 0, "a stream that was reset is answered")


# MARK: 5.1 closed


def closed_by_reset(connection: Connection, late: Late) -> None:
    connection.send(connection.head(), frames.rst_stream(1, ErrorCodes.CANCEL))
    connection.send(late(connection))


def closed_by_end(connection: Connection, late: Late) -> None:
    connection.send(connection.request())
    connection.expect_success()
    connection.send(late(connection))


def expect_stream_closed_or_ignored(connection: Connection) -> None:
    """RFC 7540, and with it h2spec, wants an error of STREAM_CLOSED; RFC 9113 lets a server also pass over it."""
    answer = connection.streams[1]
    connection.settle(lambda: answer.reset is not None)
    if connection.closed or answer.reset is not None:
        connection.expect_stream_or_connection_error(1, ErrorCodes.STREAM_CLOSED)
    else:
        connection.expect_nothing_wrong()


@case("5.1/closed-by-reset-data", "http2/5.1/8")
def reset_data(connection: Connection) -> None:
    closed_by_reset(connection, lambda c: frames.data(1, b"data", end_stream=True))
    expect_stream_closed_or_ignored(connection)


@case("5.1/closed-by-reset-headers", "http2/5.1/9")
def reset_headers(connection: Connection) -> None:
    closed_by_reset(connection, lambda c: c.head(end_stream=True))
    expect_stream_closed_or_ignored(connection)


@case("5.1/closed-by-reset-continuation", "http2/5.1/10")
def reset_continuation(connection: Connection) -> None:
    closed_by_reset(connection, lambda c: frames.continuation(1, b"\x83"))
    connection.expect_stream_or_connection_error(1, ErrorCodes.STREAM_CLOSED, ErrorCodes.PROTOCOL_ERROR)


@case("5.1/closed-data", "http2/5.1/11")
def closed_data(connection: Connection) -> None:
    closed_by_end(connection, lambda c: frames.data(1, b"data", end_stream=True))
    expect_stream_closed_or_ignored(connection)


@case("5.1/closed-headers", "http2/5.1/12")
def closed_headers(connection: Connection) -> None:
    closed_by_end(connection, lambda c: c.head(end_stream=True))
    expect_stream_closed_or_ignored(connection)


@case("5.1/closed-continuation", "http2/5.1/13")
def closed_continuation(connection: Connection) -> None:
    closed_by_end(connection, lambda c: frames.continuation(1, b"\x83"))
    connection.expect_connection_error(ErrorCodes.STREAM_CLOSED, ErrorCodes.PROTOCOL_ERROR)


for identifier, late, h2spec in (
    ("5.1/closed-priority", frames.priority(1, weight=255), ("generic/2/5",)),
    ("5.1/closed-window-update", frames.window_update(1, 1), ()),
    ("5.1/closed-rst-stream", frames.rst_stream(1, ErrorCodes.NO_ERROR), ()),
):

    @case(identifier, *h2spec)
    def closed_and_ignored(connection: Connection, late: bytes = late) -> None:
        closed_by_end(connection, lambda c: late)
        connection.expect_nothing_wrong()


@case("5.1/closed-block-counts-for-the-table")
def closed_block(connection: Connection) -> None:
    # A request that is reset before its trailers: they are still part of the compression's state.
    connection.send(connection.head(), frames.rst_stream(1, ErrorCodes.CANCEL))
    connection.send(connection.request(3, [*connection.server.fields, (b"x-new", b"new")]))
    connection.send(connection.request(5, [*connection.server.fields, (b"x-new", b"new")]))
    connection.expect_success(3)
    connection.expect_success(5)


# MARK: 5.1.1 numbers

table(
    ("5.1.1/even", lambda c: c.request(2), connection_error(ErrorCodes.PROTOCOL_ERROR), "http2/5.1.1/1"),
    (
        "5.1.1/smaller-than-the-last",
        lambda c: c.request(5) + c.request(3),
        connection_error(ErrorCodes.PROTOCOL_ERROR),
        "http2/5.1.1/2",
    ),
    ("5.1.1/gaps", lambda c: c.request(1) + c.request(9) + c.request(101), success),
)


@case("5.1.1/largest")
def largest_stream(connection: Connection) -> None:
    connection.send(connection.request(frames.LARGEST_STREAM))
    connection.expect_success(frames.LARGEST_STREAM)


@case("5.1.1/skipped-streams-are-closed")
def skipped_streams(connection: Connection) -> None:
    # Not idle any more, so this is no error, or one of STREAM_CLOSED.
    connection.send(connection.request(5), frames.window_update(3, 1))
    connection.settle()
    if connection.goaway is not None:
        connection.expect_connection_error(ErrorCodes.STREAM_CLOSED)
    connection.expect_success(5)


@case("5.1.1/interleaved-requests")
def interleaved(connection: Connection) -> None:
    body = connection.server.body
    connection.send(
        connection.head(1), connection.head(3), connection.head(5),
        frames.data(5, body[:3]), frames.data(1, body[:1]), frames.data(3, body, end_stream=True),
        frames.data(1, body[1:], end_stream=True), frames.data(5, body[3:], end_stream=True),
    )  # fmt: skip
    for stream in (1, 3, 5):
        connection.expect_success(stream)


# MARK: 5.1.2 how many


def fill(connection: Connection) -> int:
    """Opens as many streams as the server allows; the number of the next."""
    limit = connection.server_settings[SettingCodes.MAX_CONCURRENT_STREAMS]
    connection.send(*(connection.head(stream) for stream in range(1, 2 * limit, 2)))
    connection.settle()
    connection.expect(not connection.closed and not connection.streams, "streams within the limit are refused")
    return 2 * limit + 1


@case("5.1.2/one-too-many", "http2/5.1.2/1")
def one_too_many(connection: Connection) -> None:
    stream = fill(connection)
    connection.send(connection.head(stream))
    connection.settle(lambda: connection.streams[stream].reset is not None)
    if connection.goaway is not None:
        connection.expect_connection_error(ErrorCodes.PROTOCOL_ERROR)
        return
    reset = connection.streams[stream].reset
    connection.expect(reset in (ErrorCodes.PROTOCOL_ERROR, ErrorCodes.REFUSED_STREAM), f"reset is {reset}")


@case("5.1.2/one-too-many-before-the-limit-is-acknowledged", greets=False)
def one_too_many_unknowingly(connection: Connection) -> None:
    connection.send_octets(frames.PREFACE)
    connection.send(frames.settings())
    connection.wait(lambda: connection.server_settings is not None, "SETTINGS")
    stream = fill(connection)
    connection.send(connection.head(stream))
    connection.settle(lambda: connection.streams[stream].reset is not None)
    # The client can't have known, so it can't be the connection's fault.
    reset = connection.streams[stream].reset
    connection.expect(reset == ErrorCodes.REFUSED_STREAM, f"reset is {reset}")
    connection.send(connection.body(1))
    connection.expect_success(1)


@case("5.1.2/a-closed-stream-makes-room")
def room_again(connection: Connection) -> None:
    fill(connection)
    connection.send(connection.body(1))
    connection.expect_success(1)
    connection.send(frames.rst_stream(3, ErrorCodes.CANCEL))
    connection.expect_nothing_wrong()


# MARK: 5.3 priorities, by RFC 7540 section 5.3.1: RFC 9113 has deprecated them, and says nothing of dependencies

table(
    (
        "5.3.1/headers-depend-on-themselves",
        lambda c: (
            frames.headers(1, c.block(c.server.fields), flags=frames.PRIORITIZED, before=frames.dependency(1))
            + c.body()
        ),
        stream_or_connection_error(ErrorCodes.PROTOCOL_ERROR),
        "http2/5.3.1/1",
    ),
    (
        "5.3.1/priority-depends-on-itself",
        lambda c: c.head() + frames.priority(1, parent=1),
        stream_or_connection_error(ErrorCodes.PROTOCOL_ERROR),
        "http2/5.3.1/2",
    ),
    ("5.3.1/on-a-stream-that-is-not-there", lambda c: frames.priority(1, parent=99) + c.request(), success),
)

"""RFC 9113 sections 5.2 and 6.9: windows, both ways. That no window is overstepped is watched in every case."""

from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from http2_conformance import frames
from http2_conformance.case import (
    case,
    connection_error,
    no_error,
    stream_error,
    stream_or_connection_error,
    success,
    table,
)
from http2_conformance.connection import Connection

INITIAL_WINDOW_SIZE = SettingCodes.INITIAL_WINDOW_SIZE

# MARK: 6.9 WINDOW_UPDATE

table(
    ("6.9/on-the-connection", frames.window_update(0, 1), no_error, "generic/3.9/1"),
    ("6.9/on-a-stream", lambda c: c.head() + frames.window_update(1, 1) + c.body(), success, "generic/3.9/2"),
    (
        "6.9/increment-0-on-the-connection",
        frames.window_update(0, 0),
        connection_error(ErrorCodes.PROTOCOL_ERROR),
        "http2/6.9/1",
    ),
    (
        "6.9/increment-0-on-a-stream",
        lambda c: c.head() + frames.window_update(1, 0),
        stream_or_connection_error(ErrorCodes.PROTOCOL_ERROR),
        "http2/6.9/2",
    ),
    *(
        (f"6.9/{length}-octets{place}", sent(length), connection_error(ErrorCodes.FRAME_SIZE_ERROR), h2spec)
        for place, sent in (
            ("", lambda length: frames.frame(frames.WINDOW_UPDATE, payload=bytes(length - 1) + b"\x01")),
            (
                "-on-a-stream",
                lambda length: (
                    lambda c: c.head() + frames.frame(frames.WINDOW_UPDATE, 0, 1, bytes(length - 1) + b"\x01")
                ),
            ),
        )
        for length, h2spec in ((3, "" if place else "http2/6.9/3"), (5, ""))
    ),
)

# MARK: 6.9.1 how far it opens

# What is missing to a full window.
ROOM = frames.LARGEST_WINDOW - frames.DEFAULT_WINDOW

table(
    (
        "6.9.1/above-max-on-the-connection",
        frames.window_update(0, frames.LARGEST_WINDOW) * 2,
        connection_error(ErrorCodes.FLOW_CONTROL_ERROR),
        "http2/6.9.1/2",
    ),
    (
        "6.9.1/above-max-on-a-stream",
        lambda c: c.head() + frames.window_update(1, frames.LARGEST_WINDOW) * 2,
        stream_error(ErrorCodes.FLOW_CONTROL_ERROR),
        "http2/6.9.1/3",
    ),
    ("6.9.1/max-on-the-connection", frames.window_update(0, ROOM), no_error),
    (
        "6.9.1/one-above-max-on-the-connection",
        frames.window_update(0, ROOM + 1),
        connection_error(ErrorCodes.FLOW_CONTROL_ERROR),
    ),
    ("6.9.1/max-on-a-stream", lambda c: c.head() + frames.window_update(1, ROOM) + c.body(), success),
    (
        "6.9.1/one-above-max-on-a-stream",
        lambda c: c.head() + frames.window_update(1, ROOM + 1),
        stream_error(ErrorCodes.FLOW_CONTROL_ERROR),
    ),
    (
        "6.9.2/settings-open-a-stream-above-max",
        lambda c: (
            c.head() + frames.window_update(1, ROOM) + frames.settings({INITIAL_WINDOW_SIZE: frames.DEFAULT_WINDOW + 1})
        ),
        connection_error(ErrorCodes.FLOW_CONTROL_ERROR),
    ),
)

# MARK: 6.9.1 what the server sends


def sent_so_far(connection: Connection, octets: int) -> None:
    """Waits until stream 1 has got that many octets, and sees that it gets no more by itself."""
    answer = connection.streams[1]
    connection.wait(lambda: len(answer.body) >= octets, f"{octets} octets of DATA")
    connection.settle()
    connection.expect(len(answer.body) == octets, f"{len(answer.body)} octets of DATA, not {octets}")


@case("6.9.1/one-octet-at-a-time", "http2/6.9.1/1", settings={INITIAL_WINDOW_SIZE: 1})
def one_octet(connection: Connection) -> None:
    connection.send(connection.request())
    sent_so_far(connection, 1)
    answer = connection.streams[1]
    for octets in range(2, connection.server.answer_length + 1):
        connection.send(frames.window_update(1, 1))
        connection.wait(lambda octets=octets: len(answer.body) >= octets, f"octet {octets}")
        connection.expect(len(answer.body) == octets, f"{len(answer.body)} octets of DATA, not {octets}")
    connection.expect_success()
    connection.expect(max(answer.data_lengths) == 1, f"DATA of {answer.data_lengths}")


@case("6.9.1/the-connection-limits-all-streams", settings={INITIAL_WINDOW_SIZE: frames.LARGEST_WINDOW})
def connection_window(connection: Connection) -> None:
    streams = range(1, 100, 2)
    for stream in streams:
        connection.send(
            connection.head(stream, connection.server.long_fields),
            frames.data(stream, connection.server.long_body, end_stream=True),
        )

    def total() -> int:
        return sum(len(answer.body) for answer in connection.streams.values())

    def filled(octets: int) -> None:
        connection.wait(lambda: total() >= octets, f"{octets} octets of DATA")
        connection.settle()
        connection.expect(total() == octets, f"{total()} octets of DATA, not {octets}")

    filled(frames.DEFAULT_WINDOW)
    # Windows of streams don't help.
    connection.send(frames.settings({INITIAL_WINDOW_SIZE: frames.LARGEST_WINDOW}))
    connection.settle()
    connection.expect(total() == frames.DEFAULT_WINDOW, "a stream's window opens the connection's")
    connection.send(frames.window_update(0, 1))
    connection.wait(lambda: total() == frames.DEFAULT_WINDOW + 1, "one octet more")
    connection.send(frames.window_update(0, 1 << 24))
    for stream in streams:
        connection.expect_success(stream)


@case("6.9.1/a-stream-that-waits-stops-no-other", settings={INITIAL_WINDOW_SIZE: 0})
def no_head_of_line_blocking(connection: Connection) -> None:
    connection.send(connection.request(1), connection.request(3), frames.window_update(3, 100_000))
    connection.expect_success(3)
    connection.expect(connection.streams[1].body == b"", "DATA without a window")
    connection.send(frames.window_update(1, 100_000))
    connection.expect_success(1)


@case("6.9.1/window-update-before-the-answer", settings={INITIAL_WINDOW_SIZE: 0})
def early_update(connection: Connection) -> None:
    connection.send(connection.head(), frames.window_update(1, 3), connection.body())
    sent_so_far(connection, 3)


# MARK: 6.9.2 initial windows


@case("6.9.2/opened-by-settings", "http2/6.9.2/1", settings={INITIAL_WINDOW_SIZE: 0})
def opened_by_settings(connection: Connection) -> None:
    connection.send(connection.request())
    connection.wait(lambda: bool(connection.streams[1].blocks), "HEADERS")
    sent_so_far(connection, 0)
    connection.send(frames.settings({INITIAL_WINDOW_SIZE: 1}))
    sent_so_far(connection, 1)


@case("6.9.2/negative", "http2/6.9.2/2", settings={INITIAL_WINDOW_SIZE: 3})
def negative(connection: Connection) -> None:
    connection.send(connection.request())
    sent_so_far(connection, 3)
    # 2 less than it had: -2, then 0, then 1.
    connection.send(frames.settings({INITIAL_WINDOW_SIZE: 1}), frames.window_update(1, 2))
    sent_so_far(connection, 3)
    connection.send(frames.window_update(1, 1))
    sent_so_far(connection, 4)
    connection.send(frames.settings({INITIAL_WINDOW_SIZE: 1000}))
    connection.expect_success()


@case("6.9.2/settings-leave-the-connection-alone", settings={INITIAL_WINDOW_SIZE: 0})
def connection_is_left_alone(connection: Connection) -> None:
    connection.send(connection.request(), frames.window_update(1, 100_000))
    connection.expect_success()


# MARK: 5.2 what the server lets in


@case("5.2/windows-open-again")
def windows_open_again(connection: Connection) -> None:
    fields, body = connection.server.upload(1 << 20)
    connection.send(connection.head(1, fields))
    sent = 0
    while sent < len(body):
        connection.wait_for_room(1, 1)
        piece = body[sent : sent + min(connection.room(1), frames.DEFAULT_FRAME_BYTES)]
        sent += len(piece)
        connection.send(frames.data(1, piece, end_stream=sent == len(body)))
    connection.expect_success()


@case("5.2/padding-counts")
def padding_counts(connection: Connection) -> None:
    # More than the stream's window holds, three times, and nothing but padding: it has to be given back. No more often, since
    # frames of that kind are without use, and a server may have enough of them.
    connection.send(connection.head())
    connection.settle()
    piece = frames.padded_data(1, b"", 255, bytes(255))
    for _ in range(3 * connection.room(1) // 256):
        connection.wait_for_room(1, 256)
        connection.send(piece)
    connection.wait_for_room(1, len(connection.server.body))
    connection.send(connection.body())
    connection.expect_success()

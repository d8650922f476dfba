"""What a case is, and how cases are written down."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from h2.errors import ErrorCodes

from http2_conformance.connection import Connection, Nonconformance
from http2_conformance.servers import Server

Play = Callable[[Connection], None]
# What to send; as a function where it depends on the server or on the state of the header compression.
Sent = bytes | Callable[[Connection], bytes]


@dataclass(frozen=True)
class Case:
    """One rule of RFC 9113 (`6.5.2/…`) or RFC 7541 (`hpack/5.2/…`), tried on a connection of its own."""

    id: str
    play: Play
    # The cases of h2spec 2.6 that it does the work of, such as `http2/6.5.2/1`.
    h2spec: tuple[str, ...] = ()
    # The client's SETTINGS.
    settings: Mapping[int, int] = field(default_factory=dict)
    # Whether the prefaces are exchanged before it begins.
    greets: bool = True

    def deviation(self, server: Server) -> str | None:
        """What the server does wrong; `None` when it conforms."""
        try:
            with Connection(server) as connection:
                if self.greets:
                    connection.greet(self.settings)
                self.play(connection)
        except Nonconformance as deviation:
            return str(deviation)
        return None


CASES: list[Case] = []


def add(case: Case) -> None:
    assert all(case.id != other.id for other in CASES), f"two cases {case.id}"
    CASES.append(case)


def case(
    identifier: str, *h2spec: str, settings: Mapping[int, int] | None = None, greets: bool = True
) -> Callable[[Play], Play]:
    """Makes a case of a function that plays it."""

    def register(play: Play) -> Play:
        add(Case(identifier, play, h2spec, settings or {}, greets))
        return play

    return register


def table(*rows: tuple[str, Sent, Play] | tuple[str, Sent, Play, str]) -> None:
    """Makes a case of each row: its id, what is sent, what has to come of it, and h2spec's names for it, if any."""
    for identifier, sent, expected, *h2spec in rows:
        add(Case(identifier, in_one_piece(sent, expected), tuple(" ".join(h2spec).split())))


def in_one_piece(sent: Sent, expected: Play) -> Play:
    def play(connection: Connection) -> None:
        connection.send(sent(connection) if callable(sent) else sent)
        expected(connection)

    return play


# MARK: What has to come of it


def connection_error(*codes: ErrorCodes) -> Play:
    return lambda connection: connection.expect_connection_error(*codes)


def stream_error(*codes: ErrorCodes) -> Play:
    """Of stream 1."""
    return lambda connection: connection.expect_stream_error(1, *codes)


def stream_or_connection_error(*codes: ErrorCodes) -> Play:
    """Of stream 1."""
    return lambda connection: connection.expect_stream_or_connection_error(1, *codes)


def no_error(connection: Connection) -> None:
    connection.expect_nothing_wrong()


def no_fault(connection: Connection) -> None:
    connection.expect_no_fault()


def answer(connection: Connection) -> None:
    """On stream 1, of any status."""
    connection.expect_answer()
    connection.expect_service()


def success(connection: Connection) -> None:
    """On stream 1, as to a request that was understood."""
    connection.expect_success()
    connection.expect_service()

"""RFC 9113 section 8: requests, their fields, what makes them malformed."""

from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from http2_conformance import frames
from http2_conformance.case import (
    answer,
    case,
    no_error,
    stream_error,
    stream_or_connection_error,
    success,
    table,
)
from http2_conformance.connection import Connection
from http2_conformance.servers import Field

MALFORMED = stream_error(ErrorCodes.PROTOCOL_ERROR)

# MARK: Changes of a request's fields


def plus(connection: Connection, *fields: Field) -> list[Field]:
    """Further fields, behind the others."""
    return [*connection.server.fields, *fields]


def pseudo_plus(connection: Connection, *fields: Field) -> list[Field]:
    """Further pseudo-header fields, behind the others of their kind."""
    own = connection.server.fields
    count = sum(name.startswith(b":") for name, _ in own)
    return [*own[:count], *fields, *own[count:]]


def without(connection: Connection, *names: bytes) -> list[Field]:
    return [(name, value) for name, value in connection.server.fields if name not in names]


def changed(connection: Connection, **values: bytes) -> list[Field]:
    """Other values of pseudo-header fields."""
    new = {f":{name}".encode(): value for name, value in values.items()}
    return [(name, new.get(name, value)) for name, value in connection.server.fields]


# MARK: 8.1 messages


def with_trailers(connection: Connection, trailers: list[Field], end_stream: bool = True) -> bytes:
    return (
        connection.head()
        + frames.data(1, connection.server.body)
        + frames.headers(1, connection.block(trailers), end_stream=end_stream)
    )


table(
    ("8.1/trailers", lambda c: with_trailers(c, [(b"x-checksum", b"1")]), success, "generic/4/4"),
    (
        "8.1/trailers-in-two-frames",
        lambda c: (
            c.head()
            + frames.data(1, c.server.body)
            + frames.headers(1, b"", end_stream=True, end_headers=False)
            + frames.continuation(1, frames.plain([(b"x-checksum", b"1")]))
        ),
        success,
    ),
    (
        "8.1/second-headers-without-the-end",
        lambda c: with_trailers(c, [(b"x-checksum", b"1")], end_stream=False),
        MALFORMED,
        "http2/8.1/1",
    ),
    (
        "8.1/headers-twice-at-once",
        lambda c: c.head() + c.head(),
        MALFORMED,
    ),
    (
        "8.1/data-behind-trailers",
        lambda c: with_trailers(c, [(b"x-checksum", b"1")]) + frames.data(1, b"late"),
        stream_or_connection_error(ErrorCodes.STREAM_CLOSED),
    ),
    (
        "8.1/headers-behind-trailers",
        lambda c: with_trailers(c, [(b"x-checksum", b"1")]) + c.head(end_stream=True),
        stream_or_connection_error(ErrorCodes.STREAM_CLOSED),
    ),
    ("8.1/get", lambda c: c.head(1, changed(c, method=b"GET"), end_stream=True), answer, "generic/4/1"),
    ("8.1/head", lambda c: c.head(1, changed(c, method=b"HEAD"), end_stream=True), answer, "generic/4/2"),
    ("8.1/method-that-nobody-knows", lambda c: c.request(1, changed(c, method=b"FROBNICATE")), answer),
    ("8.1/post-without-a-body", lambda c: c.head(end_stream=True), answer),
)


@case("8.1/head-gets-no-body")
def head_gets_no_body(connection: Connection) -> None:
    connection.send(connection.head(1, changed(connection, method=b"HEAD"), end_stream=True))
    connection.expect_answer()
    connection.expect(connection.streams[1].body == b"", "the answer to HEAD has a body")


# MARK: 8.1.1 content-length


def with_length(connection: Connection, *lengths: bytes, method: bytes = b"POST") -> bytes:
    fields = changed(connection, method=method)
    return connection.head(1, [*fields, *((b"content-length", length) for length in lengths)])


def length_of_body(connection: Connection, more: int = 0) -> bytes:
    return str(len(connection.server.body) + more).encode()


table(
    ("8.1.1/content-length-is-right", lambda c: with_length(c, length_of_body(c)) + c.body(), success),
    (
        "8.1.1/content-length-is-right-without-padding",
        lambda c: with_length(c, length_of_body(c)) + frames.padded_data(1, c.server.body, 9, bytes(9), True),
        success,
    ),
    (
        "8.1.1/content-length-less-than-the-body",
        lambda c: with_length(c, b"1") + c.body(),
        MALFORMED,
        "http2/8.1.2.6/1",
    ),
    (
        "8.1.1/content-length-less-than-several-frames",
        lambda c: with_length(c, b"1") + frames.data(1, c.server.body) + c.body(),
        MALFORMED,
        "http2/8.1.2.6/2",
    ),
    (
        "8.1.1/content-length-more-than-the-body",
        lambda c: with_length(c, length_of_body(c, 1)) + c.body(),
        MALFORMED,
    ),
    (
        "8.1.1/content-length-without-a-body",
        lambda c: frames.headers(1, c.block(plus(c, (b"content-length", b"1"))), end_stream=True),
        MALFORMED,
    ),
    (
        "8.1.1/content-length-more-than-a-body-with-trailers",
        lambda c: (
            with_length(c, length_of_body(c, 1))
            + frames.data(1, c.server.body)
            + frames.headers(1, c.block([(b"x-checksum", b"1")]), end_stream=True)
        ),
        MALFORMED,
    ),
    ("8.1.1/content-length-is-no-number", lambda c: with_length(c, b"five") + c.body(), MALFORMED),
    ("8.1.1/content-length-is-negative", lambda c: with_length(c, b"-5") + c.body(), MALFORMED),
    ("8.1.1/content-length-is-signed", lambda c: with_length(c, b"+" + length_of_body(c)) + c.body(), MALFORMED),
    ("8.1.1/content-length-overflows", lambda c: with_length(c, str((1 << 64) + 5).encode()) + c.body(), MALFORMED),
    ("8.1.1/content-length-is-empty", lambda c: with_length(c, b"") + c.body(), MALFORMED),
    (
        "8.1.1/content-length-twice-and-different",
        lambda c: with_length(c, length_of_body(c), length_of_body(c, 1)) + c.body(),
        MALFORMED,
    ),
)

# MARK: 8.2 fields

# RFC 9113 section 8.2.1: what must not be in a name, and what in a value.
FORBIDDEN_IN_NAMES = {
    "nul": b"\x00", "tab": b"\t", "line-feed": b"\n", "space": b" ", "colon": b":", "delete": b"\x7f",
    "octet-80": b"\x80", "octet-ff": b"\xff",
}  # fmt: skip
FORBIDDEN_IN_VALUES = {"nul": b"\x00", "line-feed": b"\n", "carriage-return": b"\r"}

table(
    ("8.2/name-in-upper-case", lambda c: c.head(1, plus(c, (b"X-Case", b"1"))), MALFORMED, "http2/8.1.2/1"),
    ("8.2/name-with-one-upper-case-letter", lambda c: c.head(1, plus(c, (b"x-casE", b"1"))), MALFORMED),
    ("8.2/name-in-upper-case-in-trailers", lambda c: with_trailers(c, [(b"X-Case", b"1")]), MALFORMED),
    ("8.2.1/name-is-empty", lambda c: c.head(1, plus(c, (b"", b"1"))), MALFORMED),
    *(
        (f"8.2.1/{label}-in-a-name", lambda c, octet=octet: c.head(1, plus(c, (b"x-" + octet + b"y", b"1"))), MALFORMED)
        for label, octet in FORBIDDEN_IN_NAMES.items()
    ),
    *(
        (
            f"8.2.1/{label}-{place}-a-value",
            lambda c, value=before + octet + after: c.head(1, plus(c, (b"x-value", value))),
            MALFORMED,
        )
        for label, octet in FORBIDDEN_IN_VALUES.items()
        for place, before, after in (("in", b"a", b"b"), ("first-in", b"", b"b"), ("last-in", b"a", b""))
    ),
    *(
        (f"8.2.1/{label}-value", lambda c, value=value: c.head(1, plus(c, (b"x-value", value))), MALFORMED)
        for label, value in (
            ("space-before-a", b" a"), ("space-behind-a", b"a "), ("tab-before-a", b"\ta"), ("tab-behind-a", b"a\t"),
        )
    ),
    ("8.2.1/nul-in-a-value-of-trailers", lambda c: with_trailers(c, [(b"x-value", b"a\x00")]), MALFORMED),
    # What may be there, and need not be liked.
    ("8.2.1/value-is-empty", lambda c: c.request(1, plus(c, (b"x-value", b""))), success),
    ("8.2.1/value-beyond-ascii", lambda c: c.request(1, plus(c, (b"x-value", b"a\x80\xff"))), success),
    ("8.2.1/space-within-a-value", lambda c: c.request(1, plus(c, (b"x-value", b"a \t b"))), success),
    ("8.2.1/name-of-all-kinds", lambda c: c.request(1, plus(c, (b"!#$%&'*+-.^_`|~09az", b"1"))), success),
    ("8.2.1/field-twice", lambda c: c.request(1, plus(c, (b"x-value", b"1"), (b"x-value", b"2"))), success),
    # 8.2.2 what belongs to a connection of HTTP/1.1
    (
        "8.2.2/connection",
        lambda c: c.head(1, plus(c, (b"connection", b"keep-alive"))),
        MALFORMED,
        "http2/8.1.2.2/1",
    ),
    *(
        (f"8.2.2/{name.decode()}", lambda c, name=name, value=value: c.head(1, plus(c, (name, value))), MALFORMED)
        for name, value in (
            (b"proxy-connection", b"keep-alive"),
            (b"keep-alive", b"timeout=5"),
            (b"transfer-encoding", b"chunked"),
            (b"upgrade", b"h2c"),
        )
    ),
    (
        "8.2.2/te-of-something-else",
        lambda c: c.head(1, [*without(c, b"te"), (b"te", b"trailers, deflate")]),
        MALFORMED,
        "http2/8.1.2.2/2",
    ),
    ("8.2.2/te-gzip", lambda c: c.head(1, [*without(c, b"te"), (b"te", b"gzip")]), MALFORMED),
    ("8.2.2/te-trailers", lambda c: c.request(), success),
    ("8.2.2/connection-in-trailers", lambda c: with_trailers(c, [(b"connection", b"close")]), MALFORMED),
    ("8.2.3/cookie-in-crumbs", lambda c: c.request(1, plus(c, (b"cookie", b"a=1"), (b"cookie", b"b=2"))), success),
)  # fmt: skip

# MARK: 8.3 pseudo-header fields


def repeated(connection: Connection, name: bytes) -> list[Field]:
    return pseudo_plus(connection, *(field for field in connection.server.fields if field[0] == name))


table(
    ("8.3/unknown", lambda c: c.head(1, pseudo_plus(c, (b":what", b"1"))), MALFORMED, "http2/8.1.2.1/1"),
    ("8.3/empty-name", lambda c: c.head(1, pseudo_plus(c, (b":", b"1"))), MALFORMED),
    ("8.3/of-an-answer", lambda c: c.head(1, pseudo_plus(c, (b":status", b"200"))), MALFORMED, "http2/8.1.2.1/2"),
    ("8.3/protocol-that-was-not-offered", lambda c: c.head(1, pseudo_plus(c, (b":protocol", b"ws"))), MALFORMED),
    (
        "8.3/in-trailers",
        lambda c: with_trailers(c, [(b":method", b"POST")]),
        MALFORMED,
    ),
    (
        "8.3/in-trailers-without-the-end",
        lambda c: with_trailers(c, [(b":method", b"POST")], end_stream=False),
        MALFORMED,
        "http2/8.1.2.1/3",
    ),
    (
        "8.3/behind-a-field",
        lambda c: c.head(1, [(b"x-first", b"1"), *c.server.fields]),
        MALFORMED,
        "http2/8.1.2.1/4",
    ),
    (
        "8.3/last-one-behind-a-field",
        lambda c: c.head(1, [*without(c, b":path"), *(one for one in c.server.fields if one[0] == b":path")]),
        MALFORMED,
    ),
    *(
        (f"8.3.1/no-{name}", lambda c, name=name: c.head(1, without(c, f":{name}".encode())), MALFORMED, h2spec)
        for name, h2spec in (
            ("method", "http2/8.1.2.3/2"), ("scheme", "http2/8.1.2.3/3"), ("path", "http2/8.1.2.3/4"),
        )
    ),
    *(
        (f"8.3.1/{name}-twice", lambda c, name=name: c.head(1, repeated(c, f":{name}".encode())), MALFORMED, h2spec)
        for name, h2spec in (
            ("method", "http2/8.1.2.3/5"), ("scheme", "http2/8.1.2.3/6"), ("path", "http2/8.1.2.3/7"),
            ("authority", ""),
        )
    ),
    *(
        (f"8.3.1/{name}-is-empty", lambda c, name=name: c.head(1, changed(c, **{name: b""})), MALFORMED, h2spec)
        for name, h2spec in (("method", ""), ("scheme", ""), ("path", "http2/8.1.2.3/1"))
    ),
    ("8.3.1/path-without-a-slash", lambda c: c.head(1, changed(c, path=b"answer")), MALFORMED),
    ("8.3.1/path-with-a-space", lambda c: c.head(1, changed(c, path=b"/an swer")), MALFORMED),
    ("8.3.1/path-with-a-control-character", lambda c: c.head(1, changed(c, path=b"/an\x01swer")), MALFORMED),
    ("8.3.1/path-is-an-absolute-uri", lambda c: c.head(1, changed(c, path=b"http://localhost/answer")), MALFORMED),
    ("8.3.1/asterisk-without-options", lambda c: c.head(1, changed(c, path=b"*")), MALFORMED),
    (
        "8.3.1/asterisk-with-options",
        lambda c: c.head(1, changed(c, method=b"OPTIONS", path=b"*"), end_stream=True),
        answer,
    ),
    ("8.3.1/method-with-a-space", lambda c: c.head(1, changed(c, method=b"PO ST")), MALFORMED),
    ("8.3.1/scheme-with-a-space", lambda c: c.head(1, changed(c, scheme=b"ht tp")), MALFORMED),
    ("8.3.1/authority-with-a-space", lambda c: c.head(1, changed(c, authority=b"local host")), MALFORMED),
    ("8.3.1/neither-authority-nor-host", lambda c: c.head(1, without(c, b":authority")), MALFORMED),
    (
        "8.3.1/host-instead-of-authority",
        lambda c: c.request(1, [*without(c, b":authority"), (b"host", b"localhost")]),
        success,
    ),
    ("8.3.1/host-that-differs", lambda c: c.request(1, plus(c, (b"host", b"elsewhere.example"))), MALFORMED),
    ("8.3.1/host-twice", lambda c: c.request(1, plus(c, (b"host", b"a.example"), (b"host", b"b.example"))), MALFORMED),
    (
        "8.3.1/pseudo-fields-in-another-order",
        lambda c: c.request(1, [*sorted(pseudo(c), reverse=True), *c.server.fields[len(pseudo(c)) :]]),
        success,
    ),
)  # fmt: skip


def pseudo(connection: Connection) -> list[Field]:
    return [field for field in connection.server.fields if field[0].startswith(b":")]


# MARK: 8.5 CONNECT

CONNECT: list[Field] = [(b":method", b"CONNECT"), (b":authority", b"localhost:1")]

table(
    ("8.5/connect", lambda c: c.head(1, CONNECT), no_error),
    ("8.5/connect-with-a-scheme", lambda c: c.head(1, [*CONNECT, (b":scheme", b"http")]), MALFORMED),
    ("8.5/connect-with-a-path", lambda c: c.head(1, [*CONNECT, (b":path", b"/")]), MALFORMED),
    ("8.5/connect-without-an-authority", lambda c: c.head(1, CONNECT[:1]), MALFORMED),
)


# MARK: 10.5.1 long header lists

DEFAULT_LIST_OCTETS = 16_384


def long_list(connection: Connection, more: int) -> bytes:
    """A request whose header list is as long as the server allows (as section 6.5.2 counts), and more."""
    limit = connection.server_settings.get(SettingCodes.MAX_HEADER_LIST_SIZE, DEFAULT_LIST_OCTETS)
    taken = sum(len(name) + len(value) + 32 for name, value in connection.server.fields)
    name = b"x-long"
    block = frames.plain(plus(connection, (name, b"a" * (limit + more - taken - len(name) - 32))))
    return frames.headers_in_pieces(1, frames.cut(block, frames.DEFAULT_FRAME_BYTES - 100)) + connection.body()


table(("10.5.1/header-list-of-the-longest-length", lambda c: long_list(c, 0), success))


@case("10.5.1/header-list-too-long-costs-its-stream-only")
def list_too_long(connection: Connection) -> None:
    connection.send(long_list(connection, 1))
    connection.settle()
    connection.expect(not connection.closed, "the connection has ended")
    connection.expect_service()


# MARK: 8.1 a malformed message costs its stream only


@case("8.1.1/malformed-beside-others")
def malformed_beside_others(connection: Connection) -> None:
    connection.send(
        connection.head(1),
        connection.head(3, plus(connection, (b"connection", b"close"))),
        connection.head(5, without(connection, b":path")),
        connection.body(1),
    )
    connection.expect_stream_error(3, ErrorCodes.PROTOCOL_ERROR)
    connection.expect_stream_error(5, ErrorCodes.PROTOCOL_ERROR)
    connection.expect_success(1)

"""RFC 7541: the representations of fields, the tables, and blocks that can't be decoded.

What a server makes of a representation is seen by the path of a request: only with the right one it is served.
"""

from h2.errors import ErrorCodes

from http2_conformance import frames
from http2_conformance.case import case, connection_error, success, table
from http2_conformance.connection import Connection
from http2_conformance.frames import (
    HUFFMAN,
    INCREMENTAL,
    NEVER_INDEXED,
    UNINDEXED,
    indexed,
    literal,
    plain,
    size_update,
)

COMPRESSION_ERROR = connection_error(ErrorCodes.COMPRESSION_ERROR)

# The first index of the dynamic table, and two of the static one (RFC 7541 appendix A).
FIRST_DYNAMIC = 62
PATH = 4
USER_AGENT = 58

TABLE_OCTETS = 4096
# What an entry takes beside its name and value (section 4.1).
ENTRY_OCTETS = 32


def path(connection: Connection) -> bytes:
    return next(value for name, value in connection.server.fields if name == b":path")


def block(connection: Connection, path_field: bytes, before: bytes = b"", after: bytes = b"") -> bytes:
    """A request's block that leaves the dynamic table alone, but for what is given."""
    pseudo = [field for field in connection.server.fields if field[0].startswith(b":") and field[0] != b":path"]
    others = [field for field in connection.server.fields if not field[0].startswith(b":")]
    return before + plain(pseudo) + path_field + plain(others) + after


def ordinary(connection: Connection) -> bytes:
    return literal(UNINDEXED, PATH, path(connection))


def request(connection: Connection, encoded: bytes, stream: int = 1) -> bytes:
    return frames.headers(stream, encoded) + connection.body(stream)


# MARK: 6.1, 6.2 representations

# Static fields that mustn't be empty, or not be there: content-length, host, transfer-encoding.
NOT_EMPTY = (28, 38, 57)

KINDS = {"incremental": INCREMENTAL, "unindexed": UNINDEXED, "never-indexed": NEVER_INDEXED}
H2SPEC_NAMES = {
    ("incremental", "known"): "generic/5/2", ("incremental", "known-huffman"): "generic/5/3",
    ("incremental", "new"): "generic/5/4", ("incremental", "new-huffman"): "generic/5/5",
    ("unindexed", "known"): "generic/5/6", ("unindexed", "known-huffman"): "generic/5/7",
    ("unindexed", "new"): "generic/5/8", ("unindexed", "new-huffman"): "generic/5/9",
    ("never-indexed", "known"): "generic/5/10", ("never-indexed", "known-huffman"): "generic/5/11",
    ("never-indexed", "new"): "generic/5/12", ("never-indexed", "new-huffman"): "generic/5/13",
}  # fmt: skip

table(
    *(
        (
            f"hpack/6.2/{kind}-{'known' if name == PATH else 'new'}-name{'-huffman' if huffman else ''}",
            lambda c, kind=kind, name=name, huffman=huffman: request(
                c, block(c, literal(KINDS[kind], name, path(c), huffman))
            ),
            success,
            H2SPEC_NAMES[kind, ("known" if name == PATH else "new") + ("-huffman" if huffman else "")],
        )
        for kind in KINDS
        for name in (PATH, b":path")
        for huffman in (False, True)
    ),
    (
        "hpack/6.1/indexed-static",
        lambda c: request(c, block(c, ordinary(c), after=indexed(USER_AGENT))),
        success,
        "generic/5/1",
    ),
    (
        "hpack/appendix-a/all-static-fields",
        lambda c: request(
            c, block(c, ordinary(c), after=b"".join(indexed(i) for i in range(15, 62) if i not in NOT_EMPTY))
        ),
        success,
    ),
    (
        "hpack/6.1/indexed-dynamic",
        lambda c: (
            request(c, block(c, literal(INCREMENTAL, PATH, path(c)))) + request(c, block(c, indexed(FIRST_DYNAMIC)), 3)
        ),
        success,
    ),
    (
        "hpack/6.2/name-from-the-dynamic-table",
        lambda c: (
            request(c, block(c, literal(INCREMENTAL, b":path", b"/elsewhere")))
            + request(c, block(c, literal(UNINDEXED, FIRST_DYNAMIC, path(c))), 3)
        ),
        lambda c: c.expect_success(3),
    ),
    (
        "hpack/2.3.2/newest-entry-first",
        lambda c: (
            request(c, block(c, literal(INCREMENTAL, PATH, path(c)), after=literal(INCREMENTAL, b"x-newer", b"1")))
            + request(c, block(c, indexed(FIRST_DYNAMIC + 1)), 3)
        ),
        lambda c: c.expect_success(3),
    ),
)


@case("hpack/2.3.2/duplicate-entries")
def duplicates(connection: Connection) -> None:
    # Two equal entries are two entries (section 2.3.2): the path stands behind both.
    connection.send(
        request(
            connection,
            block(connection, literal(INCREMENTAL, PATH, path(connection)), after=literal(INCREMENTAL, b"x", b"1") * 2),
        ),
        request(connection, block(connection, indexed(FIRST_DYNAMIC + 2)), 3),
    )
    connection.expect_success(3)


# MARK: 2.3.3, 6.1 indices of nothing

table(
    ("hpack/6.1/index-0", lambda c: request(c, block(c, ordinary(c), after=b"\x80")), COMPRESSION_ERROR, "hpack/6.1/1"),
    (
        "hpack/2.3.3/index-beyond-both-tables",
        lambda c: request(c, block(c, ordinary(c), after=indexed(126))),
        COMPRESSION_ERROR,
        "hpack/2.3.3/1",
    ),
    (
        "hpack/2.3.3/name-beyond-both-tables",
        lambda c: request(c, block(c, ordinary(c), after=literal(INCREMENTAL, 126, b"1"))),
        COMPRESSION_ERROR,
        "hpack/2.3.3/2",
    ),
    (
        "hpack/2.3.3/one-beyond-the-static-table",
        lambda c: request(c, block(c, ordinary(c), after=indexed(FIRST_DYNAMIC))),
        COMPRESSION_ERROR,
    ),
    *(
        (
            f"hpack/6.2/{name}-adds-no-entry",
            lambda c, kind=kind: request(
                c, block(c, ordinary(c), after=literal(kind, b"x-one", b"1") + indexed(FIRST_DYNAMIC))
            ),
            COMPRESSION_ERROR,
        )
        for name, kind in (("unindexed", UNINDEXED), ("never-indexed", NEVER_INDEXED))
    ),
)

# MARK: 4 the table's size


def filler(octets: int) -> bytes:
    """A field whose entry takes so much of the table."""
    return literal(INCREMENTAL, b"x-filler", b"f" * (octets - ENTRY_OCTETS - len(b"x-filler")))


def entry_octets(connection: Connection) -> int:
    return ENTRY_OCTETS + len(b":path") + len(path(connection))


table(
    (
        "hpack/4.3/entries-up-to-the-last-octet",
        lambda c: (
            request(c, block(c, literal(INCREMENTAL, PATH, path(c)), after=filler(TABLE_OCTETS - entry_octets(c))))
            + request(c, block(c, indexed(FIRST_DYNAMIC + 1)), 3)
        ),
        lambda c: c.expect_success(3),
    ),
    (
        "hpack/4.3/one-octet-more-evicts",
        lambda c: (
            request(c, block(c, literal(INCREMENTAL, PATH, path(c)), after=filler(TABLE_OCTETS - entry_octets(c) + 1)))
            + request(c, block(c, indexed(FIRST_DYNAMIC + 1)), 3)
        ),
        COMPRESSION_ERROR,
    ),
    (
        "hpack/4.4/entry-larger-than-the-table-empties-it",
        lambda c: request(
            c, block(c, literal(INCREMENTAL, PATH, path(c)), after=filler(TABLE_OCTETS + 1) + indexed(FIRST_DYNAMIC))
        ),
        COMPRESSION_ERROR,
    ),
    (
        "hpack/4.4/entry-larger-than-the-table-is-no-error",
        lambda c: (
            request(c, block(c, ordinary(c), after=filler(TABLE_OCTETS + 1)))
            + request(c, block(c, literal(INCREMENTAL, PATH, path(c))), 3)
            + request(c, block(c, indexed(FIRST_DYNAMIC)), 5)
        ),
        lambda c: c.expect_success(5),
    ),
    (
        "hpack/6.3/size-update-to-0",
        lambda c: request(c, block(c, ordinary(c), before=size_update(0))),
        success,
        "generic/5/14",
    ),
    (
        "hpack/4.2/two-size-updates",
        lambda c: request(c, block(c, ordinary(c), before=size_update(0) + size_update(TABLE_OCTETS))),
        success,
        "generic/5/15",
    ),
    (
        "hpack/4.3/size-update-evicts",
        lambda c: (
            request(c, block(c, literal(INCREMENTAL, PATH, path(c))))
            + request(c, block(c, indexed(FIRST_DYNAMIC), before=size_update(0) + size_update(TABLE_OCTETS)), 3)
        ),
        COMPRESSION_ERROR,
    ),
    (
        "hpack/4.3/size-update-keeps-what-fits",
        lambda c: (
            request(c, block(c, literal(INCREMENTAL, PATH, path(c))))
            + request(c, block(c, indexed(FIRST_DYNAMIC), before=size_update(entry_octets(c))), 3)
        ),
        lambda c: c.expect_success(3),
    ),
    (
        "hpack/6.3/size-update-above-the-limit",
        lambda c: request(c, block(c, ordinary(c), before=size_update(TABLE_OCTETS + 1))),
        COMPRESSION_ERROR,
        "hpack/6.3/1",
    ),
    (
        "hpack/4.2/size-update-at-the-end",
        lambda c: request(c, block(c, ordinary(c), after=size_update(1))),
        COMPRESSION_ERROR,
        "hpack/4.2/1",
    ),
    (
        "hpack/4.2/size-update-behind-a-field",
        lambda c: request(c, block(c, size_update(0) + ordinary(c))),
        COMPRESSION_ERROR,
    ),
)

# MARK: 5.1 integers, 5.2 strings


def field_of(value: bytes) -> bytes:
    """An unindexed field whose value is encoded like that."""
    return literal(UNINDEXED, b"x-text", b"")[:-1] + value


# What both servers take in a value: no control characters.
ALLOWED_OCTETS = bytes(octet for octet in range(256) if octet == 0x09 or (octet >= 0x20 and octet != 0x7F))

# A code that ends before an octet does (appendix B).
PADDED_CODE = HUFFMAN.encode(b"a")

table(
    *(
        (f"hpack/{name}", lambda c, end=end: request(c, block(c, ordinary(c), after=end)), COMPRESSION_ERROR, h2spec)
        for name, end, h2spec in (
            ("5.1/index-overflows", b"\xff" * 10 + b"\x7f", ""),
            ("5.1/index-of-32-bits", frames.integer((1 << 32) + 2, 7, 0x80), ""),
            ("5.1/length-overflows", field_of(b"\x7f" + b"\xff" * 10 + b"\x7f"), ""),
            ("5.1/size-update-overflows", b"\x3f" + b"\xff" * 10 + b"\x7f", ""),
            ("5.1/index-that-is-cut-short", b"\xff\x80", ""),
            ("5.1/length-that-is-cut-short", field_of(b"\x7f\x80"), ""),
            ("5.2/text-that-is-cut-short", field_of(b"\x0aabc"), ""),
            ("5.2/text-that-is-missing", field_of(b""), ""),
            ("5.2/huffman-that-is-cut-short", field_of(b"\x8a" + HUFFMAN.encode(b"abc")), ""),
            ("5.2/name-that-is-cut-short", b"\x00\x0ax-", ""),
            # Eight codes of five bits are five octets.
            ("5.2/huffman-padded-by-8-bits", field_of(b"\x86" + HUFFMAN.encode(b"aaaaaaaa") + b"\xff"), "hpack/5.2/1"),
            ("5.2/huffman-of-nothing-but-padding", field_of(b"\x81\xff"), ""),
            ("5.2/huffman-padded-by-zeros", field_of(b"\x81" + bytes([PADDED_CODE[0] & 0xF8])), "hpack/5.2/2"),
            # 30 ones are EOS; then an "a", then padding.
            ("5.2/huffman-with-eos", field_of(b"\x85\xff\xff\xff\xfc\x7f"), "hpack/5.2/3"),
            ("5.2/huffman-that-is-eos", field_of(b"\x84\xff\xff\xff\xff"), ""),
            ("5.2/huffman-in-a-name-padded-by-zeros", b"\x00\x81" + bytes([PADDED_CODE[0] & 0xF8]) + b"\x011", ""),
        )
    ),
    (
        "hpack/5.2/huffman-of-every-octet",
        lambda c: request(
            c, block(c, ordinary(c), after=literal(UNINDEXED, b"x-text", b"a" + ALLOWED_OCTETS + b"a", huffman=True))
        ),
        success,
    ),
    (
        "hpack/5.2/huffman-of-an-empty-text",
        lambda c: request(c, block(c, ordinary(c), after=field_of(b"\x80"))),
        success,
    ),
    (
        "hpack/5.1/length-at-the-end-of-its-prefix",
        lambda c: request(c, block(c, ordinary(c), after=plain((b"x", b"v" * size) for size in (126, 127, 128, 255)))),
        success,
    ),
)  # fmt: skip


@case("hpack/3.2/a-block-in-single-octets")
def single_octets(connection: Connection) -> None:
    # Cut behind every octet of a representation: within integers and Huffman codes too. Both servers take eight
    # CONTINUATION frames, and no more.
    field = literal(INCREMENTAL, b":path", path(connection), huffman=True)
    encoded = block(connection, field)
    start = encoded.index(field)
    for first in range(start, start + len(field), 8):
        pieces = frames.cut(encoded, *range(first, min(first + 8, len(encoded))))
        stream = 2 * first + 1
        connection.send(frames.headers_in_pieces(stream, pieces), connection.body(stream))
        connection.expect_success(stream)

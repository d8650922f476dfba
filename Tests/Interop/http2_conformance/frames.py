"""Frames as bytes, legal or not: nothing here checks what it is asked for."""

import struct
from collections.abc import Iterable, Mapping
from itertools import pairwise

from hpack.hpack import encode_integer
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
# A type that neither an RFC nor IANA's registry knows.
UNKNOWN_TYPE = 0xBE

END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITIZED = 0x20
# Flags that mean nothing on any frame.
UNDEFINED_FLAGS = 0x02 | 0x10 | 0x40 | 0x80

RESERVED_BIT = 1 << 31
LARGEST_STREAM = (1 << 31) - 1
LARGEST_WINDOW = (1 << 31) - 1
DEFAULT_WINDOW = 65_535
DEFAULT_FRAME_BYTES = 16_384
LARGEST_FRAME_BYTES = (1 << 24) - 1


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    """Any frame; the stream's number may have its reserved bit set."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def headers(
    stream: int, block: bytes, end_stream: bool = False, end_headers: bool = True, flags: int = 0, before: bytes = b"",
    padding: bytes = b"",
) -> bytes:  # fmt: skip
    """HEADERS; `flags` are further ones, and `before` and `padding` stand around the block's fragment."""
    flags |= (END_STREAM if end_stream else 0) | (END_HEADERS if end_headers else 0)
    return frame(HEADERS, flags, stream, before + block + padding)


def continuation(stream: int, block: bytes, end_headers: bool = True) -> bytes:
    return frame(CONTINUATION, END_HEADERS if end_headers else 0, stream, block)


def cut(octets: bytes, *places: int) -> list[bytes]:
    """The pieces between these places."""
    return [octets[start:end] for start, end in pairwise([0, *places, len(octets)])]


def headers_in_pieces(stream: int, pieces: list[bytes], end_headers: bool = True) -> bytes:
    """A header block in HEADERS and CONTINUATION frames."""
    *middle, last = pieces[1:]
    return b"".join(
        [
            headers(stream, pieces[0], end_headers=False),
            *(continuation(stream, piece, end_headers=False) for piece in middle),
            continuation(stream, last, end_headers),
        ]
    )


def data(stream: int, payload: bytes, end_stream: bool = False) -> bytes:
    return frame(DATA, END_STREAM if end_stream else 0, stream, payload)


def padded_data(stream: int, payload: bytes, padding_length: int, padding: bytes, end_stream: bool = False) -> bytes:
    """DATA whose declared padding need not be the one that it has."""
    flags = PADDED | (END_STREAM if end_stream else 0)
    return frame(DATA, flags, stream, bytes([padding_length]) + payload + padding)


def dependency(parent: int, weight: int = 15, exclusive: bool = False) -> bytes:
    """The five octets of a priority (RFC 7540 section 6.3); `weight` is the octet, one less than the weight."""
    return struct.pack(">IB", parent | (RESERVED_BIT if exclusive else 0), weight)


def priority(stream: int, parent: int = 0, weight: int = 15, exclusive: bool = False) -> bytes:
    return frame(PRIORITY, 0, stream, dependency(parent, weight, exclusive))


def rst_stream(stream: int, code: int) -> bytes:
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def settings(values: Mapping[int, int] | Iterable[tuple[int, int]] = ()) -> bytes:
    pairs = values.items() if isinstance(values, Mapping) else values
    return frame(SETTINGS, payload=b"".join(struct.pack(">HI", name, value) for name, value in pairs))


def settings_ack() -> bytes:
    return frame(SETTINGS, ACK)


def push_promise(stream: int, promised: int, block: bytes) -> bytes:
    return frame(PUSH_PROMISE, END_HEADERS, stream, struct.pack(">I", promised) + block)


def ping(payload: bytes, flags: int = 0, stream: int = 0) -> bytes:
    return frame(PING, flags, stream, payload)


def goaway(last_stream: int, code: int, debug: bytes = b"", stream: int = 0) -> bytes:
    return frame(GOAWAY, 0, stream, struct.pack(">II", last_stream, code) + debug)


def window_update(stream: int, increment: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


# MARK: HPACK (RFC 7541), a representation at a time

# The first bits of a literal field, and how many bits are left for its index (sections 6.2.1 to 6.2.3).
INCREMENTAL = (0x40, 6)
UNINDEXED = (0x00, 4)
NEVER_INDEXED = (0x10, 4)

HUFFMAN = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)


def integer(value: int, prefix_bits: int, first_bits: int = 0) -> bytes:
    encoded = encode_integer(value, prefix_bits)
    encoded[0] |= first_bits
    return bytes(encoded)


def text(value: bytes, huffman: bool = False) -> bytes:
    """A string literal."""
    octets = HUFFMAN.encode(value) if huffman else value
    return integer(len(octets), 7, 0x80 if huffman else 0) + octets


def indexed(index: int) -> bytes:
    return integer(index, 7, 0x80)


def literal(kind: tuple[int, int], name: int | bytes, value: bytes, huffman: bool = False) -> bytes:
    """A literal field, its name an index or a text."""
    first_bits, prefix_bits = kind
    if isinstance(name, int):
        return integer(name, prefix_bits, first_bits) + text(value, huffman)
    return integer(0, prefix_bits, first_bits) + text(name, huffman) + text(value, huffman)


def size_update(size: int) -> bytes:
    return integer(size, 5, 0x20)


def plain(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Fields that neither use a table nor go into one."""
    return b"".join(literal(UNINDEXED, name, value) for name, value in fields)

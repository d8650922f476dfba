"""Messages that no collector may send: their framing, their compression, their content."""

import gzip
import random

from docket.v1.collector_pb2 import PublishResponse
from hostile_behaviours import STEP, behaviour, some_outstanding
from hostile_connection import Connection, framed

MEBIBYTE = 1 << 20


@behaviour(STEP, is_legal=False)
def bad_prefixes(connection: Connection, chance: random.Random) -> None:
    if connection.wait_for_stream():
        flag = chance.choice((0, 0, 1, 2, 128, 255))
        length = chance.choice((2**32 - 1, 2**31, 4 * MEBIBYTE + 1, 4 * MEBIBYTE, 5))
        connection.send(connection.answer(b"", flag, length))


@behaviour(STEP, is_legal=False)
def bad_compression(connection: Connection, chance: random.Random) -> None:
    """Garbage, half of it, too much of it, or a bomb."""
    if not connection.wait_for_stream() or connection.has_head:
        return
    connection.send(connection.head((b"grpc-encoding", b"gzip")))
    good = gzip.compress(b"\x08\x05" * 100)
    octets = chance.choice(
        (b"", chance.randbytes(100), good[:-1], good + b"x", good + good, good[:10], gzip.compress(bytes(64 * MEBIBYTE), 6))
    )
    connection.send_in_window(framed(octets, 1))


def garbage(connection: Connection, chance: random.Random) -> bytes:
    """Bytes that are no answer, or one that makes no sense."""
    receipt = PublishResponse(verdict={"receipt": {"batch_id": 1, "durability": 1}}).SerializeToString()
    return chance.choice(
        (
            b"",
            chance.randbytes(chance.randrange(1, 100)),
            b"\xff" * 20,
            b"\x08" + b"\xff" * 9 + b"\x01" + receipt,
            b"\x08\x05",
            b"\x08\x05\x12\x00",
            b"\x08\x05\x12\x04\x1a\x02\x18\x07",
            b"\x08\x05\x12\xff\xff\xff\xff\x07",
            b"\x0b\x0c",
            b"\x00\x00",
            b"\x08\x05\x1a\x05\xff\xff\xff\xff\xff",
            b"\x08\x05\x1a\x04\x08\x0d\x12\xff",
            b"\x08\x05\x1a\x80\x80\x08" + b"\x12\xfc\xff\x07" + b"\xff" * (2 * 65_536 - 4),
        )
    )


@behaviour(STEP, is_legal=False)
def bad_messages(connection: Connection, chance: random.Random) -> None:
    if connection.wait_for_stream():
        connection.send(connection.head())
        connection.send_in_window(framed(garbage(connection, chance)))


@behaviour(STEP, is_legal=False)
def strange_rejections(connection: Connection, chance: random.Random) -> None:
    """Rejects what there isn't, or one event several times; accepts fewer than none."""
    for sequence in some_outstanding(connection, chance)[:1]:
        if chance.random() < 0.2:
            connection.verdict(sequence)
            connection.send(connection.answer(minimal_answer(sequence, b"\x08" + varint(2**64 - 1))))
            continue
        indexes = chance.choices((0, 1, 10_000, 2**31, 2**32 - 1), k=chance.choice((1, 5, 1000)))
        connection.send(connection.head())
        connection.send_in_window(framed(connection.verdict(sequence, [(index, "no") for index in indexes])))


@behaviour(STEP, is_legal=False, weight=0.2)
def countless_rejections(connection: Connection, chance: random.Random) -> None:
    """As many empty rejections as a message has room for."""
    for sequence in some_outstanding(connection, chance)[:1]:
        connection.verdict(sequence, [(0, "")])
        connection.send(connection.head())
        connection.send_in_window(framed(minimal_answer(sequence, b"\x12\x00" * (2 * MEBIBYTE - 100))))


def varint(number: int) -> bytes:
    octets = bytearray()
    while number >= 0x80:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*octets, number))


def minimal_answer(sequence: int, verdict: bytes) -> bytes:
    """A verdict with a receipt behind these bytes."""
    verdict += b"\x1a\x04\x08\x01\x18\x01"
    return b"\x08" + varint(sequence) + b"\x12" + varint(len(verdict)) + verdict

"""How connections end: as HTTP/2 and gRPC allow, and as they don't."""

import random

from docket.v1.collector_pb2 import PublishResponse
from google.protobuf.message import DecodeError
from hostile_answers import CODES, accept, accept_in_pieces, refuse
from hostile_behaviours import ENDING, behaviour, some_outstanding
from hostile_connection import Connection, framed
from http2_conformance import frames

TRAILER_CODES = (*(str(code) for code in CODES), str(2**31), str(2**64), "1e3", "0x0", "", " 8", "+8", "abc", "8, 9")
PUSHBACKS = ("0", "1", "50", "-1", "-9223372036854775808", "2147483648", "99999999999999999999", "soon", "", "1.5")
ERROR_CODES = (*range(14), 0xFF, 2**31, 2**32 - 1)


def status_fields(chance: random.Random) -> list[tuple[bytes, bytes]]:
    fields = [(b"grpc-status", chance.choice(TRAILER_CODES).encode())]
    if chance.random() < 0.4:
        fields.append((b"grpc-retry-pushback-ms", chance.choice(PUSHBACKS).encode()))
    if chance.random() < 0.4:
        fields.append((b"grpc-message", chance.choice((b"no", b"%", b"%zz%C3", b"\xff\xfe", b"x" * 5000))))
    if chance.random() < 0.3:
        fields.append((b"grpc-status-details-bin", chance.choice((b"AAAA", b"!!", b"CAgSAm5v", b""))))
    return fields


@behaviour(ENDING)
def hold(connection: Connection, chance: random.Random) -> None:
    connection.read(chance.uniform(0, 0.5))


@behaviour(ENDING)
def trailers(connection: Connection, chance: random.Random) -> None:
    """Ends the stream by a status; without a head before it that is Trailers-Only."""
    if connection.wait_for_stream():
        head = connection.head() if chance.random() < 0.5 else b""
        connection.send(head + connection.trailers(*status_fields(chance)))
        connection.read(chance.uniform(0, 0.1))


@behaviour(ENDING)
def half_message(connection: Connection, chance: random.Random) -> None:
    """Leaves a message unfinished, at any byte."""
    for sequence in some_outstanding(connection, chance)[:1]:
        message = framed(connection.verdict(sequence))
        connection.send(connection.head() + frames.data(connection.stream, message[: chance.randrange(len(message))]))
        chance.choice((trailers, reset, cut_off, hold))(connection, chance)


@behaviour(ENDING)
def go_away(connection: Connection, chance: random.Random) -> None:
    """GOAWAY, perhaps several, and then the end, or more answers."""
    if chance.random() < 0.8:
        connection.wait_for_batch()
    for last in sorted(chance.choices((0, 1, 3, 2**31 - 1), k=chance.choice((1, 1, 2, 5))), reverse=True):
        connection.send(frames.goaway(last, chance.choice((0, *ERROR_CODES)), chance.choice((b"", b"bye", b"\xff" * 1000))))
    if chance.random() < 0.6:
        chance.choice((accept, accept_in_pieces, refuse))(connection, chance)
        chance.choice((trailers, reset, hold, cut_off))(connection, chance)


@behaviour(ENDING)
def reset(connection: Connection, chance: random.Random) -> None:
    if connection.wait_for_stream():
        connection.send(frames.rst_stream(connection.stream, chance.choice(ERROR_CODES)))
        connection.read(chance.uniform(0, 0.1))


@behaviour(ENDING)
def cut_off(connection: Connection, chance: random.Random) -> None:
    """Closes in the midst of an answer, at any byte."""
    octets = b"".join(connection.answer(connection.verdict(one)) for one in some_outstanding(connection, chance))
    connection.send(octets[: chance.randint(0, len(octets))])
    connection.close(abruptly=chance.random() < 0.5)


# MARK: Illegal ones


@behaviour(ENDING, is_legal=False)
def mutated(connection: Connection, chance: random.Random) -> None:
    """Answers of which some bytes are others, gone or doubled."""
    for sequence in some_outstanding(connection, chance):
        message = bytearray(connection.verdict(sequence))
        if chance.random() < 0.5:
            mutate(message, chance)
            note_verdict(connection, bytes(message))
        octets = bytearray(connection.head() + frames.data(connection.stream, framed(bytes(message))))
        if chance.random() < 0.5:
            start = mutate(octets[: -len(message) or None], chance)
            octets[: len(octets) - len(message)] = start
        connection.send(bytes(octets))
    connection.read(0.05)


@behaviour(ENDING, is_legal=False)
def end_without_status(connection: Connection, chance: random.Random) -> None:
    if connection.wait_for_stream():
        fields = chance.choice(([], [(b"grpc-message", b"none")], [(b"content-type", b"application/grpc")]))
        ends = (frames.data(connection.stream, b"", end_stream=True), connection.trailers(*fields))
        connection.send(connection.head() + chance.choice(ends))
        connection.read(0.05)


def note_verdict(connection: Connection, message: bytes) -> None:
    """What the client may read out of a mutated message counts as given."""
    try:
        response = PublishResponse.FromString(message)
    except DecodeError:
        return
    if response.WhichOneof("result") == "verdict":
        producer = next(iter(connection.seen.values()))[0]
        connection.ledger.answered((producer, response.sequence), [one.index for one in response.verdict.rejections])


def mutate(octets: bytearray, chance: random.Random) -> bytearray:
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(octets) + 1)
        kind = chance.randrange(4)
        if kind == 0 and place < len(octets):
            octets[place] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del octets[place : place + chance.randint(1, 4)]
        elif kind == 2:
            octets[place:place] = octets[place : place + chance.randint(1, 8)]
        elif place < len(octets):
            octets[place] = chance.choice((0, 0x7F, 0x80, 0xFF))
    return octets

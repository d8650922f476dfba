"""What a collector may do, however odd: openings and answers that HTTP/2 and gRPC allow."""

import gzip
import random

from docket.v1.collector_pb2 import PublishResponse
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from hostile_behaviours import OPENING, STEP, behaviour, some_outstanding
from hostile_connection import NO_SEQUENCE, Connection, framed
from http2_conformance import frames

# What a status that is told to the emitter may say; a test can wait for so long.
SHORT_WAITS_MS = (0, 1, 20, 150)
CODES = (*range(17), 17, 99, -1, 2**31 - 1, -(2**31))

# MARK: Openings


@behaviour(OPENING)
def plain(connection: Connection, chance: random.Random) -> None:
    connection.open()


@behaviour(OPENING)
def late(connection: Connection, chance: random.Random) -> None:
    connection.read(chance.uniform(0, 0.3))
    connection.open()


@behaviour(OPENING)
def strange_settings(connection: Connection, chance: random.Random) -> None:
    """SETTINGS that allow less than usual, or mean nothing; after a while those that allow everything."""
    some = [
        (1, chance.choice((0, 1, 4096, 2**32 - 1))), (3, chance.choice((0, 1, 2**32 - 1))),
        (4, chance.choice((0, 1, 100, 65_535, 2**31 - 1))), (5, chance.choice((16_384, 16_385, 2**24 - 1))),
        (6, chance.choice((0, 1, 100, 2**32 - 1))), (chance.randrange(10, 65_536), chance.getrandbits(32)),
    ]  # fmt: skip
    connection.open(*chance.choices(some, k=chance.randrange(1, 12)))
    connection.read(chance.uniform(0, 0.2))
    connection.send(frames.settings([(1, 4096), (3, 100), (4, 65_535), (5, 16_384), (6, 65_536)]))


# MARK: Answers


@behaviour(STEP)
def accept(connection: Connection, chance: random.Random) -> None:
    for sequence in some_outstanding(connection, chance):
        connection.send(connection.answer(connection.verdict(sequence)))


@behaviour(STEP)
def accept_twice(connection: Connection, chance: random.Random) -> None:
    sequences = some_outstanding(connection, chance)
    connection.send(connection.head() if sequences else b"")
    answers = [connection.answer(connection.verdict(sequence)) for sequence in sequences]
    connection.send(b"".join(answers + chance.sample(answers, len(answers))))


@behaviour(STEP)
def accept_again(connection: Connection, chance: random.Random) -> None:
    """Answers what has been answered."""
    if connection.wait_for_stream() and connection.seen:
        sequence = chance.choice(list(connection.seen))
        connection.send(connection.answer(connection.verdict(sequence)))


@behaviour(STEP)
def accept_unknown(connection: Connection, chance: random.Random) -> None:
    if connection.wait_for_stream():
        sequence = chance.choice((NO_SEQUENCE, 2**62, 2**63 - 1))
        connection.send(connection.answer(connection.verdict(sequence)))


@behaviour(STEP)
def accept_unsent(connection: Connection, chance: random.Random) -> None:
    """Answers what may be on its way."""
    if connection.wait_for_batch():
        connection.send(connection.answer(connection.verdict(max(connection.seen) + chance.randint(1, 3))))


@behaviour(STEP)
def reject_some(connection: Connection, chance: random.Random) -> None:
    for sequence in some_outstanding(connection, chance):
        size = len(connection.ledger.batches[connection.outstanding[sequence]])
        rejected = sorted(chance.sample(range(size), chance.randint(0, size)))
        reason = chance.choice(("no", "", "ü\u2028\x00" * 50))
        connection.send(connection.answer(connection.verdict(sequence, [(index, reason) for index in rejected])))


def retry_details(chance: random.Random) -> tuple[RetryInfo | None, bool]:
    """What a status says about another attempt, and whether that is longer than a test waits."""
    kind = chance.randrange(12)
    if kind < 5:
        return None, False
    if kind < 10:
        return RetryInfo(retry_delay=Duration(nanos=chance.choice(SHORT_WAITS_MS) * 1_000_000)), False
    if kind < 11:
        return RetryInfo(retry_delay=Duration(seconds=chance.choice((-1, -(2**63))), nanos=-(2**31))), False
    seconds = chance.choice((3600, 315_576_000_000, 2**63 - 1))
    return RetryInfo(retry_delay=Duration(seconds=seconds, nanos=chance.choice((0, 999_999_999)))), seconds < 2**60


@behaviour(STEP)
def refuse(connection: Connection, chance: random.Random) -> None:
    """Answers by a status, of any code, with or without a time to try again."""
    for sequence in some_outstanding(connection, chance)[:2]:
        key = connection.outstanding.pop(sequence)
        response = PublishResponse(sequence=sequence)
        response.status.code = chance.choice(CODES)
        response.status.message = chance.choice(("", "no", "\n" * 20, "ü" * 2000))
        info, is_long = retry_details(chance)
        if info is not None:
            response.status.details.add().Pack(info)
        if is_long:
            connection.ledger.told_to_wait.add(key)
        connection.send(connection.answer(response.SerializeToString()))


@behaviour(STEP)
def accept_in_pieces(connection: Connection, chance: random.Random) -> None:
    """Splits answers over DATA frames of any size, empty ones and padded ones among them."""
    octets = b"".join(framed(connection.verdict(sequence)) for sequence in some_outstanding(connection, chance))
    connection.send(connection.head() if octets else b"")
    while octets:
        count = chance.choice((0, 1, 1, 2, 5, 100, 16_000))
        if chance.random() < 0.3:
            padding = chance.randrange(256)
            connection.send(frames.padded_data(connection.stream, octets[:count], padding, bytes(padding)))
        else:
            connection.send(frames.data(connection.stream, octets[:count]))
        octets = octets[count:]


@behaviour(STEP)
def accept_compressed(connection: Connection, chance: random.Random) -> None:
    if connection.has_head:
        return
    sequences = some_outstanding(connection, chance)
    if sequences:
        connection.send(connection.head((b"grpc-encoding", b"gzip")))
        for sequence in sequences:
            message = connection.verdict(sequence)
            is_packed = chance.random() < 0.8
            connection.send(connection.answer(gzip.compress(message) if is_packed else message, int(is_packed)))


@behaviour(STEP)
def interim_responses(connection: Connection, chance: random.Random) -> None:
    if connection.wait_for_stream() and not connection.has_head:
        for _ in range(chance.randint(1, 20)):
            status = chance.choice((b"100", b"103", b"199"))
            connection.send(frames.headers(connection.stream, frames.plain([(b":status", status), (b"link", b"x" * 50)])))


@behaviour(STEP)
def head_with_metadata(connection: Connection, chance: random.Random) -> None:
    if connection.wait_for_stream():
        connection.send(connection.head(*((b"x-%d" % index, b"v" * chance.randrange(100)) for index in range(20))))


@behaviour(STEP)
def ping_storm(connection: Connection, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 30, 900))):
        connection.send(frames.ping(chance.randbytes(8)))
        connection.read(0)


@behaviour(STEP)
def settings_storm(connection: Connection, chance: random.Random) -> None:
    for _ in range(chance.choice((2, 50))):
        connection.send(frames.settings([(4, chance.choice((0, 1, 65_535, 2**31 - 1)))]))
    connection.send(frames.settings([(4, 65_535)]))


@behaviour(STEP)
def unknown_frames(connection: Connection, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 30)):
        kind, stream = chance.choice((frames.PRIORITY, 10, 12, 0x10, 0xBE)), chance.choice((0, 1, 2, 999))
        if kind == frames.PRIORITY:
            connection.send(frames.priority(stream or 3, parent=chance.choice((0, 5))))
        else:
            connection.send(frames.frame(kind, chance.randrange(256), stream, chance.randbytes(chance.randrange(50))))


@behaviour(STEP)
def hold_windows(connection: Connection, chance: random.Random) -> None:
    """Grants no window for a while, then more than there ever was use for."""
    connection.grants_windows = False
    connection.read(chance.uniform(0, 0.2))
    connection.grants_windows = True
    connection.send(frames.window_update(0, 1 << 20))
    if connection.stream:
        connection.send(frames.window_update(connection.stream, 1 << 20))

"""A collector that does one wrong thing: what the client library makes of it. Each is by a script of its own, without chance."""

from collections.abc import Callable, Iterator
from pathlib import Path

import hostile_answers  # noqa: F401
import hostile_endings  # noqa: F401
import hostile_messages  # noqa: F401
import pytest
from watched_emitter import WatchedEmitter
from hostile_behaviours import BEHAVIOURS
from hostile_collector import HostileCollector, Script, one_after_the_other
from hostile_connection import NO_SEQUENCE, Connection
from hostile_run import MOST_GROWTH_BYTES
from http2_conformance import frames
from resident import is_within
from waiting import eventually

StartEmitter = Callable[..., tuple[HostileCollector, WatchedEmitter]]

PATIENCE_SECONDS = 10


@pytest.fixture
def start_emitter(tmp_path: Path) -> Iterator[StartEmitter]:
    """Starts a collector with these scripts, and an emitter against it."""
    started: list[tuple[HostileCollector, WatchedEmitter]] = []

    def start(
        scripts: Callable[[int], Script], has_journal: bool = False, **settings: object
    ) -> tuple[HostileCollector, WatchedEmitter]:
        collector, folder = HostileCollector(scripts), tmp_path / str(len(started))
        if has_journal:
            folder.mkdir()
            settings["journal"] = str(folder / "journal")
        started.append((collector, WatchedEmitter(targets=collector.addresses[:1], run=1, **settings)))
        return started[-1]

    yield start
    for collector, emitter in started:
        print(collector.log(), *collector.ledger.faults, *emitter.faults, sep="\n")
        emitter.kill()
        collector.stop()


def behave(*names: str) -> Script:
    """The named behaviours, one after the other."""
    return one_after_the_other(names, [(name, BEHAVIOURS[name].behave) for name in names])


def open_until_batch(connection: Connection) -> None:
    connection.open()
    assert connection.read(PATIENCE_SECONDS, lambda: connection.outstanding), "no batch came"


def first_then_honest(first: Script) -> Callable[[int], Script]:
    """A script for the first connection; the others are treated as they should be."""
    return lambda number: first if number == 0 else Connection.be_honest


def test_more_rejections_than_events_cost_no_more_than_their_message(start_emitter: StartEmitter) -> None:
    waiters = 500

    def reject_everything(connection: Connection) -> None:
        open_until_batch(connection)
        behave("countless_rejections", "hold")(connection)

    _, emitter = start_emitter(first_then_honest(reject_everything), maxBatchEvents=waiters)
    before = emitter.resident_bytes("VmHWM")
    reply = emitter.ask("emitAndWait", **{"from": 0}, count=waiters, concurrency=waiters)
    assert len(reply["kept"]) + len(reply["failed"].get("rejected", ())) == waiters
    assert is_within(emitter.resident_bytes("VmHWM") - before, MOST_GROWTH_BYTES)


@pytest.mark.parametrize("indexes", [[7_000], [0, 0]], ids=["out-of-range", "twice"])
def test_as_many_events_count_as_rejected_as_were_told_so(start_emitter: StartEmitter, indexes: list[int]) -> None:
    def reject(connection: Connection) -> None:
        connection.open()
        while True:
            connection.read(PATIENCE_SECONDS, lambda: connection.outstanding)
            for sequence in list(connection.outstanding):
                connection.send(connection.answer(connection.verdict(sequence, [(index, "no") for index in indexes])))

    # The first goes alone, the others together.
    _, emitter = start_emitter(first_then_honest(reject))
    reply = emitter.ask("emitAndWait", **{"from": 0}, count=20, concurrency=20)
    assert reply["stats"]["rejected"] == len(reply["failed"].get("rejected", ()))
    assert reply["stats"]["committed"] == len(reply["kept"])


def test_a_stream_that_ends_without_an_answer_is_opened_again_less_and_less_often(start_emitter: StartEmitter) -> None:
    def end(connection: Connection) -> None:
        connection.open()
        if connection.wait_for_stream():
            connection.send(connection.trailers((b"grpc-status", b"0")))
        connection.read(PATIENCE_SECONDS)

    collector, emitter = start_emitter(lambda _: end)
    emitter.ask("emit")
    eventually(lambda: collector.connections >= 9)
    # At 50 ms after the first, doubled with each, less up to a half.
    assert collector.arrivals[8] - collector.arrivals[7] > 0.2


def test_a_stream_that_ended_with_a_time_to_try_again_is_not_opened_before(start_emitter: StartEmitter) -> None:
    def end(connection: Connection) -> None:
        open_until_batch(connection)
        connection.send(connection.head())
        connection.send(connection.trailers((b"grpc-status", b"8"), (b"grpc-retry-pushback-ms", b"1000")))
        connection.read(PATIENCE_SECONDS)

    collector, emitter = start_emitter(lambda _: end)
    emitter.ask("emit")
    eventually(lambda: collector.connections >= 2)
    assert collector.arrivals[1] - collector.arrivals[0] >= 1


def test_what_a_collector_says_makes_no_lines_of_the_log(start_emitter: StartEmitter) -> None:
    said = b"x%0Aforged line%1B[2J" + b"y" * 10_000

    def end(connection: Connection) -> None:
        connection.open()
        if connection.wait_for_stream():
            connection.send(connection.trailers((b"grpc-status", b"14"), (b"grpc-message", said)))
        connection.read(PATIENCE_SECONDS)

    collector, emitter = start_emitter(lambda _: end)
    emitter.ask("emit")
    eventually(lambda: collector.connections >= 2 and emitter.log())
    first = emitter.log().splitlines()[0]
    assert "forged line" in first and "\x1b" not in first and len(first) < 4096


# MARK: Time


def silent(connection: Connection) -> None:
    connection.read(3600)


def without_streams(connection: Connection) -> None:
    connection.open((3, 0))
    connection.read(3600)


def without_window(connection: Connection) -> None:
    connection.open((4, 0))
    connection.read(3600)


def without_answers(connection: Connection) -> None:
    connection.open()
    connection.read(3600)


def leaving(connection: Connection) -> None:
    open_until_batch(connection)
    connection.send(frames.goaway(2**31 - 1, 0))
    connection.read(3600)


def in_the_midst_of_a_message(connection: Connection) -> None:
    open_until_batch(connection)
    connection.send(connection.answer(b"", length=100))
    connection.read(3600)


def test_a_collector_that_never_answers_holds_nobody_up_for_longer_than_he_would_wait(start_emitter: StartEmitter) -> None:
    scripts = (silent, without_streams, without_window, without_answers, leaving, in_the_midst_of_a_message)
    runs = {script.__name__: start_emitter(lambda _, script=script: script, has_journal=True) for script in scripts}
    orders = {
        name: [emitter.send(act, timeoutMs=300) for act in ("emit", "emitAndWait", "flush", "emitDurably")]
        for name, (_, emitter) in runs.items()
    }
    for name, (_, emitter) in runs.items():
        emitted, waited, flushed, kept = [emitter.wait(order, 10) for order in orders[name]]
        assert "error" not in emitted and waited["failed"] == {"timedOut": [0]} and kept["kept"] == [0], name
        assert flushed["error"] == "timedOut", name
    shutdowns = {name: emitter.send("shutdown", timeoutMs=300) for name, (_, emitter) in runs.items()}
    for name, (_, emitter) in runs.items():
        stats = emitter.wait(shutdowns[name], 10)["stats"]
        assert (stats["enqueued"], stats["journalled"], stats["dropped"]) == (3, 3, 0), (name, stats)
        assert emitter.end() == 0, name


def answering_what_nobody_asked(connection: Connection) -> None:
    """Answers a batch that there isn't, and nothing else."""
    open_until_batch(connection)
    connection.send(connection.answer(connection.verdict(NO_SEQUENCE)))
    connection.read(3600)


@pytest.mark.parametrize("script", [without_answers, leaving, answering_what_nobody_asked])
def test_a_collector_that_owes_answers_for_too_long_is_left(start_emitter: StartEmitter, script: Script) -> None:
    collector, emitter = start_emitter(first_then_honest(script), answerTimeoutMs=1000)
    reply = emitter.ask("emitAndWait", timeoutMs=10_000)
    assert reply["kept"] == [0], f"{reply}, {collector.connections} connections"

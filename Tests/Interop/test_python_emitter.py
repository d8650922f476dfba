"""The emitter of Examples/python under faults: each event is in the table exactly once, and the counters add up."""

import logging
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from docket.v1.collector_pb2 import Rejection
from docket.v1.event_pb2 import Event

from collector import Collector, free_port
from conftest import StartCollector
from cutting_proxy import CuttingProxy, cuts
from emitter_example import EXAMPLES, Emitter, Limits, adds_up, docket, numbered, stored
from events import KNOWN_TYPE, unique
from waiting import eventually

# Small batches, and pauses that a test can wait for.
LIMITS = Limits(max_batch_events=50, initial_backoff_seconds=0.02, max_backoff_seconds=0.5)
FLUSH_SECONDS = 60


@pytest.fixture
def chance() -> random.Random:
    seed = int(os.environ.get("DOCKET_TEST_SEED", random.randrange(1 << 32)))
    print(f"seed {seed}: replay with DOCKET_TEST_SEED={seed}")
    return random.Random(seed)


@pytest.fixture
def emitter(collector: Collector) -> Iterator[Emitter]:
    """An emitter that has nothing in its way."""
    with Emitter(collector.address, collector.token, limits=LIMITS) as connected:
        yield connected
    assert adds_up(connected.counters)


def lost_streams(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def reported_drops(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno == logging.ERROR]


def test_events_get_ids_and_times_and_one_producer_with_a_sequence_a_batch(emitter: Emitter, collector: Collector) -> None:
    session = unique()
    for number in range(120):
        emitter.emit(numbered(session, number))
    own = numbered(session, 120, event_id=bytes(range(16)), occurred_at_us=1_000_000)
    emitter.emit(own)
    own.action = "changed after it was emitted"
    assert emitter.flush(FLUSH_SECONDS)
    counters = emitter.counters
    assert (counters.enqueued, counters.committed, counters.queued) == (121, 121, 0)
    assert stored(collector, session) == list(range(121))
    [[versions, own_ids, unchanged, recent]] = collector.sql(
        f"""SELECT count(*) FILTER (WHERE substr(event_id::text, 15, 1) = '7' AND substr(event_id::text, 20, 1) ~ '[89ab]'),
                   count(*) FILTER (WHERE replace(event_id::text, '-', '') = '{bytes(range(16)).hex()}'),
                   count(*) FILTER (WHERE action IS NULL),
                   count(*) FILTER (WHERE occurred_at > now() - interval '1 minute')
            FROM docket.events WHERE session_id = '{session}'"""
    )
    assert (versions, own_ids, unchanged, recent) == ("120", "1", "121", "120")
    rows = collector.sql(
        f"""SELECT DISTINCT b.producer_id, b.sequence FROM docket.batches AS b JOIN docket.events USING (batch_id)
            WHERE session_id = '{session}' ORDER BY b.sequence"""
    )
    assert len({producer for producer, _ in rows}) == 1
    assert [int(sequence) for _, sequence in rows] == list(range(len(rows))) and len(rows) >= 3


def test_threads_emit_side_by_side(emitter: Emitter, collector: Collector) -> None:
    session = unique()

    def emit(first: int) -> None:
        for number in range(first, first + 1000):
            emitter.emit(numbered(session, number))

    threads = [threading.Thread(target=emit, args=(1000 * index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert emitter.flush(FLUSH_SECONDS) and emitter.counters.committed == 8000
    assert stored(collector, session) == list(range(8000))


def test_a_collector_that_is_killed_and_restarted_under_load_gets_each_event_once(
    start_collector: StartCollector, chance: random.Random, caplog: pytest.LogCaptureFixture
) -> None:
    port, session, count = free_port(), unique(), 30_000
    collector = start_collector("--listen", f"127.0.0.1:{port}")
    emitter = Emitter(f"127.0.0.1:{port}", collector.token, limits=LIMITS)
    goes_on = threading.Event()
    kills = 3

    def emit() -> None:
        for number in range(count):
            # The last part is emitted when all kills are over.
            if number == count * 9 // 10:
                goes_on.wait()
            emitter.emit(numbered(session, number))

    emitting = threading.Thread(target=emit)
    emitting.start()
    for _ in range(kills):
        before = emitter.counters.committed
        wanted = before + chance.randrange(100, count // 5)
        eventually(lambda wanted=wanted: emitter.counters.committed >= wanted or emitter.counters.queued == 0)
        assert adds_up(emitter.counters)
        collector.kill()
        collector = start_collector("--listen", f"127.0.0.1:{port}", folder=collector.folder)
        eventually(lambda before=before: emitter.counters.committed > before)
    goes_on.set()
    emitting.join()
    assert emitter.flush(FLUSH_SECONDS), emitter.counters
    emitter.close()
    counters = emitter.counters
    print(counters)
    assert (counters.enqueued, counters.committed, counters.queued) == (count, count, 0) and adds_up(counters)
    assert stored(collector, session) == list(range(count))
    assert lost_streams(caplog), "no stream was lost"


def test_connections_that_are_cut_in_the_middle_of_batches_and_answers_cost_and_double_nothing(
    collector: Collector, chance: random.Random, caplog: pytest.LogCaptureFixture
) -> None:
    session, count = unique(), 20_000
    replays = 'docket_batches_total{result="replayed"}'
    before = collector.metrics().get(replays, 0)
    proxy = CuttingProxy(collector.host_and_port, cuts(chance, 20, request_bytes=60_000, answer_bytes=2000))
    emitter = Emitter(proxy.address, collector.token, limits=LIMITS)
    for number in range(count):
        emitter.emit(numbered(session, number))
    assert emitter.flush(FLUSH_SECONDS), emitter.counters
    emitter.close()
    proxy.close()
    counters = emitter.counters
    replayed = collector.metrics().get(replays, 0) - before
    print(f"{proxy.cuts} cuts, {replayed:.0f} replays, {counters}")
    assert (counters.enqueued, counters.committed, counters.queued) == (count, count, 0) and adds_up(counters)
    assert stored(collector, session) == list(range(count))
    assert proxy.cuts >= 10 and replayed > 0 and len(lost_streams(caplog)) >= 10


def test_a_batch_over_the_quota_is_sent_again_when_the_collector_says_and_ends_no_stream(
    start_collector: StartCollector, caplog: pytest.LogCaptureFixture
) -> None:
    collector, session, count = start_collector(), unique(), 3000
    tenant = collector.ready["tenant"]
    docket(collector, "tenant", "set", tenant, "--events-per-second", "1000", "--burst-seconds", "1")
    refused = 'docket_batches_total{result="refused"}'
    with Emitter(collector.address, collector.token, limits=LIMITS) as probe:

        def is_limited() -> bool:
            """Whether more than a second's worth is refused by now: collectors hear of a change a little later."""
            for number in range(1500):
                probe.emit(numbered("probe", number))
            assert probe.flush(FLUSH_SECONDS)
            return collector.metrics().get(refused, 0) > 0

        eventually(is_limited)
    before = collector.metrics()[refused]
    with Emitter(collector.address, collector.token, limits=LIMITS) as emitter:
        for number in range(count):
            emitter.emit(numbered(session, number))
        assert emitter.flush(FLUSH_SECONDS)
        counters = emitter.counters
    refusals = collector.metrics()[refused] - before
    print(f"{refusals:.0f} refusals, {counters}")
    assert counters.committed == count and adds_up(counters)
    assert stored(collector, session) == list(range(count))
    assert lost_streams(caplog) == []
    assert refusals > 0


def test_a_rejected_event_is_told_with_index_code_and_field_and_costs_its_neighbours_nothing(collector: Collector) -> None:
    session = unique()
    told: list[tuple[Event, Rejection]] = []
    # Whatever the pauses between its events, they are one batch: it goes with the flush.
    limits = Limits(linger_seconds=60)
    with Emitter(
        collector.address, collector.token, limits=limits, on_rejection=lambda event, why: told.append((event, why))
    ) as emitter:
        for number in range(10):
            emitter.emit(numbered(session, number, **({"attributes": "[1]"} if number == 7 else {})))
        emitter.emit(Event(type="no.such.type", session_id=session))
        assert emitter.flush(FLUSH_SECONDS)
        counters = emitter.counters
    assert (counters.committed, counters.rejected) == (9, 2) and adds_up(counters)
    assert stored(collector, session) == [0, 1, 2, 3, 4, 5, 6, 8, 9]
    codes = [(why.index, Rejection.DESCRIPTOR.fields_by_name["code"].enum_type.values_by_number[why.code].name, why.field)
             for _, why in told]  # fmt: skip
    assert codes == [
        (7, "REJECTION_CODE_INVALID_JSON", "attributes"), (10, "REJECTION_CODE_UNKNOWN_EVENT_TYPE", "type"),
    ]  # fmt: skip
    assert [event.actor.id for event, _ in told] == ["7", ""]


def test_a_callback_that_fails_costs_nothing(collector: Collector, caplog: pytest.LogCaptureFixture) -> None:
    with Emitter(collector.address, collector.token, on_rejection=lambda *_: 1 / 0) as emitter:
        for kind in (KNOWN_TYPE, "no.such.type", KNOWN_TYPE):
            emitter.emit(Event(type=kind))
        assert emitter.flush(FLUSH_SECONDS)
        assert (emitter.counters.committed, emitter.counters.rejected) == (2, 1)
    assert ["on_rejection failed"] == [record.getMessage() for record in reported_drops(caplog)]


def test_what_a_full_queue_drops_is_counted_and_logged_and_the_rest_is_stored(
    start_collector: StartCollector, caplog: pytest.LogCaptureFixture
) -> None:
    port, session, count = free_port(), unique(), 5000
    collector = start_collector("--listen", f"127.0.0.1:{port}")
    limits = Limits(
        max_batch_events=50, max_batch_bytes=20_000, max_queue_bytes=100_000, initial_backoff_seconds=0.02,
        max_backoff_seconds=0.2,
    )  # fmt: skip
    emitter = Emitter(f"127.0.0.1:{port}", collector.token, limits=limits)
    emitter.emit(numbered(session, 0))
    assert emitter.flush(FLUSH_SECONDS)
    # The connection stays, and nobody answers.
    collector.process.send_signal(signal.SIGSTOP)
    try:
        eventually(lambda: " T " in Path(f"/proc/{collector.process.pid}/stat").read_text())
        for number in range(1, count):
            emitter.emit(numbered(session, number))
        counters = emitter.counters
        assert adds_up(counters) and counters.dropped_by_reason.keys() == {"queue_full"}
        assert counters.queued > 100 and counters.dropped > count / 2
        eventually(lambda: reported_drops(caplog))
    finally:
        collector.process.send_signal(signal.SIGCONT)
    assert emitter.flush(FLUSH_SECONDS)
    emitter.close()
    final = emitter.counters
    assert final.dropped == counters.dropped and final.committed == count - counters.dropped and adds_up(final)
    # The queue was full from then on: the first ones are those that are stored.
    assert stored(collector, session) == list(range(final.committed))
    reports = reported_drops(caplog)
    assert all(later.created - earlier.created >= 0.9 for earlier, later in zip(reports, reports[1:-1], strict=False))
    assert "queue_full" in reports[0].getMessage()


def test_what_is_refused_for_good_is_dropped_and_ends_no_stream(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    with Emitter(collector.address, collector.token, tenant="no-such-tenant", limits=LIMITS) as emitter:
        for number in range(200):
            emitter.emit(numbered("nobody", number))
        assert emitter.flush(FLUSH_SECONDS)
        counters = emitter.counters
    assert counters.dropped_by_reason == {"refused": 200} and adds_up(counters)
    assert lost_streams(caplog) == []
    assert "PERMISSION_DENIED" in reported_drops(caplog)[-1].getMessage()


def test_a_batch_that_ends_its_stream_is_found_and_dropped_and_the_others_are_stored(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    session = unique()
    limits = Limits(
        max_batch_events=1, max_batch_bytes=8 << 20, initial_backoff_seconds=0.01, max_backoff_seconds=0.1, linger_seconds=0
    )
    with Emitter(collector.address, collector.token, limits=limits) as emitter:
        for number in range(40):
            # A message over the collector's limit is refused before it is read: the stream ends.
            attributes = {"attributes": '{"a": "' + "x" * (5 << 20) + '"}'} if number == 17 else {}
            emitter.emit(numbered(session, number, **attributes))
        assert emitter.flush(FLUSH_SECONDS)
        counters = emitter.counters
    assert (counters.committed, counters.dropped_by_reason) == (39, {"refused": 1}) and adds_up(counters)
    assert stored(collector, session) == [number for number in range(40) if number != 17]
    assert lost_streams(caplog), "no stream was ended"


def test_a_token_is_asked_for_again_for_each_stream(collector: Collector) -> None:
    session = unique()
    tokens = iter(["dkt_" + "0" * 72, "not a token", ValueError("no token now")])
    given: list[object] = []

    def token() -> str:
        given.append(next(tokens, collector.token))
        if isinstance(given[-1], Exception):
            raise given[-1]
        return given[-1]

    with Emitter(collector.address, token, limits=LIMITS) as emitter:
        for number in range(100):
            emitter.emit(numbered(session, number))
        assert emitter.flush(FLUSH_SECONDS)
        assert emitter.counters.committed == 100
    assert len(given) == 4 and stored(collector, session) == list(range(100))


def test_what_cannot_be_queued_or_is_left_at_the_end_is_dropped_by_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    emitter = Emitter(f"127.0.0.1:{free_port()}", "token", limits=Limits(max_batch_bytes=10_000))
    emitter.emit(numbered("s", 0, reason="x" * 20_000))
    emitter.emit(None)
    for number in range(10):
        emitter.emit(numbered("s", number))
    assert adds_up(emitter.counters) and emitter.counters.queued == 10
    assert not emitter.flush(0.05)
    emitter.close(timeout=0.05)
    emitter.emit(numbered("s", 0))
    emitter.close()
    counters = emitter.counters
    assert counters.dropped_by_reason == {"too_large": 1, "invalid": 1, "abandoned": 10, "closed": 1}
    assert adds_up(counters) and counters.queued == 0
    assert "abandoned" in "".join(record.getMessage() for record in reported_drops(caplog))


FORKING = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
sys.path.insert(0, sys.argv[2])
from docket_emitter import Emitter
from docket.v1.event_pb2 import Actor, Event

def emit(emitter, first):
    for number in range(first, first + 100):
        emitter.emit(Event(type="authz.decision", session_id=sys.argv[5], actor=Actor(id=str(number))))
    flushed = emitter.flush(30)
    emitter.close()
    return flushed, emitter.counters.dropped_by_reason

emitter = Emitter(sys.argv[3], sys.argv[4])
children = []
for child in range(2):
    pid = os.fork()
    if pid == 0:
        os._exit(0 if emit(emitter, 100 * child) == (True, {}) else 1)
    children.append(pid)
assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0]
# From here on this process has threads and connections that a child would not have.
emitter.emit(Event(type="authz.decision", session_id=sys.argv[5], actor=Actor(id="200")))
pid = os.fork()
if pid == 0:
    os._exit(0 if emit(emitter, 1000) == (True, {"forked": 100}) else 1)
assert os.waitpid(pid, 0)[1] == 0
emitter.close()
assert emitter.counters.committed == 1, emitter.counters
"""


def test_a_fork_before_the_first_event_makes_two_producers_and_one_after_it_a_child_that_drops(collector: Collector) -> None:
    session = unique()
    stubs_folder = next(path for path in sys.path if "docket-stubs-" in path)
    ended = subprocess.run(
        [sys.executable, "-c", FORKING, stubs_folder, EXAMPLES / "python", collector.address, collector.token, session],
        check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert stored(collector, session) == list(range(201))
    [[producers]] = collector.sql(
        "SELECT count(DISTINCT producer_id) FROM docket.batches JOIN docket.events USING (batch_id) "
        f"WHERE session_id = '{session}'"
    )
    assert producers == "3"
    assert "'forked': " in ended.stderr

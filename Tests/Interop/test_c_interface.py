"""The C interface: the examples as they are shown, each function, many threads, and all that can be passed wrongly."""

import ctypes
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from docket.v1 import collector_pb2

import c_interface
from c_interface import EXAMPLES, HEADERS, LIBRARY, WRAPPER, CError, Config, DocketError, Event, call, library, structure
from client import Client
from collector import BINARY, Collector, free_port
from events import KNOWN_TYPE, full_event, unique
from stubs import ROOT
from waiting import eventually

OK, INVALID_ARGUMENT, INVALID_CONFIGURATION, INVALID_EVENT, CLOSED, IN_CALLBACK, FORKED = range(7)
REJECTED, TOO_LARGE, QUEUE_FULL, JOURNAL_FAILED, TIMED_OUT = 10, 11, 12, 14, 15
NEVER_MS, DEADLINE_SECONDS = -1, 120
WAIT = 2
THREADS = 8


def assert_sums_up(stats: dict[str, int]) -> None:
    handed_over = stats["enqueued"] + stats["recovered"]
    assert handed_over == stats["committed"] + stats["rejected"] + stats["dropped"] + stats["queued"], stats
    assert stats["dropped"] == sum(count for name, count in stats.items() if name.startswith("dropped_")), stats


def count(collector: Collector, session: str) -> int:
    [[found]] = collector.sql(f"SELECT count(*) FROM docket.audit_log WHERE session_id = '{session}'")
    return int(found)


def in_threads(work: object, threads: int = THREADS) -> None:
    """Runs the same on several threads, and fails when one of them does."""
    faults: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            faults.append(error)

    running = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(DEADLINE_SECONDS)
    assert not faults, faults


# What is shipped


@pytest.mark.parametrize(
    ("compiler", "suffix"),
    [(("cc", "-std=c11"), "c"), (("g++", "-std=c++17"), "cc")],
    ids=["C11", "C++17"],
)
def test_the_header_compiles_without_a_warning(compiler: tuple[str, str], suffix: str, tmp_path: Path) -> None:
    source = tmp_path / f"user.{suffix}"
    source.write_text(
        "#include <docket.h>\n#include <docket.h>\n"
        "int main(void) {\n  docket_config config = docket_config_init();\n  docket_event event = docket_event_init();\n"
        "  docket_client *client = NULL;\n  docket_error error;\n"
        "  if (docket_client_create(&config, &client, &error) != DOCKET_OK) return 1;\n"
        "  return (int)docket_client_emit(client, &event, NULL);\n}\n"
    )
    flags = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-fsyntax-only", f"-I{HEADERS}"]
    subprocess.run([*compiler, *flags, source], check=True, timeout=DEADLINE_SECONDS)


def built(target: str, folder: Path) -> Path:
    """A program that the C example's Makefile has made, in a copy of its folder."""
    copy = folder / "c"
    shutil.copytree(EXAMPLES / "c", copy, ignore=shutil.ignore_patterns("emit", "emit-static", "*.o"))
    subprocess.run(
        ["make", "-C", copy, target, f"BUILD={LIBRARY.parent}", f"HEADERS={HEADERS}"],
        check=True, env={**os.environ, "CFLAGS": "-Werror -Wpedantic"}, timeout=DEADLINE_SECONDS,
    )  # fmt: skip
    return copy / target


def needed(binary: Path) -> str:
    """The libraries that it needs."""
    return subprocess.run(["readelf", "-d", binary], check=True, capture_output=True, text=True).stdout


def run_example(collector: Collector, *command: str | Path) -> list[int]:
    """Runs it; returns the number of the batch that it prints, and of the events that it says are committed."""
    ended = subprocess.run(
        [*command], check=False, env={**os.environ, "DOCKET_TOKEN": collector.token, "DOCKET_CLIENT_LIBRARY": str(LIBRARY)},
        capture_output=True, text=True, timeout=DEADLINE_SECONDS,
    )  # fmt: skip
    assert ended.returncode == 0 and "rejected 0, dropped 0" in ended.stdout, ended.stdout + ended.stderr
    return [int(number) for number in re.findall(r"(?:batch|committed) (\d+)", ended.stdout)]


def actors(collector: Collector) -> dict[str, int]:
    """How many events there are of each actor of the examples."""
    rows = collector.sql(
        "SELECT actor_id, count(*) FROM docket.audit_log WHERE type = 'authz.decision' AND "
        "actor_id IN ('alice', 'bob', 'carol', 'dave', 'erin', 'frank', 'grace', 'heidi') GROUP BY actor_id"
    )
    return {actor: int(number) for actor, number in rows}


@pytest.mark.parametrize("target", ["emit", "emit-static"])
def test_the_example_in_c_emits_in_each_of_the_ways(target: str, collector: Collector, tmp_path: Path) -> None:
    if target == "emit-static" and not LIBRARY.with_name("libdocket-client-static.a").exists():
        pytest.skip("the static library isn't beside the shared one")
    program = built(target, tmp_path)
    before = actors(collector)
    batch, committed = run_example(collector, program, collector.address, tmp_path / "journal")
    assert committed == 1003 and batch > 0
    added = {actor: number - before.get(actor, 0) for actor, number in actors(collector).items()}
    assert {actor: added[actor] for actor in ("alice", "bob", "carol", "dave")} == {
        "alice": 1000, "bob": 1, "carol": 1, "dave": 1,
    }  # fmt: skip
    # Swift's runtime is inside, or comes with the shared library.
    assert not re.search(r"libpq|libswift|libFoundation", needed(program))


def test_the_example_in_python_does_so_with_ctypes(collector: Collector) -> None:
    before = actors(collector)
    batch, committed = run_example(collector, sys.executable, WRAPPER, collector.address)
    assert committed == 1001 and batch > 0
    added = {actor: number - before.get(actor, 0) for actor, number in actors(collector).items()}
    assert (added["erin"], added["frank"]) == (1000, 1)


def test_the_snippets_of_the_page_in_cpp_and_rust_emit(collector: Collector, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "client" / "c.md").read_text()
    snippets = dict(re.findall(r"^```(cpp|rust)\n(.*?)^```", page, re.M | re.S))
    link = [f"-L{LIBRARY.parent}", "-ldocket-client"]
    for language, actor, command in (
        ("cpp", "grace", ["g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", f"-I{HEADERS}", "emit.cpp", "-o", "emit-cpp", *link]),
        ("rust", "heidi", ["rustc", "--edition", "2021", "-Dwarnings", "emit.rust", "-o", "emit-rust", *link]),
    ):
        if shutil.which(command[0]) is None:
            continue
        (tmp_path / f"emit.{language}").write_text(snippets[language])
        subprocess.run(command, check=True, cwd=tmp_path, timeout=DEADLINE_SECONDS)
        before = actors(collector).get(actor, 0)
        environment = {**os.environ, "DOCKET_TOKEN": collector.token, "LD_LIBRARY_PATH": str(LIBRARY.parent)}
        program = tmp_path / f"emit-{language}"
        subprocess.run([program, collector.address], check=True, env=environment, timeout=DEADLINE_SECONDS)
        assert actors(collector)[actor] == before + 1


def test_the_library_needs_no_postgres_and_has_the_version_of_the_command() -> None:
    assert "libpq" not in needed(LIBRARY)
    tree = subprocess.run(["ldd", LIBRARY], check=True, capture_output=True, text=True).stdout
    assert "libpq" not in tree and "not found" not in tree, tree
    said = subprocess.run([BINARY, "version"], check=True, capture_output=True, text=True).stdout
    assert said.split() == ["docket", library().docket_version().decode()]


# What arrives


def test_every_field_of_the_structure_arrives(collector: Collector, client: Client) -> None:
    published = full_event()
    with c_interface.client(collector) as emitter:
        receipt = c_interface.docket_ctypes.Receipt()
        status, message = call("emit_and_wait", emitter._handle, structure(published), NEVER_MS, ctypes.byref(receipt))
        assert status == OK, message
    [stored] = client.query(event_id=published.event_id).events
    assert stored.event == published
    assert (stored.batch_id, stored.received_at_us) == (receipt.batch_id, receipt.received_at_us)
    assert any(receipt.root) and bytes(receipt.root) == bytes(receipt.content_hash) and receipt.durability == 1


def test_what_is_not_set_is_absent(collector: Collector, client: Client) -> None:
    session = unique()
    with c_interface.client(collector) as emitter:
        assert call("emit", emitter._handle, Event(type=KNOWN_TYPE.encode(), session_id=session.encode()))[0] == OK
        emitter.flush()
    [stored] = client.query(session_id=session).events
    made = stored.event
    assert {field.name for field, _ in made.ListFields()} == {"event_id", "type", "occurred_at_us", "session_id"}
    assert made.event_id[6] >> 4 == 7 and abs(made.occurred_at_us - stored.received_at_us) < 60_000_000


def test_new_event_ids_differ_and_name_the_event(collector: Collector, client: Client) -> None:
    ids = [(ctypes.c_uint8 * 16)() for _ in range(100)]
    for room in ids:
        library().docket_new_event_id(room)
    assert len({bytes(room) for room in ids}) == 100
    with c_interface.client(collector) as emitter:
        assert call("emit_and_wait", emitter._handle, Event(type=KNOWN_TYPE.encode(), event_id=ids[0]), NEVER_MS, None)[0] == OK
    assert len(client.query(event_id=bytes(ids[0])).events) == 1
    library().docket_new_event_id(None)


def test_threads_emit_in_every_way_at_once_and_the_numbers_add_up(collector: Collector, tmp_path: Path) -> None:
    session, each = unique(), 300
    members = {"type": KNOWN_TYPE, "session_id": session}
    with c_interface.client(collector, journal_path=str(tmp_path / "journal")) as emitter:

        def emit(number: int) -> None:
            for index in range(each):
                emitter.emit(**members)
                assert call("emit", emitter._handle, Event(type=KNOWN_TYPE.encode(), session_id=session.encode()))[0] == OK
                if index % 30 == number:
                    emitter.emit_and_wait(**members)
                    emitter.emit_durably(**members)
                    assert_sums_up(emitter.stats())

        in_threads(emit)
        emitter.flush()
        # What went by the journal may still be on its way.
        eventually(lambda: emitter.stats()["queued"] == 0, lambda: str(emitter.stats()))
        last = emitter.close()
    expected = THREADS * (2 * each + 2 * each // 30)
    assert (last["enqueued"], last["committed"], last["dropped"]) == (expected, expected, 0)
    assert_sums_up(last)
    assert count(collector, session) == expected


def test_durable_events_outlive_a_client_that_reached_nobody(collector: Collector, tmp_path: Path) -> None:
    session, journal = unique(), str(tmp_path / "journal")
    with c_interface.client(f"127.0.0.1:{free_port()}", journal_path=journal, log_level=8) as emitter:
        for _ in range(3):
            emitter.emit_durably(type=KNOWN_TYPE, session_id=session)
        structured = Event(type=KNOWN_TYPE.encode(), session_id=session.encode())
        assert call("emit_durably", emitter._handle, structured, NEVER_MS)[0] == OK
        with pytest.raises(DocketError) as raised:
            c_interface.client(collector, journal_path=journal)
        assert raised.value.name == "journal_failed"
        last = emitter.close(timeout_ms=0)
        assert (last["journalled"], last["dropped"], last["journal_bytes"] > 0) == (4, 0, True)
    with c_interface.client(collector, journal_path=journal) as emitter:
        eventually(lambda: emitter.stats()["committed"] == 4, lambda: str(emitter.stats()))
        assert_sums_up(emitter.stats())
    assert count(collector, session) == 4


def test_a_rejected_event_is_told_to_whoever_waits_and_to_the_callback(collector: Collector) -> None:
    told: list[tuple[str, str, str]] = []
    with c_interface.client(collector, on_rejection=lambda *what: told.append(what)) as emitter:
        with pytest.raises(DocketError, match="type: .*not registered|type: ") as raised:
            emitter.emit_and_wait(type="never.registered")
        assert (raised.value.status, raised.value.rejection_code) == (REJECTED, collector_pb2.REJECTION_CODE_UNKNOWN_EVENT_TYPE)
        assert [(code, field) for code, field, _ in told] == [("unknown_event_type", "type")]
        emitter.emit(type="never.registered")
        emitter.flush()
        assert len(told) == 2
        assert emitter.stats()["rejected"] == 2


# Bounds


def test_without_room_the_event_is_refused_and_counted() -> None:
    with c_interface.client(
        f"127.0.0.1:{free_port()}", max_batch_bytes=1024, max_queue_bytes=4096, log_level=8
    ) as emitter:
        names: list[str] = []
        for _ in range(200):
            try:
                emitter.emit(type=KNOWN_TYPE)
            except DocketError as error:
                names.append(error.name)
                assert "max_queue_bytes" in str(error)
        assert names and set(names) == {"queue_full"}
        with pytest.raises(DocketError, match="max_batch_bytes") as raised:
            emitter.emit(type=KNOWN_TYPE, reason="x" * 2000)
        assert raised.value.status == TOO_LARGE
        stats = emitter.stats()
        assert (stats["dropped_queue_full"], stats["dropped_too_large"]) == (len(names), 1)
        assert_sums_up(stats)
        with pytest.raises(DocketError, match=r"\d+ events unanswered") as raised:
            emitter.close(timeout_ms=0)
        assert raised.value.status == TIMED_OUT


def test_nobody_waits_longer_than_allowed(tmp_path: Path) -> None:
    with c_interface.client(
        f"127.0.0.1:{free_port()}", journal_path=str(tmp_path / "journal"), journal_max_bytes=48 << 20, overflow_policy=WAIT,
        log_level=8,
    ) as emitter:
        for wait in (lambda: emitter.emit_and_wait(100, type=KNOWN_TYPE), lambda: emitter.flush(100)):
            with pytest.raises(DocketError) as raised:
                wait()
            assert raised.value.status == TIMED_OUT
        # Until the journal has no room, which comes back never.
        with pytest.raises(DocketError) as raised:
            for _ in range(1000):
                emitter.emit_durably(2000, type=KNOWN_TYPE, reason="x" * 500_000)
        assert raised.value.status == TIMED_OUT
        emitter.close(0)


# What can be passed wrongly


@pytest.fixture
def emitter(collector: Collector) -> c_interface.Client:
    with c_interface.client(collector) as opened:
        yield opened


EVENT_FAULTS = {
    "no type": ({"type": None}, "type is NULL"),
    "text that is no UTF-8": ({"type": b"\xff\xfe"}, "type is not valid UTF-8"),
    "an actor's text that is none": ({"actor": c_interface.Actor(id=b"\xc0\x80")}, "actor.id is not valid UTF-8"),
    "a cut character": ({"attributes": b'{"a":"\xe2\x82"}'}, "attributes is not valid UTF-8"),
    "an unknown decision": ({"decision": 4}, "decision is 4"),
    "a negative decision": ({"decision": -(2**31)}, "decision is -2147483648"),
    "a decision that 16 bits would cut": ({"decision": 65537}, "decision is 65537"),
    "an unknown outcome": ({"outcome": 99}, "outcome is 99"),
    "unknown numbers": ({"has": 16}, "has is 16"),
    "all numbers": ({"has": 2**32 - 1}, "has is 4294967295"),
    "too long a chain": ({"delegation_count": 65}, "delegation has 65 actors"),
    "a huge chain": ({"delegation_count": 2**64 - 1}, "delegation has 18446744073709551615 actors"),
    "a chain that isn't there": ({"delegation_count": 1}, "delegation is NULL"),
}


@pytest.mark.parametrize(("fields", "said"), EVENT_FAULTS.values(), ids=EVENT_FAULTS)
def test_a_structure_that_is_no_event_is_refused(emitter: c_interface.Client, fields: dict, said: str) -> None:
    faulty = Event(**{"type": KNOWN_TYPE.encode()} | fields)
    for name, arguments in (("emit", ()), ("emit_durably", (0,)), ("emit_and_wait", (0, None))):
        status, message = call(name, emitter._handle, faulty, *arguments)
        assert status == INVALID_EVENT and message.startswith(said), message
    assert emitter.stats()["enqueued"] == 0


JSON_FAULTS = {
    "nothing": b"",
    "no JSON": b"{",
    "another kind": b"[]",
    "no UTF-8": b'{"type":"\xff"}',
    "an unknown member": b'{"type":"a.b","occurred_at":"2026-03-01T09:30:00Z","typo":1}',
    "no time": b'{"type":"a.b"}',
    "an unknown decision": b'{"type":"a.b","occurred_at":"2026-03-01T09:30:00Z","decision":"perhaps"}',
    "a NUL": b'{"type":"a.b"}\0',
    "a nest": b"[" * 100_000,
}


@pytest.mark.parametrize("text", JSON_FAULTS.values(), ids=JSON_FAULTS)
def test_json_that_is_no_event_is_refused(emitter: c_interface.Client, text: bytes) -> None:
    for name, arguments in (("emit_json", ()), ("emit_durably_json", (0,)), ("emit_and_wait_json", (0, None))):
        status, message = call(name, emitter._handle, text, len(text), *arguments)
        assert status == INVALID_EVENT and message, message
        # The length isn't looked behind.
        for length in (2**63, 2**64 - 1, (64 << 20) + 1):
            assert call(name, emitter._handle, text, length, *arguments)[0] == INVALID_EVENT
        assert call(name, emitter._handle, None, 0, *arguments)[0] == INVALID_ARGUMENT
    assert emitter.stats()["enqueued"] == 0


def create(config: Config | None) -> tuple[int, str]:
    made = ctypes.c_void_p(1)
    status = call("create", config, ctypes.byref(made))
    assert made.value is None
    return status


ONE_TARGET = {"targets": (ctypes.c_char_p * 2)(b"127.0.0.1:1", None), "target_count": 1}
CONFIG_FAULTS = {
    "no target": ({"target_count": 0}, "targets is empty"),
    "targets that aren't there": ({"targets": None}, "targets is empty"),
    "a target that isn't there": ({"target_count": 2}, "targets[1] is NULL"),
    "too many targets": ({"target_count": 2**40}, "target_count is 1099511627776"),
    "a target that is none": ({"targets": (ctypes.c_char_p * 1)(b"nowhere")}, "a target is 'nowhere'"),
    "a token that is no UTF-8": ({"token": b"\xff"}, "token is not valid UTF-8"),
    "an unknown policy": ({"overflow_policy": 4}, "overflow_policy is 4"),
    "a journal that isn't set": ({"overflow_policy": 3}, "overflow_policy is journal"),
    "a negative policy": ({"overflow_policy": -1}, "overflow_policy is -1"),
    "an unknown compression": ({"compression": 2}, "compression is 2"),
    "an unknown security": ({"security": 2}, "security is 2"),
    "an unknown level": ({"log_level": 9}, "log_level is 9"),
    "TLS files without TLS": ({"trust_file": b"/etc/ssl/cert.pem"}, "files for TLS are set"),
    "a certificate without a key": ({"security": 1, "client_certificate_file": b"x"}, "set both client_certificate_file"),
    "too many events": ({"max_batch_events": 10_001}, "max_batch_events is 10001"),
    "a negative number of events": ({"max_batch_events": -1}, "max_batch_events is -1"),
    "too many bytes": ({"max_batch_bytes": 2**63 - 1}, "max_batch_bytes is 9223372036854775807"),
    "too small a queue": ({"max_queue_bytes": 1024}, "max_queue_bytes is 1024"),
    "too long a linger": ({"linger_ms": 60_001}, "linger_ms is 60001"),
    "a negative number of attempts": ({"max_attempts": -1}, "max_attempts is -1"),
    "too long a pause": ({"max_backoff_ms": 3_600_001}, "max_backoff_ms is 3600001"),
}


@pytest.mark.parametrize(("fields", "said"), CONFIG_FAULTS.values(), ids=CONFIG_FAULTS)
def test_a_setting_that_can_not_work_is_refused(fields: dict, said: str) -> None:
    status, message = create(Config(**ONE_TARGET | fields))
    assert status == INVALID_CONFIGURATION and message.startswith(said), message


@pytest.mark.parametrize("journal_max_bytes", [1, -1, -(2**63), 2**63 - 1])
def test_a_journal_of_an_impossible_size_is_refused(journal_max_bytes: int, tmp_path: Path) -> None:
    made = ctypes.c_void_p()
    config = Config(**ONE_TARGET, journal_path=bytes(tmp_path / "journal"), journal_max_bytes=journal_max_bytes, log_level=8)
    status, message = call("create", config, ctypes.byref(made))
    assert status == JOURNAL_FAILED and message.startswith(f"journal_max_bytes is {journal_max_bytes};"), message


def test_sizes_that_no_version_has_are_refused_and_later_ones_are_read(emitter: c_interface.Client) -> None:
    for size in (0, 1, ctypes.sizeof(Event) - 8, 4097, 2**32 - 1):
        sized = Event(type=KNOWN_TYPE.encode())
        sized.size = size
        status, message = call("emit", emitter._handle, sized)
        assert status == INVALID_ARGUMENT and f"is {size};" in message, message
    assert create(Config())[0] == INVALID_CONFIGURATION
    later = (ctypes.c_uint8 * 4096)()
    ctypes.memmove(later, ctypes.byref(Event(type=KNOWN_TYPE.encode())), ctypes.sizeof(Event))
    as_event = ctypes.cast(later, ctypes.POINTER(Event))
    as_event.contents.size = 4096
    assert call("emit", emitter._handle, as_event)[0] == OK
    later[4095] = 1
    status, message = call("emit", emitter._handle, as_event)
    assert status == INVALID_ARGUMENT and "older than docket.h" in message, message
    assert emitter.stats()["enqueued"] == 1


def test_results_of_other_sizes_are_filled_as_far_as_they_go_or_refused(emitter: c_interface.Client) -> None:
    stats = c_interface.docket_ctypes.Stats()
    stats.size = 4
    assert call("stats", emitter._handle, ctypes.byref(stats))[0] == INVALID_ARGUMENT
    room = (ctypes.c_uint8 * 512)(*([0xFF] * 512))
    later = ctypes.cast(room, ctypes.POINTER(c_interface.docket_ctypes.Stats))
    later.contents.size = 500
    assert call("stats", emitter._handle, later)[0] == OK
    own = ctypes.sizeof(stats)
    assert later.contents.size == 500 and not any(room[own:500]) and all(byte == 0xFF for byte in room[500:])
    receipt = c_interface.docket_ctypes.Receipt()
    receipt.size = 8
    status, _ = call("emit_and_wait", emitter._handle, Event(type=KNOWN_TYPE.encode()), NEVER_MS, ctypes.byref(receipt))
    # Refused before anything was done.
    assert status == INVALID_ARGUMENT and emitter.stats()["enqueued"] == 0


def test_null_and_unknown_handles_are_errors(emitter: c_interface.Client) -> None:
    some = Event(type=KNOWN_TYPE.encode())
    text = b'{"type":"authz.decision","occurred_at":"2026-03-01T09:30:00Z"}'
    stats = c_interface.docket_ctypes.Stats()
    for handle, expected in ((None, INVALID_ARGUMENT), (1, CLOSED), (2**64 - 1, CLOSED), (emitter._handle.value + 16, CLOSED)):
        for name, arguments in (
            ("emit", (some,)), ("emit_json", (text, len(text))), ("emit_durably", (some, 0)),
            ("emit_durably_json", (text, len(text), 0)), ("emit_and_wait", (some, 0, None)),
            ("emit_and_wait_json", (text, len(text), 0, None)), ("flush", (0,)), ("stats", (ctypes.byref(stats),)),
            ("close", (0, None)),
        ):  # fmt: skip
            assert call(name, handle, *arguments)[0] == expected, name
    for name, arguments in (
        ("emit", (None,)), ("emit_durably", (None, 0)), ("emit_and_wait", (None, 0, None)), ("stats", (None,)),
    ):  # fmt: skip
        assert call(name, emitter._handle, *arguments)[0] == INVALID_ARGUMENT, name
    assert create(None)[0] == INVALID_ARGUMENT
    assert call("create", Config(**ONE_TARGET), None)[0] == INVALID_ARGUMENT
    # Nobody has to take the error.
    assert library().docket_client_emit(emitter._handle, None, None) == INVALID_ARGUMENT
    assert emitter.stats()["enqueued"] == 0


def test_durably_without_a_journal_says_which_setting_is_missing(emitter: c_interface.Client) -> None:
    with pytest.raises(DocketError, match="needs a journal") as raised:
        emitter.emit_durably(type=KNOWN_TYPE)
    assert raised.value.status == INVALID_CONFIGURATION


def test_a_long_message_is_cut_between_characters(emitter: c_interface.Client) -> None:
    for padding in range(4):
        name = "x" * padding + "ü" * 400
        text = f'{{"{name}":1}}'.encode()
        error = CError()
        library().docket_client_emit_json(emitter._handle, text, len(text), ctypes.byref(error))
        assert error.message.decode() and len(error.message) < 504


def test_statuses_have_names() -> None:
    names = [library().docket_status_name(status).decode() for status in range(17)]
    assert len(set(names)) == 17 and (names[0], names[QUEUE_FULL], names[16]) == ("ok", "queue_full", "unknown")
    enumeration = re.findall(r"^    DOCKET_(\w+) = (\d+)", (HEADERS / "docket.h").read_text().split("} docket_error")[0], re.M)
    assert {name.lower(): int(number) for name, number in enumeration} == {name: index for index, name in enumerate(names[:16])}
    assert library().docket_status_name(-1) == b"unknown"


# Closing


def test_a_closed_client_says_so(collector: Collector) -> None:
    emitter = c_interface.client(collector)
    emitter.close()
    for attempt in (emitter.close, emitter.stats, emitter.flush, lambda: emitter.emit(type=KNOWN_TYPE)):
        with pytest.raises(DocketError) as raised:
            attempt()
        assert raised.value.status == CLOSED


def test_closing_while_others_emit_loses_nothing_that_was_taken(collector: Collector) -> None:
    session = unique()
    taken = [0] * THREADS
    running = threading.Semaphore(0)
    opened = c_interface.client(collector)

    def emit(number: int) -> None:
        if number == 0:
            for _ in range(THREADS - 1):
                running.acquire()
            last.update(opened.close(60_000))
            return
        while True:
            try:
                if number % 2:
                    opened.emit(type=KNOWN_TYPE, session_id=session)
                else:
                    opened.emit_and_wait(type=KNOWN_TYPE, session_id=session)
            except DocketError as error:
                assert error.status == CLOSED, error
                return
            taken[number] += 1
            if taken[number] == 20:
                running.release()

    last: dict[str, int] = {}
    in_threads(emit)
    assert_sums_up(last)
    assert last["queued"] == 0 and last["committed"] == count(collector, session)
    assert sum(taken) == last["committed"], (taken, last)


def test_callbacks_may_emit_and_count_and_are_over_when_the_client_is_closed(collector: Collector) -> None:
    found: list[int] = []
    lines: list[str] = []
    ready = threading.Event()
    stats = c_interface.docket_ctypes.Stats()
    some = Event(type=KNOWN_TYPE.encode())
    expected = [OK, OK, IN_CALLBACK, IN_CALLBACK, IN_CALLBACK, IN_CALLBACK]

    def on_rejection(*_: str) -> None:
        ready.wait(DEADLINE_SECONDS)
        for attempt in (
            lambda: call("emit", opened._handle, some),
            lambda: call("stats", opened._handle, ctypes.byref(stats)),
            lambda: call("flush", opened._handle, 0),
            lambda: call("emit_and_wait", opened._handle, some, 0, None),
            lambda: create(Config(**ONE_TARGET)),
            # It would wait for ever if it waited.
            lambda: call("close", opened._handle, 0, None) if found == expected[:-1] else (None, ""),
        ):
            found.append(attempt()[0])

    opened = c_interface.client(collector, on_rejection=on_rejection, on_log=lambda _, line: lines.append(line))
    opened.emit(type="never.registered")
    ready.set()
    opened.flush()
    assert found == expected
    last = opened.close()
    assert (last["rejected"], last["committed"]) == (1, 1)
    del opened
    assert len(found) == len(expected)


def test_log_lines_go_to_the_callback() -> None:
    lines: list[tuple[int, str]] = []
    with c_interface.client(f"127.0.0.1:{free_port()}", on_log=lambda *what: lines.append(what)) as emitter:
        emitter.emit(type=KNOWN_TYPE)
        with pytest.raises(DocketError):
            emitter.close(200)
    assert lines and {level for level, _ in lines} <= {5, 6}
    assert any("unanswered" in line for _, line in lines), lines


FORKING = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
import docket_ctypes as docket
library = docket.load(sys.argv[2])
with docket.Client([sys.argv[3]], token=sys.argv[4], library=library) as client:
    client.emit_and_wait(type="authz.decision")
    child = os.fork()
    if child == 0:
        # A call that hangs ends it.
        signal.alarm(60)
        statuses = []
        for attempt in (client.stats, client.flush, client.close, lambda: client.emit(type="authz.decision"),
                        lambda: docket.Client([sys.argv[3]], library=library)):
            try:
                attempt()
            except docket.DocketError as error:
                statuses.append(error.status)
        os._exit(0 if statuses == [6] * 5 else 1)
    assert os.waitpid(child, 0)[1] == 0
    client.emit_and_wait(type="authz.decision")
if os.fork() == 0:
    os._exit(0)
"""


def test_a_forked_child_gets_an_error_and_the_parent_goes_on(collector: Collector) -> None:
    subprocess.run(
        [sys.executable, "-c", FORKING, WRAPPER.parent, LIBRARY, collector.address, collector.token],
        check=True, timeout=DEADLINE_SECONDS,
    )  # fmt: skip

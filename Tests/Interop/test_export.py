"""Export: a tenant's log in its own order, whole, and what the command line makes of it."""

import hashlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from docket.v1.audit_log_pb2 import EventFilter, QueryRequest, StatsRequest
from docket.v1.event_pb2 import Actor, Event, Resource

from client import Client, export_request, failure
from collector import BINARY, Collector
from events import KNOWN_TYPE, event, full_event, request, unique
from exported_log import Log, log  # noqa: F401
from tails import Tail, tail_request
from waiting import PAUSE_SECONDS, eventually

ACCEPTED = "docket_rpc_connections_accepted_total"


# MARK: The call


def test_an_export_has_every_event_once_in_the_order_of_the_log(log: Log) -> None:  # noqa: F811
    whole = log.client.export()
    places = [(one.log_index, one.position) for one in whole.events]
    assert places == sorted(set(places))
    assert sorted(one.event_id for one in log.own(whole.events)) == sorted(one.event_id for one in log.events)
    assert {one.SerializeToString(deterministic=True) for one in log.own(whole.events)} == {
        one.SerializeToString(deterministic=True) for one in log.events
    }
    assert whole.summary.event_count == len(whole.events) and whole.summary.tenant == "default"
    stored = log.collector.sql("SELECT count(*), max(log_index) + 1 FROM docket.log_entries WHERE tenant_id = 1")
    assert whole.summary.end_log_index >= whole.events[-1].log_index + 1 and int(stored[0][1]) >= whole.summary.end_log_index


def test_parts_put_together_are_the_whole_wherever_they_are_cut(log: Log) -> None:  # noqa: F811
    whole = log.client.export()
    end = whole.summary.end_log_index
    for _ in range(20):
        place = log.chance.choice(whole.events)
        cut = (place.log_index, place.position)
        first = [one for one in whole.events if (one.log_index, one.position) < cut]
        assert list(log.client.export(start=cut, end=end).events) == list(whole.events)[len(first):]
        one_batch = log.client.export(start=(cut[0], 0), end=cut[0] + 1)
        assert list(one_batch.events) == [one for one in whole.events if one.log_index == cut[0]]
        assert one_batch.summary.end_log_index == cut[0] + 1
    later = log.client.export(start=(end, 0), end=end)
    assert not later.events and later.summary.end_log_index == end


def test_next_says_where_to_go_on_behind_each_message(log: Log) -> None:  # noqa: F811
    whole = log.client.export()
    end, whole = whole.summary.end_log_index, list(whole.events)
    seen: list = []
    for part in log.client.audit_log.Export(export_request(end=end), metadata=log.client.metadata, timeout=60):
        seen += part.events
        place = (part.next.log_index, part.next.position)
        assert seen == [one for one in whole if (one.log_index, one.position) < place]


@pytest.mark.parametrize("fields", [{"scope": "scope-3"}, {"text": "two"}, {"scope": "no such"}, {}])
def test_a_filter_lets_through_what_a_query_finds(log: Log, fields: dict) -> None:  # noqa: F811
    # What tells of an export has its filter's words.
    fields = {"type_prefix": "authz.", **fields}
    exported = sorted((one.batch_id, one.position) for one in log.client.export(**fields).events)
    assert exported == sorted((one.batch_id, one.position) for one in log.client.query_all(**fields, page_size=1000))


def test_what_is_committed_while_an_export_runs_comes_with_the_next_one(log: Log) -> None:  # noqa: F811
    stream = log.client.audit_log.Export(export_request(), metadata=log.client.metadata, timeout=60)
    first = next(stream)
    late = event(type="authz.decision", scope=unique("late-"))
    log.client.publish_events(late)
    log.events.append(late)
    log.wait_for(len(log.events))
    parts = [first, *stream]
    assert late not in log.own([one for part in parts for one in part.events])
    end = parts[-1].summary.end_log_index
    assert log.own(log.client.export(start=(end, 0)).events) == [late]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"start": (-1, 0)}, "from.log_index"), ({"start": (0, 1 << 31)}, "from.position"), ({"end": -5}, "end_log_index"),
        ({"text": ""}, "filter.text"), ({"tenant": "nobody"}, "nobody"),
    ],
)  # fmt: skip
def test_a_bad_request_is_told_what_is_wrong_with_it(log: Log, fields: dict, said: str) -> None:  # noqa: F811
    error = failure(
        log.client.audit_log.Export, export_request(**fields), metadata=log.client.metadata, timeout=60
    )
    assert error.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED)
    assert said in error.details()


# MARK: Who has read


def readings(client: Client, kind: str) -> list[tuple[str, dict]]:
    """The actor and the attributes of the events that tell of readings, oldest first."""
    found = client.query_all(type=f"docket.log.{kind}", order=2, page_size=1000)
    return [(one.event.actor.id, json.loads(one.event.attributes)) for one in found]


def test_an_export_is_an_event_in_the_log_that_is_there_when_the_export_ends(log: Log) -> None:  # noqa: F811
    before = len(readings(log.client, "exported"))
    whole = log.client.export(scope="scope-2", start=(3, 0), end=9)
    [(actor, said)] = readings(log.client, "exported")[before:]
    assert said == {"filter": {"scope": "scope-2"}, "events": len(whole.events), "from_log_index": 3, "end_log_index": 9}
    assert log.collector.sql(f"SELECT count(*) FROM docket.credentials WHERE credential_id = {int(actor)}") == [["1"]]
    # By default queries aren't told.
    assert readings(log.client, "queried") == []


@pytest.mark.parametrize(
    ("mode", "told"),
    [("all", ["queried query", "queried stats", "exported export", "tailed tail", "tailed tail.end"]),
     ("exports", ["exported export", "tailed tail", "tailed tail.end"]), ("off", [])],
)  # fmt: skip
def test_what_is_told_of_readings_is_what_the_operator_says(mode: str, told: list[str]) -> None:
    collector = Collector(environment={"DOCKET_AUDIT_READS": mode})
    readings = "SELECT type, actor_kind, resource_id, action, attributes::text FROM docket.audit_log WHERE type LIKE 'docket.log.%'"
    try:
        with Client(collector.address, collector.token) as client:
            client.publish_events(event(scope="s"), event(scope="t"))
            assert len(client.query(scope="s").events) == 1
            client.audit_log.Stats(StatsRequest(), metadata=client.metadata, timeout=60)
            client.export(scope="t")
            with Tail(client, tail_request(start=(0, 0), scope="t")) as tail:
                tail.wait_for(1)
        # A collector that has stopped has told what it was to tell.
        assert collector.stop() == 0
        collector = Collector(folder=collector.folder)
        found = collector.sql(f"{readings} ORDER BY batch_id")
        assert [f"{one[0].removeprefix('docket.log.')} {one[3]}" for one in found] == told
        assert all(one[1:3] == ["credential", "default"] for one in found)
        if mode == "all":
            assert json.loads(found[0][4]) == {"filter": {"scope": "s"}, "events": 1, "tenants": 1}
    finally:
        collector.stop()
        collector.delete_folder()


def test_what_is_looked_for_in_several_logs_is_told_in_none_of_them() -> None:
    """A word that only one tenant knows mustn't come to another by way of whoever may read both."""
    collector = Collector(environment={"DOCKET_AUDIT_READS": "all"})
    administration = os.environ | {"DOCKET_POSTGRES_MAINTAINER": collector.ready["conninfo"]["maintainer"]}
    try:
        for arguments in (["tenant", "add", "other"], ["token", "add", "--all-tenants", "--scope", "query"]):
            made = subprocess.run([BINARY, *arguments], env=administration, capture_output=True, text=True, timeout=60)
            assert made.returncode == 0, made.stderr
        with Client(collector.address, made.stdout.strip()) as client:

            def pages() -> None:
                client.audit_log.Query(
                    QueryRequest(all_tenants=True, filter=EventFilter(scope="secret")), metadata=client.metadata, timeout=60
                )

            eventually(lambda: served(pages))
        told = collector.sql("SELECT tenant, attributes::text FROM docket.audit_log WHERE type = 'docket.log.queried'")
        assert sorted(told) == sorted([name, '{"events":0,"tenants":2}'] for name in ("default", "other"))
    finally:
        collector.stop()
        collector.delete_folder()


def served(call: Callable[[], None]) -> bool:
    """Whether a call is served by now: the collector learns of a credential a moment after it was made."""
    try:
        call()
    except grpc.RpcError as error:
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED, error
        return False
    return True


# MARK: The command


def test_a_file_has_a_manifest_that_holds_and_that_no_changed_byte_gets_past(log: Log, tmp_path: Path) -> None:  # noqa: F811
    file = tmp_path / "log.jsonl"
    ended = log.run("--output", file, "--scope", "scope-1")
    assert b"events" in ended.stderr and ended.stdout == b""
    lines = file.read_bytes().splitlines()
    manifest = json.loads((tmp_path / "log.jsonl.manifest.json").read_text())
    assert manifest["events"] == len(lines) == sum(one.scope == "scope-1" for one in log.events)
    assert manifest["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest() and manifest["bytes"] == file.stat().st_size
    assert manifest["filter"] == {"scope": "scope-1"} and manifest["format"] == "jsonl"
    times = sorted(json.loads(line)["occurred_at"] for line in lines)
    assert (manifest["first_occurred_at"], manifest["last_occurred_at"]) == (times[0], times[-1])
    assert str(len(lines)).encode() in log.run("--verify", file).stdout
    whole = file.read_bytes()
    for changed in (whole[:-1], whole + b"\n", whole.replace(b"read", b"raed", 1), b""):
        file.write_bytes(changed)
        assert b"manifest" in log.run("--verify", file, code=65).stderr
    assert not list(tmp_path.glob("*.partial"))


def test_an_export_that_goes_on_stays_with_the_log_of_its_manifest(log: Log, tmp_path: Path) -> None:  # noqa: F811
    """Whatever the credential covers by then."""
    log.run("--output", tmp_path / "0.jsonl", "--end-log-index", "1")
    manifest = tmp_path / "0.jsonl.manifest.json"
    manifest.write_text(manifest.read_text().replace('"tenant":"default"', '"tenant":"other"'))
    assert b"'other'" in log.run("--after", manifest, code=77).stderr


def test_exports_one_after_the_other_hold_each_event_once(log: Log, tmp_path: Path) -> None:  # noqa: F811
    log.run("--output", tmp_path / "0.jsonl", "--end-log-index", "10", "--type", "authz.decision")
    for number in range(1, 4):
        limit = ["--end-log-index", str(10 + 10 * number)] if number < 3 else []
        log.run("--output", tmp_path / f"{number}.jsonl", "--after", tmp_path / f"{number - 1}.jsonl.manifest.json",
                "--type", "authz.decision", *limit)  # fmt: skip
    parts = b"".join((tmp_path / f"{number}.jsonl").read_bytes() for number in range(4))
    assert parts == log.run("--type", "authz.decision").stdout


def test_a_file_that_is_there_is_kept(log: Log, tmp_path: Path) -> None:  # noqa: F811
    file = tmp_path / "log.jsonl"
    file.write_text("mine")
    assert b"--overwrite" in log.run("--output", file, code=73).stderr
    assert file.read_text() == "mine"
    log.run("--output", file, "--overwrite", "--type", "authz.decision")
    assert file.read_bytes() == log.run("--type", "authz.decision").stdout


def exports_told(collector: Collector) -> list[tuple[str, int]]:
    """How each export that is told in the log ended, and how many events it sent."""
    found = collector.sql(
        """SELECT outcome, attributes->>'events' FROM docket.audit_log WHERE type = 'docket.log.exported'
        ORDER BY occurred_at"""
    )
    return [(outcome, int(count)) for outcome, count in found]


def test_an_export_goes_on_by_itself_when_its_connection_has_grown_old(tmp_path: Path) -> None:
    """It is told to go while somebody reads its output slowly; each event comes once all the same."""
    collector = Collector(environment={"DOCKET_GRPC_MAX_CONNECTION_AGE_MS": "1000"})
    try:
        # 18 MB: more than pipes and windows hold, and some seconds for who reads 64 KiB at a time.
        events = [event(type="authz.decision", attributes=json.dumps({"n": n, "a": "x" * 60_000})) for n in range(300)]
        # What is told to go before it was sent is sent again.
        with Client(collector.address, collector.token, options=[("grpc.enable_retries", 1)]) as client:
            for start in range(0, len(events), 60):
                assert client.publish_events(*events[start : start + 60]).accepted_count == 60
        # By SQL: a call that reads this much would be told to go itself.
        eventually(lambda: collector.sql("SELECT count(*) FROM docket.log_entries") == collector.sql(
            "SELECT count(*) FROM docket.batches"))  # fmt: skip
        before, calls = collector.metrics()[ACCEPTED], len(exports_told(collector))
        with subprocess.Popen(
            [BINARY, "export", "--address", collector.address, "--type", "authz.decision"], stdout=subprocess.PIPE,
            env=os.environ | {"DOCKET_TOKEN": collector.token},
        ) as process:  # fmt: skip
            output = b""
            while part := process.stdout.read(65_536):
                output += part
                time.sleep(PAUSE_SECONDS)
            assert process.wait(60) == 0
        assert [json.loads(line)["attributes"]["n"] for line in output.splitlines()] == list(range(300))
        assert collector.metrics()[ACCEPTED] >= before + 2
        # Each call has told what it sent, be that all or not; what was on the way when a connection ended was sent again, even
        # behind a call that had sent all.
        told = exports_told(collector)[calls:]
        assert told[-1][0] == "success" and len(told) >= 2
        assert sum(count for _, count in told) >= 300
    finally:
        collector.stop()
        collector.delete_folder()

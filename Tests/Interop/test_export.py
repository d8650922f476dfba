"""Export: a tenant's log in its own order, whole, and what the command line makes of it."""

import csv
import hashlib
import io
import json
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from docket.v1.event_pb2 import Actor, Event, Resource

from client import Client, export_request, failure
from collector import BINARY, Collector
from events import event, request, unique

# What a spreadsheet, a CSV reader or a terminal might take for something else.
HAZARDS = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", 'a "quoted" word', "a,b", "two\nlines", "two\r\nlines", "", " ", "'", "\\N",
    "NULL", "\u00e4\u20ac\U0001f512", "\uff1d1", "a;b", '"', "null",
]  # fmt: skip


class Log:
    """A collector of its own with a log that is known."""

    def __init__(self) -> None:
        self.collector = Collector()
        self.client = Client(self.collector.address, self.collector.token)
        self.chance = random.Random(int(os.environ.get("DOCKET_EXPORT_SEED", "7")))
        self.events = [self.one(number) for number in range(3000)]
        rest = list(self.events)
        sequence = 0
        while rest:
            count, sequence = self.chance.randrange(1, 120), sequence + 1
            batch, rest = rest[:count], rest[count:]
            assert self.client.publish(request(batch, sequence=sequence)).verdict.accepted_count == len(batch)
        # The appender is a little behind.
        self.wait_for(len(self.events))

    def one(self, number: int) -> Event:
        text = self.chance.choice(HAZARDS)
        return event(
            type="authz.decision", scope=f"scope-{number % 7}", actor=Actor(kind="user", id=f"actor-{number % 5}"),
            action="read", resource=Resource(type="doc", id=f"{number}"), reason=text,
            attributes=json.dumps({"text": text, "n": number}, ensure_ascii=bool(number % 2)),
        )  # fmt: skip

    def wait_for(self, count: int) -> None:
        for _ in range(600):
            if len(self.own(self.client.export().events)) >= count:
                return
        raise AssertionError(f"the log doesn't have {count} events")

    @staticmethod
    def own(stored: object) -> list[Event]:
        """Without what Docket itself has written."""
        return [one.event for one in stored if not one.event.type.startswith("docket.")]

    def run(self, *arguments: str | Path, code: int = 0, folder: Path | None = None) -> subprocess.CompletedProcess[bytes]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DOCKET_")}
        ended = subprocess.run(
            [BINARY, "export", "--address", self.collector.address, *arguments], check=False, cwd=folder, timeout=120,
            env=environment | {"DOCKET_TOKEN": self.collector.token}, capture_output=True,
        )  # fmt: skip
        assert ended.returncode == code, ended.stderr.decode()
        return ended

    def stop(self) -> None:
        self.client.channel.close()
        self.collector.stop()
        self.collector.delete_folder()


@pytest.fixture(scope="module")
def log() -> Iterator[Log]:
    made = Log()
    try:
        yield made
    finally:
        made.stop()


# MARK: The call


def test_an_export_has_every_event_once_in_the_order_of_the_log(log: Log) -> None:
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


def test_parts_put_together_are_the_whole_wherever_they_are_cut(log: Log) -> None:
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


def test_next_says_where_to_go_on_behind_each_message(log: Log) -> None:
    whole = list(log.client.export().events)
    seen: list = []
    for part in log.client.audit_log.Export(export_request(), metadata=log.client.metadata, timeout=60):
        seen += part.events
        place = (part.next.log_index, part.next.position)
        assert seen == [one for one in whole if (one.log_index, one.position) < place]


@pytest.mark.parametrize("fields", [{"scope": "scope-3"}, {"text": "two"}, {"scope": "no such"}, {"type_prefix": "authz."}])
def test_a_filter_lets_through_what_a_query_finds(log: Log, fields: dict) -> None:
    exported = sorted((one.batch_id, one.position) for one in log.client.export(**fields).events)
    assert exported == sorted((one.batch_id, one.position) for one in log.client.query_all(**fields, page_size=1000))


def test_what_is_committed_while_an_export_runs_comes_with_the_next_one(log: Log) -> None:
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
def test_a_bad_request_is_told_what_is_wrong_with_it(log: Log, fields: dict, said: str) -> None:
    error = failure(
        log.client.audit_log.Export, export_request(**fields), metadata=log.client.metadata, timeout=60
    )
    assert error.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED)
    assert said in error.details()


# MARK: The command


def test_a_file_has_a_manifest_that_holds_and_that_no_changed_byte_gets_past(log: Log, tmp_path: Path) -> None:
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


def test_exports_one_after_the_other_hold_each_event_once(log: Log, tmp_path: Path) -> None:
    log.run("--output", tmp_path / "0.jsonl", "--end-log-index", "10")
    for number in range(1, 4):
        limit = ["--end-log-index", str(10 + 10 * number)] if number < 3 else []
        log.run("--output", tmp_path / f"{number}.jsonl", "--after", tmp_path / f"{number - 1}.jsonl.manifest.json", *limit)
    parts = b"".join((tmp_path / f"{number}.jsonl").read_bytes() for number in range(4))
    assert parts == log.run().stdout


def test_csv_comes_back_from_pythons_reader_as_it_is_in_the_database(log: Log, tmp_path: Path) -> None:
    log.run("--output", tmp_path / "log.csv", "--format", "csv", "--type", "authz.decision")
    with (tmp_path / "log.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, strict=True))
    stored = log.collector.sql(
        """SELECT replace(event_id::text, '-', ''), encode(convert_to(coalesce(reason, ''), 'UTF8'), 'hex'),
        encode(convert_to(coalesce(attributes::text, ''), 'UTF8'), 'hex') FROM docket.audit_log
        WHERE type = 'authz.decision'"""
    )
    found = [
        [row["event_id"].replace("-", ""), row["reason"].encode().hex(), row["attributes"].encode().hex()] for row in rows
    ]
    assert sorted(found) == sorted(stored) and len(found) == len(log.events)
    log.run("--verify", tmp_path / "log.csv")


def test_on_request_no_field_of_csv_is_a_formula(log: Log) -> None:
    text = log.run("--format", "csv", "--formula-safe", "--type", "authz.decision").stdout.decode()
    rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    assert len(rows) == len(log.events)
    for row in rows:
        assert not row["reason"].startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d")), row


@pytest.mark.parametrize("form", ["cloudevents", "ocsf"])
def test_other_forms_are_a_json_object_a_line(log: Log, form: str) -> None:
    lines = [json.loads(line) for line in log.run("--format", form, "--type", "authz.decision").stdout.splitlines()]
    assert len(lines) == len(log.events)
    ids = {line["id"] if form == "cloudevents" else line["metadata"]["uid"] for line in lines}
    assert len(ids) == len(log.events)


def test_a_file_that_is_there_is_kept(log: Log, tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    file.write_text("mine")
    assert b"--overwrite" in log.run("--output", file, code=73).stderr
    assert file.read_text() == "mine"
    log.run("--output", file, "--overwrite")
    assert file.read_bytes() == log.run().stdout

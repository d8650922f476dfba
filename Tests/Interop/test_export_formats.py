"""What an export holds, as others read it: Python's csv, PostgreSQL's COPY, and the published schemas of CloudEvents and OCSF."""

import csv
import io
import json
import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cloudevents.core.formats.json import JSONFormat
from docket.v1.event_pb2 import Event
from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from client import Client
from collector import BINARY, Collector
from events import KNOWN_TYPE, request
from exported_log import Log, hazardous, log  # noqa: F401
from waiting import eventually

class Hazards:
    """A collector with events whose texts others might trip over."""

    def __init__(self, collector: Collector):
        self.collector, self.sent = collector, hazardous()
        with Client(collector.address, collector.token) as client:
            assert client.publish(request(self.sent)).verdict.accepted_count == len(self.sent)
            eventually(lambda: len(Log.own(client.export().events)) == len(self.sent))

    def export(self, form: str) -> bytes:
        return subprocess.run(
            [BINARY, "export", "--format", form, "--type", KNOWN_TYPE, "--address", self.collector.address], check=True,
            env=os.environ | {"DOCKET_TOKEN": self.collector.token}, capture_output=True, timeout=60,
        ).stdout  # fmt: skip


@pytest.fixture(scope="module")
def hazards() -> Iterator[Hazards]:
    collector = Collector()
    try:
        yield Hazards(collector)
    finally:
        collector.stop()
        collector.delete_folder()


def test_csv_comes_back_from_pythons_reader_as_it_is_in_the_database(log: Log, tmp_path: Path) -> None:  # noqa: F811
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


# By column of the CSV, where the view's isn't the same text: how it is told there.
TOLD = {"trace_id": "encode(v.trace_id, 'hex')", "span_id": "encode(v.span_id, 'hex')"}
# Compared as values: PostgreSQL has texts of its own for them.
AS_VALUES = {"occurred_at": "timestamptz", "received_at": "timestamptz", "risk_score": "float8", "delegation": "jsonb"}
# By column of the CSV: the event's own text.
TEXTS: dict[str, Callable[[Event], str]] = {
    name: lambda one, name=name: getattr(one, name)
    for name in ("source_event_id", "type", "scope", "action", "reason", "policy", "obligations", "evaluated_rules", "session_id",
                 "request_id", "agent_id", "source", "attributes")
} | {
    "actor_kind": lambda one: one.actor.kind, "actor_id": lambda one: one.actor.id, "actor_user_id": lambda one: one.actor.user_id,
    "resource_type": lambda one: one.resource.type, "resource_id": lambda one: one.resource.id,
}  # fmt: skip


def test_every_column_of_csv_comes_back_by_python_and_by_copy(hazards: Hazards, tmp_path: Path) -> None:
    collector, sent = hazards.collector, hazards.sent
    superuser = collector.ready["conninfo"]["maintainer"].replace("docket_maintainer", "postgres")
    file = tmp_path / "log.csv"
    file.write_bytes(hazards.export("csv"))
    with file.open(newline="", encoding="utf-8") as opened:
        rows = {bytes.fromhex(row["event_id"].replace("-", "")): row for row in csv.DictReader(opened, strict=True)}
    assert rows.keys() == {one.event_id for one in sent}
    for one in sent:
        for column, text in TEXTS.items():
            assert rows[one.event_id][column] == text(one), column
    # And by PostgreSQL, which tells the absent from the empty.
    names = list(rows[sent[0].event_id])
    collector.sql(f"CREATE TABLE public.loaded ({', '.join(f'{name} text' for name in names)})", conninfo=superuser)
    collector.sql(f"\\copy public.loaded FROM '{file}' WITH (FORMAT csv, HEADER)", conninfo=superuser)
    same = " AND ".join(
        f"l.{name}::{AS_VALUES[name]} IS NOT DISTINCT FROM v.{name}::{AS_VALUES[name]}" if name in AS_VALUES
        else f"l.{name} IS NOT DISTINCT FROM {TOLD.get(name, f'v.{name}::text')}"
        for name in names
    )  # fmt: skip
    loaded = f"SELECT count(*) FROM public.loaded AS l JOIN docket.audit_log AS v ON v.event_id = l.event_id::uuid WHERE {same}"
    assert collector.sql(loaded, conninfo=superuser) == [[str(len(sent))]]


def test_on_request_no_field_of_csv_is_a_formula(log: Log) -> None:  # noqa: F811
    text = log.run("--format", "csv", "--formula-safe", "--type", "authz.decision").stdout.decode()
    rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    assert len(rows) == len(log.events)
    for row in rows:
        assert not row["reason"].startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d")), row


# The version that an event names, and a later one.
@pytest.mark.parametrize("version", ["1.3.0", "1.8.0"])
def test_ocsf_is_what_the_published_schema_demands(log: Log, hazards: Hazards, version: str) -> None:  # noqa: F811
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=version))
    validator = Draft202012Validator(schema.get_class_schema(class_name=schema.lookup_class_name_from_uid(class_uid=6003), profiles=[]))
    lines = log.run("--format", "ocsf", "--type", "authz.decision").stdout.splitlines()
    assert len({json.loads(line)["metadata"]["uid"] for line in lines}) == len(log.events) == len(lines)
    dangerous = hazards.export("ocsf").splitlines()
    assert len(dangerous) == len(hazards.sent)
    for line in [*lines[:100], *dangerous]:
        validator.validate(json.loads(line))
    # The schema says no to what isn't one.
    wrong = json.loads(lines[0]) | {"activity_id": "2"}
    assert not validator.is_valid(wrong) and not validator.is_valid({})


def test_cloudevents_are_read_by_the_cloudevents_sdk(log: Log, hazards: Hazards) -> None:  # noqa: F811
    lines = log.run("--format", "cloudevents", "--type", "authz.decision").stdout.splitlines()
    read = [JSONFormat().read(None, line) for line in lines]
    assert len({one.get_id() for one in read}) == len(log.events) == len(lines)
    sent = {one.event_id: one for one in hazards.sent}
    dangerous = [JSONFormat().read(None, line) for line in hazards.export("cloudevents").splitlines()]
    assert len(dangerous) == len(sent)
    for one in dangerous:
        event = sent[uuid.UUID(one.get_id()).bytes]
        assert (one.get_specversion(), one.get_type(), one.get_datacontenttype()) == ("1.0", event.type, "application/json")
        assert round(one.get_time().timestamp() * 1_000_000) == event.occurred_at_us
        assert one.get_extension("tenant") == "default"
        for name in ("reason", "policy", "source"):
            assert one.get_data().get(name, "") == getattr(event, name)


@pytest.mark.parametrize("form", ["jsonl", "csv", "cloudevents", "ocsf"])
def test_no_changed_member_of_a_manifest_gets_past(log: Log, tmp_path: Path, form: str) -> None:  # noqa: F811
    """What an export's records show is held against all that the manifest says of them, not only their bytes."""
    file, path = tmp_path / "log", tmp_path / "log.manifest.json"
    safe = ["--formula-safe"] if form == "csv" else []
    log.run("--output", file, "--format", form, "--scope", "scope-1", "--type", "authz.decision", *safe)
    manifest = json.loads(path.read_text())
    told = log.run("--verify", file).stdout.decode()
    assert '"scope":"scope-1"' in told and manifest["first_occurred_at"] in told and manifest["sha256"] in told
    years = {"first_occurred_at": "0001", "last_occurred_at": "9000", "first_received_at": "0001", "last_received_at": "9000"}
    changes = {
        **{name: {name: year + manifest[name][4:]} for name, year in years.items()},
        "events": {"events": manifest["events"] + 1},
        "bytes": {"bytes": manifest["bytes"] - 1},
        "sha256": {"sha256": manifest["sha256"][::-1]},
        "tenant": {"tenants": [manifest["tenants"][0] | {"tenant": "other"}]},
        "scope": {"filter": {"scope": "scope-2"}},
        "type": {"filter": {"type": "authz.decisions"}},
        "type_prefix": {"filter": {"type_prefix": "authz.x"}},
        "min_risk_score": {"filter": {"min_risk_score": 1000}},
        "occurred_from": {"filter": {"occurred_from": "9999-01-01T00:00:00Z"}},
        "occurred_to": {"filter": {"occurred_to": "0001-01-01T00:00:00Z"}},
        "decision": {"filter": {"decision": 1}},
    }  # fmt: skip
    for name, change in changes.items():
        path.write_text(json.dumps(manifest | change))
        assert name.encode() in log.run("--verify", file, code=65).stderr, name
    for filter in ({}, {"scope": "scope-1", "text": "not held against it", "of_a_later_version": [1]}):
        path.write_text(json.dumps(manifest | {"filter": filter}))
        log.run("--verify", file)

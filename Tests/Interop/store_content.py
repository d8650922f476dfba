"""Compares what the store holds with what was sent, field by field, for any number of events."""

import hashlib
import json
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

# The fields that synthetic events fill, as the importer's JSON has them and as SQL gives them.
FIELDS = {
    "event_id": "event_id", "type": "type", "scope": "scope", "actor.kind": "actor_kind", "actor.id": "actor_id",
    "action": "action", "resource.type": "resource_type", "resource.id": "resource_id", "decision": "decision",
    "outcome": "outcome", "reason": "reason", "policy": "policy", "session_id": "session_id",
    "request_id": "request_id", "source": "source", "trace_id": "encode(trace_id, 'hex') AS trace_id",
    "span_id": "encode(span_id, 'hex') AS span_id", "duration_us": "duration_us", "risk_score": "risk_score",
    "attributes": "attributes",
    "occurred_at": "to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS occurred_at",
}  # fmt: skip

# Fingerprints by event id.
Fingerprints = dict[str, bytes]


def sent(lines: Iterable[str], tenant: str) -> Iterator[tuple[str, bytes]]:
    """The id and the fingerprint of each event in lines of JSON."""
    for line in lines:
        event = json.loads(line)
        yield event["event_id"], fingerprint(flat(event), tenant)


def sent_in_file(source: Path, tenant: str) -> Fingerprints:
    """The fingerprints of a file's events."""
    with source.open() as lines:
        return dict(sent(lines, tenant))


def stored(conninfo: str) -> Iterator[tuple[str, bytes]]:
    """The id and the fingerprint of each row of the log that is not Docket's own, as the maintainer sees it."""
    columns = ", ".join(["tenant", *FIELDS.values()])
    with subprocess.Popen(
        ["psql", conninfo, "--no-psqlrc", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1", "--command",
         f"COPY (SELECT row_to_json(r) FROM (SELECT {columns} FROM docket.audit_log"
         " WHERE type NOT LIKE 'docket.%') AS r) TO STDOUT"],
        stdout=subprocess.PIPE, text=True,
    ) as rows:  # fmt: skip
        for line in rows.stdout:
            # COPY's text format doubles backslashes.
            row = json.loads(line.replace("\\\\", "\\"))
            fields = {name: row[column.split(" AS ")[-1]] for name, column in FIELDS.items()}
            yield row["event_id"], fingerprint(fields, row["tenant"])
    assert rows.returncode == 0


def differing(expected: Fingerprints, conninfo: str) -> list[str]:
    """What is wrong with the log, one line an event. Takes what it finds out of `expected`."""
    wrong = []
    for event_id, found in stored(conninfo):
        wanted = expected.pop(event_id, None)
        if wanted is None:
            wrong.append(f"{event_id} is stored, but was not sent, or is stored twice")
        elif wanted != found:
            wrong.append(f"{event_id} is stored with other fields than it was sent with")
    return wrong + [f"{event_id} was acknowledged, but is not stored" for event_id in expected]


def flat(event: dict) -> dict:
    """The event with its members' members beside it, and all six digits of its time."""
    fields = {name: event[name] for name in FIELDS if "." not in name}
    for parent, child in (name.split(".") for name in FIELDS if "." in name):
        fields[f"{parent}.{child}"] = event[parent][child]
    if "." not in fields["occurred_at"]:
        fields["occurred_at"] = fields["occurred_at"].replace("Z", ".000000Z")
    assert event.keys() - {"obligations"} == {name.split(".")[0] for name in FIELDS}, "a field is not compared"
    return fields


def fingerprint(fields: dict, tenant: str) -> bytes:
    """The same 8 bytes for the same values, whatever their order; 0 and 0.0 are one number."""
    text = json.dumps(fields | {"risk_score": float(fields["risk_score"]), "tenant": tenant}, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).digest()

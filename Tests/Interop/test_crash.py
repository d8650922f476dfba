"""A collector that is killed in the middle of an import costs nothing: each event lands exactly once, as it was sent.

DOCKET_CRASH_EVENTS sets how many events are imported; the default keeps the suite short.
"""

import json
import os
import random
import subprocess
import time
from pathlib import Path
from typing import Callable

from collector import BINARY, Collector

EVENTS = int(os.environ.get("DOCKET_CRASH_EVENTS", "40000"))
KILLS = 3
DEADLINE_SECONDS = 60 + EVENTS / 500

StartCollector = Callable[..., Collector]


def stored(collector: Collector) -> int:
    return int(collector.sql("SELECT count(*) FROM docket.events")[0][0])


def wait_for_growth(collector: Collector, start: int, wanted: int, importer: subprocess.Popen) -> None:
    """Waits until `wanted` more events are stored, or the import has ended."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while stored(collector) < start + wanted and importer.poll() is None:
        assert time.monotonic() < deadline, f"the import stands still\n{collector.log()}"
        time.sleep(0.02)


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_an_import_across_kills_of_the_collector_stores_each_event_once_and_unchanged(
    start_collector: StartCollector, tmp_path: Path
) -> None:
    seed = int(os.environ.get("DOCKET_TEST_SEED", random.randrange(1 << 32)))
    print(f"seed {seed}: replay with DOCKET_TEST_SEED={seed}")
    chance = random.Random(seed)
    source = tmp_path / "events.jsonl"
    subprocess.run(
        [BINARY, "bench", "--write-jsonl", source, "--events", str(EVENTS), "--seed", str(seed)], check=True, timeout=600
    )

    port = free_port()
    listen = ("--listen", f"127.0.0.1:{port}")
    collector = start_collector(*listen)
    environment = {**os.environ, "DOCKET_TOKEN": collector.token}
    importer = subprocess.Popen(
        [BINARY, "import", "--format", "jsonl", "--address", f"127.0.0.1:{port}", "--max-attempts", "100", "--json", source],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    kills = 0
    for _ in range(KILLS):
        before = stored(collector)
        wait_for_growth(collector, before, chance.randrange(1, EVENTS // (2 * KILLS)), importer)
        if importer.poll() is not None:
            break
        collector.kill()
        kills += 1
        collector = start_collector(*listen, folder=collector.folder)
    output, errors = importer.communicate(timeout=DEADLINE_SECONDS)
    assert importer.returncode == 0, errors
    assert kills == KILLS, "the import was over before the last kill; raise DOCKET_CRASH_EVENTS"
    totals = json.loads(output)
    print(totals)
    assert totals["records"] == EVENTS
    assert totals["accepted"] + totals["replayed"] == EVENTS

    assert stored(collector) == EVENTS
    counts = collector.sql("SELECT count(DISTINCT event_id), count(DISTINCT (batch_id, position)) FROM docket.events")
    assert counts == [[str(EVENTS), str(EVENTS)]]
    assert differing(source, collector) == []


# The fields that synthetic events fill, as the importer's JSON has them and as SQL gives them.
FIELDS = {
    "event_id": "event_id", "type": "type", "scope": "scope", "actor.kind": "actor_kind", "actor.id": "actor_id",
    "action": "action", "resource.type": "resource_type", "resource.id": "resource_id", "decision": "decision",
    "outcome": "outcome", "reason": "reason", "policy": "policy", "session_id": "session_id", "request_id": "request_id",
    "source": "source", "trace_id": "trace_id", "span_id": "span_id", "duration_us": "duration_us",
    "risk_score": "risk_score", "attributes": "attributes",
    "occurred_at": "to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS occurred_at",
}  # fmt: skip


def differing(source: Path, collector: Collector) -> list[str]:
    """The ids of events that were sent and aren't stored as they were, or are stored and were never sent."""
    sent = {}
    with source.open() as lines:
        for line in lines:
            event = json.loads(line)
            sent[event["event_id"]] = fingerprint(flat(event))
    columns = ", ".join(FIELDS.values())
    wrong = []
    with subprocess.Popen(
        ["psql", collector.ready["conninfo"]["maintainer"], "--no-psqlrc", "--no-align", "--tuples-only",
         "--set=ON_ERROR_STOP=1", "--command",
         f"COPY (SELECT row_to_json(r) FROM (SELECT {columns} FROM docket.audit_log) AS r) TO STDOUT"],
        stdout=subprocess.PIPE, text=True,
    ) as rows:  # fmt: skip
        for line in rows.stdout:
            # COPY's text format doubles backslashes.
            row = json.loads(line.replace("\\\\", "\\"))
            stored_fields = {name: row[column.split(" AS ")[-1]] for name, column in FIELDS.items()}
            if sent.pop(row["event_id"], None) != fingerprint(stored_fields):
                wrong.append(row["event_id"])
    assert rows.returncode == 0
    return wrong + list(sent)


def flat(event: dict) -> dict:
    """The event with its members' members beside it, and all six digits of its time."""
    fields = {name: event[name] for name in FIELDS if "." not in name}
    for parent, child in (name.split(".") for name in FIELDS if "." in name):
        fields[f"{parent}.{child}"] = event[parent][child]
    if "." not in fields["occurred_at"]:
        fields["occurred_at"] = fields["occurred_at"].replace("Z", ".000000Z")
    assert event.keys() - {"obligations"} == {name.split(".")[0] for name in FIELDS}, "a field is not compared"
    return fields


def fingerprint(fields: dict) -> str:
    """The same for the same values, whatever their order; 0 and 0.0 are one number."""
    return json.dumps(fields | {"risk_score": float(fields["risk_score"])}, sort_keys=True)

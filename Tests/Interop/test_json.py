"""The JSON of an event (docs/json.md) as the command gives it out, against its schema."""

import json
import os
import subprocess
import uuid

import jsonschema
import pytest
from client import Client
from collector import BINARY, Collector
from docket.v1.event_pb2 import Event
from events import EARLIEST_US, LATEST_US, event, full_event, unique
from stubs import ROOT

SCHEMA = json.loads((ROOT / "docs" / "event.schema.json").read_text())


def query_json(collector: Collector, *flags: str) -> list[str]:
    """The lines that `docket query --json` prints."""
    found = subprocess.run(
        [BINARY, "query", "--json", "--address", collector.address, *flags],
        check=False, capture_output=True, text=True, timeout=60, cwd=collector.folder,
        env=os.environ | {"DOCKET_TOKEN": collector.token},
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    return found.stdout.removesuffix("\n").split("\n") if found.stdout else []


EVENTS = {
    "only what is required": event(),
    "every field": full_event(),
    "the earliest time": event(occurred_at_us=EARLIEST_US),
    "the latest time": event(occurred_at_us=LATEST_US),
    "a whole second": event(occurred_at_us=1_700_000_000_000_000),
    "every text empty": event(scope="", reason="", session_id="", attributes="{}", obligations="[]"),
}


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", EVENTS)
def test_what_a_query_prints_meets_the_schema(collector: Collector, client: Client, name: str) -> None:
    published = Event()
    published.CopyFrom(EVENTS[name])
    published.scope = unique("scope-")
    receipt = client.publish_events(published).receipt
    [line] = query_json(collector, "--scope", published.scope)
    printed = json.loads(line)
    jsonschema.validate(printed, SCHEMA, cls=jsonschema.Draft202012Validator)

    assert printed["event_id"] == str(uuid.UUID(bytes=published.event_id))
    assert (printed["type"], printed["scope"], printed["tenant"]) == (published.type, published.scope, "default")
    assert (printed["batch_id"], printed["position"]) == (str(receipt.batch_id), 0)
    # Members that hold JSON are embedded, all others are as they were sent, and absent ones are left out.
    for field in ("source_event_id", "action", "reason", "policy", "session_id", "request_id", "agent_id", "source"):
        expected = getattr(published, field) if published.HasField(field) else None
        assert printed.get(field) == expected, field
    for field in ("evaluated_rules", "attributes"):
        expected = json.loads(getattr(published, field)) if published.HasField(field) else None
        assert printed.get(field) == expected, field
    assert printed["obligations"] == json.loads(published.obligations or "[]")


def test_texts_full_of_control_characters_stay_on_one_line(collector: Collector, client: Client) -> None:
    scope = unique("scope-")
    client.publish_events(*(full_event(scope=scope) for _ in range(5)))
    lines = query_json(collector, "--scope", scope)
    assert len(lines) == 5
    assert all(json.loads(line)["scope"] == scope for line in lines)


def test_a_query_that_nothing_meets_prints_nothing(collector: Collector) -> None:
    assert query_json(collector, "--scope", unique("no-such-scope-")) == []

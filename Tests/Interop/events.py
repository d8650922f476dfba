"""Builders of events and batches."""

import os
import time
from collections.abc import Iterable

from docket.v1 import event_pb2
from docket.v1.collector_pb2 import PublishRequest
from docket.v1.event_pb2 import Actor, Event, Payload, Resource

# A type that `docket dev` registers.
KNOWN_TYPE = "authz.decision"
EARLIEST_US = -62_135_596_800_000_000
LATEST_US = 253_402_300_799_999_999
# What tends to get lost between a protobuf field and a COPY tuple.
HAZARDS = (
    "tab\t newline\n return\r backslash\\ \\N \\. quotes\"'` comma, {a,b} $1 %s NULL \x01\x7f ü\u2028\U0001f600e\u0301"
)


def unique(prefix: str = "") -> str:
    """A text that no other test uses."""
    return prefix + os.urandom(8).hex()


def event(**fields: object) -> Event:
    """A valid event; `fields` override its fields, None leaves one out."""
    chosen = {"event_id": os.urandom(16), "type": KNOWN_TYPE, "occurred_at_us": time.time_ns() // 1000} | fields
    return Event(**{name: value for name, value in chosen.items() if value is not None})


def full_event(**fields: object) -> Event:
    """An event with every field set, texts full of hazards."""
    chosen = {
        "source_event_id": unique("source-") + HAZARDS,
        "scope": unique("scope-") + HAZARDS,
        "actor": Actor(kind="user", id=unique("actor-") + HAZARDS, user_id="oidc|" + HAZARDS),
        "delegation": [
            Actor(kind="service", id="outermost" + HAZARDS, user_id=""),
            Actor(),
            Actor(kind="", id="innermost"),
        ],
        "action": "secrets.read " + HAZARDS,
        "resource": Resource(type="secrets" + HAZARDS, id="namespace/name " + HAZARDS),
        "decision": event_pb2.DECISION_MASK,
        "outcome": event_pb2.OUTCOME_ERROR,
        "reason": HAZARDS * 20,
        "policy": "default-deny " + HAZARDS,
        "obligations": '[ {"mask": ["a" , "b\\n"]}, 1e2 ]',
        "evaluated_rules": '{"b": 1, "a": 2, "b": 3.0}',
        "risk_score": 0.1,
        "session_id": unique("session-") + HAZARDS,
        "request_id": unique("request-") + HAZARDS,
        "agent_id": "agent" + HAZARDS,
        "source": "gateway" + HAZARDS,
        "trace_id": os.urandom(15) + b"\x01",
        "span_id": b"\x00" * 7 + b"\x01",
        "duration_us": 1234,
        "payload": Payload(hash="sha256:" + "0f" * 32, in_size_bytes=0, out_size_bytes=1 << 40),
        "attributes": '{ "k" : "v\\u00e4\\ud83d\\ude00", "nested": [[[{}]]], "big": 12345678901234567890.10 }',
    } | fields
    return event(**chosen)


def request(
    events: Iterable[Event], producer_id: bytes | None = None, sequence: int = 0, tenant: str = ""
) -> PublishRequest:
    """A batch, of a new producer unless one is given."""
    producer_id = os.urandom(16) if producer_id is None else producer_id
    return PublishRequest(tenant=tenant, producer_id=producer_id, sequence=sequence, events=events)

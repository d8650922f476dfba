"""Requests checked and made rows."""

import itertools
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import orjson
from docket.v1 import collector_pb2

KNOWN_TYPES = {"authz.decision": 1}
TEXTS = ("source_event_id", "scope", "action", "reason", "policy", "session_id", "request_id", "agent_id", "source")
COLUMNS = (
    "batch_id occurred_at event_id tenant_id type_id position decision outcome duration_us risk_score"
    " payload_in_size_bytes payload_out_size_bytes scope actor_kind actor_id actor_user_id action resource_type resource_id"
    " reason policy session_id request_id agent_id source source_event_id payload_hash trace_id span_id delegation"
    " obligations evaluated_rules attributes"
).split()
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_numbers = itertools.count(time.time_ns() // 1000)


class BadEvent(Exception):
    """What is wrong with an event: the field, the code, the reason."""


@dataclass
class Batch:
    """A request whose events have been checked."""

    id: int
    sequence: int
    rows: list[tuple] = field(default_factory=list)
    rejections: list = field(default_factory=list)


def checked(request) -> Batch:
    """The rows of a request, and its rejections."""
    batch = Batch(next(_numbers), request.sequence)
    for position, event in enumerate(request.events):
        try:
            batch.rows.append(row(event, batch.id, position))
        except BadEvent as fault:
            name, code, reason = fault.args
            batch.rejections.append(
                collector_pb2.Rejection(index=position, field=name, code=code, reason=f"{name} {reason}")
            )
    return batch


def optional(message, name: str):
    """A field's value; None when it was left out."""
    return getattr(message, name) if message.HasField(name) else None


def text(message, name: str):
    """Text that PostgreSQL can store."""
    if not message.HasField(name):
        return None
    value = getattr(message, name)
    if "\0" in value:
        raise BadEvent(name, collector_pb2.REJECTION_CODE_NUL_CHARACTER, "holds U+0000")
    return value


def row(event, batch_id: int, position: int) -> tuple:
    """An event as a row. Protobuf has checked that text is UTF-8."""
    if len(event.event_id) != 16:
        raise BadEvent("event_id", collector_pb2.REJECTION_CODE_WRONG_LENGTH, "must be 16 bytes")
    type_id = KNOWN_TYPES.get(event.type)
    if type_id is None:
        raise BadEvent("type", collector_pb2.REJECTION_CODE_UNKNOWN_EVENT_TYPE, "is not registered")
    if not event.HasField("occurred_at_us"):
        raise BadEvent("occurred_at_us", collector_pb2.REJECTION_CODE_MISSING_FIELD, "is missing")
    attributes = optional(event, "attributes")
    if attributes is not None:
        try:
            orjson.loads(attributes)
        except orjson.JSONDecodeError:
            raise BadEvent("attributes", collector_pb2.REJECTION_CODE_INVALID_JSON, "is no JSON") from None
    actor, resource, payload = event.actor, event.resource, event.payload
    source_id, scope, action, reason, policy, session, request, agent, source = (text(event, name) for name in TEXTS)
    delegation = None
    if event.delegation:
        delegation = json.dumps(
            [{name.name: value for name, value in one.ListFields()} for one in event.delegation], ensure_ascii=False
        )
    return (
        batch_id, EPOCH + timedelta(microseconds=event.occurred_at_us), UUID(bytes=event.event_id), 1, type_id, position,
        event.decision, event.outcome, optional(event, "duration_us"), optional(event, "risk_score"),
        optional(payload, "in_size_bytes"), optional(payload, "out_size_bytes"), scope, text(actor, "kind"),
        text(actor, "id"), text(actor, "user_id"), action, text(resource, "type"), text(resource, "id"), reason, policy,
        session, request, agent, source, source_id, text(payload, "hash"), optional(event, "trace_id"),
        optional(event, "span_id"), delegation, optional(event, "obligations"), optional(event, "evaluated_rules"),
        attributes,
    )  # fmt: skip

"""Requests checked and made rows."""

import itertools
import time
from dataclasses import dataclass, field

import orjson

# As the standard library's, and asyncpg takes it as it takes that one; it is made in a ninth of the time.
from asyncpg.pgproto.pgproto import UUID
from docket.v1 import collector_pb2, event_pb2

KNOWN_TYPES = {"authz.decision": 1}
COLUMNS = (
    "batch_id occurred_at event_id tenant_id type_id position decision outcome duration_us risk_score"
    " payload_in_size_bytes payload_out_size_bytes scope actor_kind actor_id actor_user_id action resource_type resource_id"
    " reason policy session_id request_id agent_id source source_event_id payload_hash trace_id span_id delegation"
    " obligations evaluated_rules attributes"
).split()
# The fields of the text columns, in their order.
TEXTS = (
    "scope actor.kind actor.id actor.user_id action resource.type resource.id reason policy session_id request_id agent_id"
    " source source_event_id payload.hash"
).split()
# From year 1 to year 9999, in microseconds since 1970.
EARLIEST_US, LATEST_US = -62_135_596_800_000_000, 253_402_300_799_999_999
DECISIONS = frozenset(event_pb2.Decision.values())
OUTCOMES = frozenset(event_pb2.Outcome.values())
# How many worker processes can have numbers of their own.
MAX_WORKERS = 64


class BadEvent(Exception):
    """What is wrong with an event: the field, the code, the reason."""


class BatchNumbers:
    """Numbers that rise, also over a restart, and differ from those of other workers."""

    def __init__(self, worker: int = 0):
        self._worker = worker
        self._last = 0

    def next(self) -> int:
        self._last = max(self._last + 1, time.time_ns() // 1000)
        return self._last * MAX_WORKERS + self._worker


@dataclass
class Batch:
    """A request whose events have been checked."""

    id: int
    sequence: int
    received_at_us: int
    rows: list[tuple] = field(default_factory=list)
    rejections: list = field(default_factory=list)

    def reject(self, index: int, field_name: str, code: int, reason: str) -> None:
        self.rejections.append(
            collector_pb2.Rejection(index=index, field=field_name, code=code, reason=f"{field_name} {reason}")
        )


def checked(request, batch_id: int) -> Batch:
    """The rows of a request, and its rejections."""
    batch = Batch(batch_id, request.sequence, time.time_ns() // 1000)
    for position, event in enumerate(request.events):
        try:
            batch.rows.append(row(event, batch_id, position))
        except BadEvent as fault:
            batch.reject(position, *fault.args)
    return batch


def empty(message, name: str) -> str | None:
    """What a field whose value is empty is stored as: empty when it was sent, NULL when it was left out."""
    return "" if message.HasField(name) else None


def optional(message, name: str):
    """A field's value; None when it was left out."""
    return getattr(message, name) if message.HasField(name) else None


def row(event, batch_id: int, position: int) -> tuple:
    """An event as a row. Protobuf has checked that text is UTF-8."""
    event_id = event.event_id
    if len(event_id) != 16:
        raise BadEvent("event_id", collector_pb2.REJECTION_CODE_WRONG_LENGTH, "must be 16 bytes")
    type_id = KNOWN_TYPES.get(event.type)
    if type_id is None:
        raise BadEvent("type", collector_pb2.REJECTION_CODE_UNKNOWN_EVENT_TYPE, "is not registered")
    occurred_at_us = event.occurred_at_us
    if not occurred_at_us and not event.HasField("occurred_at_us"):
        raise BadEvent("occurred_at_us", collector_pb2.REJECTION_CODE_MISSING_FIELD, "is missing")
    if not EARLIEST_US <= occurred_at_us <= LATEST_US:
        raise out_of_range("occurred_at_us", "must be from year 1 to year 9999")
    decision, outcome = event.decision, event.outcome
    if decision not in DECISIONS:
        raise out_of_range("decision", "is not known")
    if outcome not in OUTCOMES:
        raise out_of_range("outcome", "is not known")
    # One look instead of two at each field that is filled.
    actor, resource = event.actor, event.resource
    in_size = out_size = payload_hash = None
    if event.HasField("payload"):
        payload = event.payload
        in_size, out_size = optional(payload, "in_size_bytes"), optional(payload, "out_size_bytes")
        payload_hash = optional(payload, "hash")
    texts = (
        event.scope or empty(event, "scope"),
        actor.kind or empty(actor, "kind"),
        actor.id or empty(actor, "id"),
        actor.user_id or empty(actor, "user_id"),
        event.action or empty(event, "action"),
        resource.type or empty(resource, "type"),
        resource.id or empty(resource, "id"),
        event.reason or empty(event, "reason"),
        event.policy or empty(event, "policy"),
        event.session_id or empty(event, "session_id"),
        event.request_id or empty(event, "request_id"),
        event.agent_id or empty(event, "agent_id"),
        event.source or empty(event, "source"),
        event.source_event_id or empty(event, "source_event_id"),
        payload_hash,
    )
    # All of them at once: asking each one takes several times as long.
    if "\0" in "".join(filter(None, texts)):
        raise nul_character(next(name for name, value in zip(TEXTS, texts) if value and "\0" in value))
    return (
        batch_id, occurred_at_us, UUID(event_id), 1, type_id, position, decision, outcome,
        event.duration_us or optional(event, "duration_us"), event.risk_score or optional(event, "risk_score"), in_size,
        out_size, *texts, event.trace_id or optional(event, "trace_id"), event.span_id or optional(event, "span_id"),
        delegation(event), document(event, "obligations"), document(event, "evaluated_rules"),
        document(event, "attributes"),
    )  # fmt: skip


def document(event, name: str) -> str | None:
    """The text of a JSON field as it was sent."""
    if not event.HasField(name):
        return None
    text = getattr(event, name)
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        raise BadEvent(name, collector_pb2.REJECTION_CODE_INVALID_JSON, "is not JSON") from None
    return text


def delegation(event) -> str | None:
    """The delegation chain as JSON."""
    if not event.delegation:
        return None
    chain = []
    for index, actor in enumerate(event.delegation):
        link = {descriptor.name: value for descriptor, value in actor.ListFields()}
        for name, value in link.items():
            if "\0" in value:
                raise nul_character(f"delegation[{index}].{name}")
        chain.append(link)
    return orjson.dumps(chain).decode()


def out_of_range(name: str, reason: str) -> BadEvent:
    return BadEvent(name, collector_pb2.REJECTION_CODE_OUT_OF_RANGE, reason)


def nul_character(name: str) -> BadEvent:
    return BadEvent(name, collector_pb2.REJECTION_CODE_NUL_CHARACTER, "holds U+0000")

"""What emitters and readers get wrong, and what they are answered."""

import json

import grpc
from docket.v1 import collector_pb2 as pb
from docket.v1.event_pb2 import DECISION_MASK, OUTCOME_ERROR, Actor

from events import KNOWN_TYPE

DENIED, INVALID = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.INVALID_ARGUMENT
MISSING_FIELD, OUT_OF_RANGE = pb.REJECTION_CODE_MISSING_FIELD, pb.REJECTION_CODE_OUT_OF_RANGE
INVALID_ATTRIBUTE, UNKNOWN_ATTRIBUTE = pb.REJECTION_CODE_INVALID_ATTRIBUTE, pb.REJECTION_CODE_UNKNOWN_ATTRIBUTE
UNKNOWN_EVENT_TYPE = pb.REJECTION_CODE_UNKNOWN_EVENT_TYPE
HOUR_US = 3_600_000_000

# Who asks (for which tenants and scopes), for whose log, and the answer. What begins with a call is about that call alone.
REFUSALS = {
    "several tenants and none named": (("strict", "other"), ("publish", "query"), None, INVALID, "TENANT_AMBIGUOUS", "2 tenants"),
    "all tenants and none named": ((), ("publish", "query"), None, INVALID, "TENANT_AMBIGUOUS", "name one in the field 'tenant'"),
    "publish by a token to query": (("strict",), ("query", "export", "admin"), "strict", DENIED, "SCOPE_MISSING", "'publish'"),
    "publish by a token to import": (("strict",), ("import",), "strict", DENIED, "SCOPE_MISSING", "'publish'"),
    "query by a token to publish": (("strict",), ("publish", "import"), "strict", DENIED, "SCOPE_MISSING", "'query'"),
    "query by a token to export": (("strict",), ("export", "admin"), "strict", DENIED, "SCOPE_MISSING", "'query'"),
    "a tenant that is suspended": (("suspended",), ("publish", "query"), "suspended", DENIED, "TENANT_SUSPENDED", "resume"),
    "publish to one that is being closed": (("closing",), ("publish",), "closing", DENIED, "TENANT_CLOSING", "can be read"),
    "one that isn't covered": (("strict",), ("publish", "query"), "other", DENIED, "TENANT_NOT_COVERED", "use one that does"),
}  # fmt: skip

# The type of these events.
DEFINITION = {
    "version": 3, "required_fields": ["actor.id", "action"], "decisions": ["allow"], "outcomes": ["success"],
    "unknown_attributes": "refuse",
    "attributes": {
        "required": ["status"],
        "properties": {
            "status": {"enum": ["good", "bad"]}, "name": {"type": "string", "maxLength": 3},
            "size": {"type": "integer", "minimum": 0},
            "tags": {"type": "array", "maxItems": 1, "items": {"type": "object", "required": ["a/b"]}},
        },
    },
}  # fmt: skip

GOOD = {"actor": Actor(id="a"), "action": "call", "attributes": '{"status":"good"}'}


def attributes(**members: object) -> dict[str, str]:
    return {"attributes": json.dumps({"status": "good"} | members)}


# What an event has otherwise; the field, the code, and what the reason names.
EVENTS = {
    "a field that is missing": ({"actor": None}, "actor.id", MISSING_FIELD, ("version 3",)),
    "a field that is empty": ({"action": ""}, "action", MISSING_FIELD, ("version 3",)),
    "a decision": ({"decision": DECISION_MASK}, "decision", OUT_OF_RANGE, ("mask", "allow")),
    "an outcome": ({"outcome": OUTCOME_ERROR}, "outcome", OUT_OF_RANGE, ("error", "success")),
    "no attributes": ({"attributes": None}, "attributes/status", MISSING_FIELD, ("version 3",)),
    "an attribute that isn't listed": (attributes(status="fair"), "attributes/status", INVALID_ATTRIBUTE, ('"fair"', '"good"')),
    "an attribute that is long": (attributes(name="four"), "attributes/name", INVALID_ATTRIBUTE, ('"four"', "3")),
    "an attribute of another type": (attributes(size="1"), "attributes/size", INVALID_ATTRIBUTE, ('"1"', "integer")),
    "an attribute that is too small": (attributes(size=-5), "attributes/size", INVALID_ATTRIBUTE, ("-5", "at least 0")),
    "an attribute within": (attributes(tags=[{}]), "attributes/tags/0/a~1b", MISSING_FIELD, ("version 3",)),
    "too many": (attributes(tags=[{"a/b": 1}] * 2), "attributes/tags", INVALID_ATTRIBUTE, ("2", "1")),
    "an unknown attribute": (attributes(colour=1), "attributes/colour", UNKNOWN_ATTRIBUTE, ("colour",)),
    "a clock that is ahead": ({"occurred_at_us": HOUR_US}, "occurred_at_us", OUT_OF_RANGE, ("300 s in the future", "'import'")),
    "a clock that is behind": ({"occurred_at_us": -HOUR_US}, "occurred_at_us", OUT_OF_RANGE, ("60 s in the past", "'import'")),
    "a type that nobody has": ({"type": "no.such.type"}, "type", UNKNOWN_EVENT_TYPE, ("'no.such.type'", "register it")),
    "a type of another tenant": ({"type": "{foreign}"}, "type", UNKNOWN_EVENT_TYPE, ("{foreign}", "register it")),
    "a type of Docket's": ({"type": "docket.tenant.changed"}, "type", UNKNOWN_EVENT_TYPE, ("'docket.tenant.changed'",)),
    "another type of Docket's": ({"type": "quota.breached"}, "type", UNKNOWN_EVENT_TYPE, ("'quota.breached'",)),
    "a type in capitals": ({"type": KNOWN_TYPE.upper()}, "type", UNKNOWN_EVENT_TYPE, (KNOWN_TYPE.upper(),)),
}  # fmt: skip

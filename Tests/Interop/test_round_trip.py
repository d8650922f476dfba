"""What stock protobuf sends comes back equal, field by field, present or absent."""

import pytest
from docket.v1 import event_pb2
from docket.v1.event_pb2 import Actor, Event, Payload, Resource

from client import Client
from events import EARLIEST_US, LATEST_US, event, full_event

INT64_MAX = (1 << 63) - 1

EVENTS = {
    "only what is required": event(),
    "every field": full_event(),
    "every text empty": event(
        source_event_id="", scope="", actor=Actor(kind="", id="", user_id=""), delegation=[Actor(kind="", id="")],
        action="", resource=Resource(type="", id=""), reason="", policy="", obligations="[]", evaluated_rules='""',
        session_id="", request_id="", agent_id="", source="", payload=Payload(hash=""), attributes="{}",
    ),
    "every number zero": event(
        occurred_at_us=0, risk_score=0.0, duration_us=0, payload=Payload(in_size_bytes=0, out_size_bytes=0)
    ),
    "every number at its highest": event(
        occurred_at_us=LATEST_US, risk_score=1.7976931348623157e308, duration_us=INT64_MAX,
        payload=Payload(in_size_bytes=INT64_MAX, out_size_bytes=INT64_MAX), decision=event_pb2.DECISION_MASK,
        outcome=event_pb2.OUTCOME_ERROR,
    ),
    "every number at its lowest": event(
        occurred_at_us=EARLIEST_US, risk_score=-1.7976931348623157e308, decision=event_pb2.DECISION_ALLOW,
        outcome=event_pb2.OUTCOME_SUCCESS,
    ),
    "negative zero": event(risk_score=-0.0),
    "the least positive double": event(risk_score=5e-324),
    "before the PostgreSQL epoch": event(occurred_at_us=946_684_799_999_999),
    "an actor with one field": event(actor=Actor(user_id="u")),
    "a chain with empty links": event(delegation=[Actor(), Actor(id="a"), Actor()]),
    "the JSON value null": event(evaluated_rules="null"),
    "JSON with white space kept": event(attributes=' {\n\t"a" : [ 1 , 2 ] }\r\n'),
    "JSON with a key twice": event(attributes='{"a":1,"a":2}'),
    "JSON with numbers that no double holds": event(attributes='{"n":123456789012345678901234567890.5e400}'),
    "event id of zeros": event(event_id=bytes(16)),
    "event id of ones": event(event_id=b"\xff" * 16),
    "ids that start with zeros": event(trace_id=bytes(15) + b"\x01", span_id=bytes(7) + b"\x01"),
}  # fmt: skip


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_comes_back_equal(client: Client, name: str) -> None:
    published = EVENTS[name]
    verdict = client.publish_events(published)
    assert (verdict.accepted_count, list(verdict.rejections)) == (1, [])
    found = client.query_all(event_id=published.event_id)
    [stored] = [one for one in found if one.batch_id == verdict.receipt.batch_id]
    assert stored.event == published
    # Equality of messages doesn't tell -0.0 from 0.0; their bytes do.
    assert stored.event.SerializeToString(deterministic=True) == published.SerializeToString(deterministic=True)


def test_a_message_without_fields_comes_back_absent(client: Client) -> None:
    published = event(actor=Actor(), resource=Resource(), payload=Payload())
    client.publish_events(published)
    [stored] = client.query(event_id=published.event_id).events
    expected = Event()
    expected.CopyFrom(published)
    for name in ("actor", "resource", "payload"):
        expected.ClearField(name)
    assert stored.event == expected


def test_all_fields_of_the_message_are_exercised() -> None:
    """A field that is added to event.proto has to be added to full_event too."""
    assert {field.name for field, _ in full_event().ListFields()} == set(Event.DESCRIPTOR.fields_by_name)
    for part in ("actor", "resource", "payload"):
        message = getattr(full_event(), part)
        assert {field.name for field, _ in message.ListFields()} == set(message.DESCRIPTOR.fields_by_name)

"""One bad event never costs its neighbours: it comes back with index, field, code and reason."""

import json

import pytest
from docket.v1 import collector_pb2 as pb
from docket.v1.event_pb2 import Actor, Event, Payload, Resource

from client import Client
from collector import Collector
from events import EARLIEST_US, LATEST_US, event, request, unique

LEVELS_32 = '{"a":' * 32 + "1" + "}" * 32
LEVELS_33 = '{"a":' * 33 + "1" + "}" * 33

# What is wrong, the field that the rejection names, and its code.
FAULTS = [
    pytest.param({"event_id": None}, "event_id", pb.REJECTION_CODE_MISSING_FIELD, id="no event_id"),
    pytest.param({"event_id": b"x" * 15}, "event_id", pb.REJECTION_CODE_WRONG_LENGTH, id="short event_id"),
    pytest.param({"event_id": b"x" * 17}, "event_id", pb.REJECTION_CODE_WRONG_LENGTH, id="long event_id"),
    pytest.param({"type": None}, "type", pb.REJECTION_CODE_MISSING_FIELD, id="no type"),
    pytest.param({"type": "no.such.type"}, "type", pb.REJECTION_CODE_UNKNOWN_EVENT_TYPE, id="unknown type"),
    pytest.param({"type": "t" * 129}, "type", pb.REJECTION_CODE_TOO_LONG, id="long type"),
    pytest.param({"occurred_at_us": None}, "occurred_at_us", pb.REJECTION_CODE_MISSING_FIELD, id="no time"),
    pytest.param({"occurred_at_us": EARLIEST_US - 1}, "occurred_at_us", pb.REJECTION_CODE_OUT_OF_RANGE, id="year 0"),
    pytest.param({"occurred_at_us": LATEST_US + 1}, "occurred_at_us", pb.REJECTION_CODE_OUT_OF_RANGE, id="year 10000"),
    pytest.param({"occurred_at_us": -(1 << 63)}, "occurred_at_us", pb.REJECTION_CODE_OUT_OF_RANGE, id="least int64"),
    pytest.param({"scope": "ü" * 257}, "scope", pb.REJECTION_CODE_TOO_LONG, id="scope of 514 bytes"),
    pytest.param({"actor": Actor(id="i" * 513)}, "actor.id", pb.REJECTION_CODE_TOO_LONG, id="long actor.id"),
    pytest.param({"actor": Actor(kind="a\0b")}, "actor.kind", pb.REJECTION_CODE_NUL_CHARACTER, id="NUL in actor.kind"),
    pytest.param({"delegation": [Actor(id="a")] * 17}, "delegation", pb.REJECTION_CODE_TOO_MANY, id="17 delegations"),
    pytest.param({"action": "\0"}, "action", pb.REJECTION_CODE_NUL_CHARACTER, id="NUL in action"),
    pytest.param({"resource": Resource(id="i" * 513)}, "resource.id", pb.REJECTION_CODE_TOO_LONG, id="long resource"),
    pytest.param({"decision": 4}, "decision", pb.REJECTION_CODE_OUT_OF_RANGE, id="decision 4"),
    pytest.param({"outcome": -1}, "outcome", pb.REJECTION_CODE_OUT_OF_RANGE, id="outcome -1"),
    pytest.param({"reason": "r" * (8 * 1024 + 1)}, "reason", pb.REJECTION_CODE_TOO_LONG, id="long reason"),
    pytest.param({"obligations": "{}"}, "obligations", pb.REJECTION_CODE_INVALID_JSON, id="obligations no array"),
    pytest.param({"evaluated_rules": "[1,]"}, "evaluated_rules", pb.REJECTION_CODE_INVALID_JSON, id="trailing comma"),
    pytest.param({"risk_score": float("nan")}, "risk_score", pb.REJECTION_CODE_OUT_OF_RANGE, id="NaN"),
    pytest.param({"risk_score": float("inf")}, "risk_score", pb.REJECTION_CODE_OUT_OF_RANGE, id="infinity"),
    pytest.param({"trace_id": b"t" * 8}, "trace_id", pb.REJECTION_CODE_WRONG_LENGTH, id="short trace_id"),
    pytest.param({"span_id": b"s" * 16}, "span_id", pb.REJECTION_CODE_WRONG_LENGTH, id="long span_id"),
    pytest.param({"trace_id": bytes(16)}, "trace_id", pb.REJECTION_CODE_OUT_OF_RANGE, id="trace_id of zeros"),
    pytest.param({"span_id": bytes(8)}, "span_id", pb.REJECTION_CODE_OUT_OF_RANGE, id="span_id of zeros"),
    pytest.param({"duration_us": -1}, "duration_us", pb.REJECTION_CODE_OUT_OF_RANGE, id="negative duration"),
    pytest.param(
        {"payload": Payload(in_size_bytes=-1)}, "payload.in_size_bytes", pb.REJECTION_CODE_OUT_OF_RANGE, id="size -1"
    ),
    pytest.param({"attributes": "[]"}, "attributes", pb.REJECTION_CODE_INVALID_JSON, id="attributes no object"),
    pytest.param({"attributes": ""}, "attributes", pb.REJECTION_CODE_INVALID_JSON, id="empty attributes"),
    pytest.param({"attributes": '{"a": NaN}'}, "attributes", pb.REJECTION_CODE_INVALID_JSON, id="NaN in JSON"),
    pytest.param({"attributes": '{"a": "\\u0000"}'}, "attributes", pb.REJECTION_CODE_INVALID_JSON, id="escaped NUL"),
    pytest.param({"attributes": '{"\\ud800": 1}'}, "attributes", pb.REJECTION_CODE_INVALID_JSON, id="lone surrogate"),
    pytest.param({"attributes": LEVELS_33}, "attributes", pb.REJECTION_CODE_TOO_DEEP, id="33 levels"),
    pytest.param(
        {"attributes": json.dumps({"a": "b" * 64 * 1024})}, "attributes", pb.REJECTION_CODE_TOO_LONG, id="over 64 KiB"
    ),
]


@pytest.mark.parametrize(("fields", "field", "code"), FAULTS)
def test_a_bad_event_is_named_and_its_neighbours_are_stored(
    client: Client, fields: dict[str, object], field: str, code: int
) -> None:
    session = unique()
    before, after = event(session_id=session), event(session_id=session)
    bad = event(**({"session_id": session} | fields))
    verdict = client.publish_events(before, bad, after)

    assert verdict.accepted_count == 2
    [rejection] = verdict.rejections
    assert (rejection.index, rejection.field, pb.RejectionCode.Name(rejection.code)) == (
        1,
        field,
        pb.RejectionCode.Name(code),
    )
    assert rejection.reason
    stored = client.query_all(session_id=session)
    assert {(one.position, one.event.event_id) for one in stored} == {(0, before.event_id), (2, after.event_id)}
    assert verdict.receipt.root != verdict.receipt.content_hash


def test_text_that_is_not_utf_8_is_a_rejection_of_that_event(client: Client) -> None:
    session = unique()
    batch = request([event(session_id=session), event(session_id=session, action="MARK"), event(session_id=session)])
    # Stock protobuf refuses to build such a message, so it is damaged after it has been encoded.
    damaged = batch.SerializeToString().replace(b"MARK", b"\xff\xfe\xc0\x80")
    answer = client.call_raw("/docket.v1.CollectorService/Publish", damaged)
    verdict = pb.PublishResponse.FromString(answer).verdict
    assert verdict.accepted_count == 2
    [rejection] = verdict.rejections
    assert (rejection.index, rejection.field, rejection.code) == (1, "action", pb.REJECTION_CODE_INVALID_UTF8)
    assert len(client.query_all(session_id=session)) == 2


def test_many_bad_events_come_back_in_rising_order(client: Client) -> None:
    session = unique()
    batch = [event(session_id=session, type="no.such.type" if index % 3 else None) for index in range(0, 30)]
    good = [event(session_id=session) for _ in range(30)]
    mixed = [one for pair in zip(good, batch, strict=True) for one in pair]
    verdict = client.publish_events(*mixed)
    assert verdict.accepted_count == 30
    assert [rejection.index for rejection in verdict.rejections] == list(range(1, 60, 2))
    assert len(client.query_all(session_id=session)) == 30


def test_a_batch_of_bad_events_only_is_stored_as_a_batch_with_none_accepted(client: Client) -> None:
    batch = request([event(type="no.such.type"), event(occurred_at_us=None)])
    first = client.publish(batch).verdict
    assert (first.accepted_count, len(first.rejections)) == (0, 2)
    again = client.publish(batch).verdict
    assert again.replayed
    assert again.rejections == first.rejections


def test_a_rejected_event_is_kept_in_quarantine(client: Client, collector: Collector) -> None:
    bad = event(action="\0")
    batch = request([event(), bad])
    verdict = client.publish(batch).verdict
    assert [rejection.index for rejection in verdict.rejections] == [1]
    [[kept]] = collector.sql(
        f"SELECT encode(event, 'hex') FROM docket.quarantine WHERE batch_id = {verdict.receipt.batch_id}"
    )
    assert Event.FromString(bytes.fromhex(kept)) == bad


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"scope": "s" * 512, "action": "ü" * 256}, id="indexed text of 512 bytes"),
        pytest.param({"reason": "r" * 8 * 1024}, id="reason of 8 KiB"),
        pytest.param({"attributes": '{"a":"' + "b" * (64 * 1024 - 8) + '"}'}, id="attributes of 64 KiB"),
        pytest.param({"attributes": LEVELS_32}, id="32 levels"),
        pytest.param({"delegation": [Actor(id=str(index)) for index in range(16)]}, id="16 delegations"),
        pytest.param({"occurred_at_us": EARLIEST_US}, id="the earliest time"),
        pytest.param({"occurred_at_us": LATEST_US}, id="the latest time"),
    ],
)
def test_an_event_exactly_at_a_limit_is_accepted(client: Client, fields: dict[str, object]) -> None:
    published = event(**fields)
    verdict = client.publish_events(published)
    assert (verdict.accepted_count, list(verdict.rejections)) == (1, [])
    assert [one.event for one in client.query(event_id=published.event_id).events] == [published]

"""Query: pages of events, by filters."""

import hashlib
import json
import time

import grpc
import pytest
from docket.v1 import audit_log_pb2, event_pb2
from docket.v1.audit_log_pb2 import AttributeCondition
from docket.v1.event_pb2 import Actor, Event, Resource
from google.protobuf.field_mask_pb2 import FieldMask

from client import Client, failure
from events import event, unique

BASE_US = 1_700_000_000_000_000


@pytest.fixture(scope="module")
def mark() -> str:
    """What the events of this module have in common: their scope."""
    return unique("scope-")


@pytest.fixture(scope="module")
def log(collector, mark: str) -> list[Event]:
    """40 events in 4 batches. The times don't follow the order of arrival, and some are equal."""
    batches = []
    for batch in range(4):
        batches.append(
            [
                event(
                    occurred_at_us=BASE_US + (7 * (10 * batch + index) % 20) * 1_000_000,
                    scope=mark,
                    type="authz.decision",
                    actor=Actor(kind="user", id=f"{mark}-actor-{index % 3}"),
                    action=f"action-{index % 2}",
                    resource=Resource(type=f"type-{index % 2}", id=f"{mark}-{index}"),
                    session_id=f"{mark}-session-{batch}",
                    request_id=f"{mark}-request-{index}",
                    agent_id=f"{mark}-agent-{index % 5}",
                    trace_id=hashlib.sha256(f"{mark}-{batch}".encode()).digest()[:16],
                    decision=(event_pb2.DECISION_ALLOW, event_pb2.DECISION_DENY)[index % 2],
                    outcome=(event_pb2.OUTCOME_SUCCESS, event_pb2.OUTCOME_FAILURE, event_pb2.OUTCOME_ERROR)[index % 3],
                    source=f"{mark}-source-{index % 2}",
                    policy=f"{mark}-policy-{index % 4}",
                    risk_score=index / 10,
                    reason=f"{mark}: Rule {index} of 100%",
                    attributes=json.dumps({"request": {"verb": ["get", "delete"][index % 2]}, "a/b": [index]}),
                )
                for index in range(10)
            ]
        )
    with Client(collector.address, collector.token) as client:
        for batch in batches:
            assert client.publish_events(*batch).accepted_count == 10
    return [one for batch in batches for one in batch]


def sort_key(stored: audit_log_pb2.StoredEvent) -> tuple[int, int, int]:
    return (stored.event.occurred_at_us, stored.batch_id, stored.position)


@pytest.mark.parametrize("page_size", [1, 3, 7, 40, 1000])
@pytest.mark.parametrize("order", [audit_log_pb2.ORDER_NEWEST_FIRST, audit_log_pb2.ORDER_OLDEST_FIRST])
def test_pages_hold_all_events_once_and_in_order(
    client: Client, log: list[Event], mark: str, page_size: int, order: int
) -> None:
    found = client.query_all(scope=mark, page_size=page_size, order=order)
    assert {one.event.event_id for one in found} == {one.event_id for one in log}
    assert len(found) == len(log)
    keys = [sort_key(one) for one in found]
    assert keys == sorted(keys, reverse=order == audit_log_pb2.ORDER_NEWEST_FIRST)


def test_a_page_holds_at_most_what_was_asked_for(client: Client, log: list[Event], mark: str) -> None:
    page = client.query(scope=mark, page_size=7)
    assert len(page.events) == 7
    assert page.next_page_token


def test_the_last_page_has_no_token(client: Client, log: list[Event], mark: str) -> None:
    page = client.query(scope=mark, page_size=len(log))
    assert len(page.events) == len(log)
    assert page.next_page_token == b""


def test_the_newest_come_first_when_no_order_is_given(client: Client, log: list[Event], mark: str) -> None:
    keys = [sort_key(one) for one in client.query_all(scope=mark, page_size=9)]
    assert keys == sorted(keys, reverse=True)


def test_events_that_arrive_between_two_pages_shift_nothing(client: Client) -> None:
    scope = unique()
    client.publish_events(*(event(scope=scope, occurred_at_us=BASE_US + index) for index in range(6)))
    first = client.query(scope=scope, page_size=3)
    client.publish_events(*(event(scope=scope, occurred_at_us=BASE_US + 100 + index) for index in range(6)))
    second = client.query(scope=scope, page_size=3, page_token=first.next_page_token)
    times = [one.event.occurred_at_us - BASE_US for one in [*first.events, *second.events]]
    assert times == [5, 4, 3, 2, 1, 0]


FILTERS = {
    "type": ({"type": "authz.decision"}, lambda e, m: e.type == "authz.decision"),
    "actor": ({"actor_id": "{}-actor-1"}, lambda e, m: e.actor.id == f"{m}-actor-1"),
    "action": ({"action": "action-1"}, lambda e, m: e.action == "action-1"),
    "session": ({"session_id": "{}-session-2"}, lambda e, m: e.session_id == f"{m}-session-2"),
    "request": ({"request_id": "{}-request-7"}, lambda e, m: e.request_id == f"{m}-request-7"),
    "agent": ({"agent_id": "{}-agent-3"}, lambda e, m: e.agent_id == f"{m}-agent-3"),
    "resource type": ({"resource_type": "type-0"}, lambda e, m: e.resource.type == "type-0"),
    "resource": (
        {"resource_type": "type-1", "resource_id": "{}-3"},
        lambda e, m: (e.resource.type, e.resource.id) == ("type-1", f"{m}-3"),
    ),
    "decision": ({"decision": event_pb2.DECISION_DENY}, lambda e, m: e.decision == event_pb2.DECISION_DENY),
    "time, both ends inclusive": (
        {"occurred_from_us": BASE_US + 3_000_000, "occurred_to_us": BASE_US + 8_000_000},
        lambda e, m: BASE_US + 3_000_000 <= e.occurred_at_us <= BASE_US + 8_000_000,
    ),
    "from": (
        {"occurred_from_us": BASE_US + 15_000_000},
        lambda e, m: e.occurred_at_us >= BASE_US + 15_000_000,
    ),
    "to": ({"occurred_to_us": BASE_US + 2_000_000}, lambda e, m: e.occurred_at_us <= BASE_US + 2_000_000),
    "type prefix": ({"type_prefix": "authz.dec"}, lambda e, m: e.type.startswith("authz.dec")),
    "outcome": ({"outcome": event_pb2.OUTCOME_ERROR}, lambda e, m: e.outcome == event_pb2.OUTCOME_ERROR),
    "source": ({"source": "{}-source-1"}, lambda e, m: e.source == f"{m}-source-1"),
    "policy": ({"policy": "{}-policy-3"}, lambda e, m: e.policy == f"{m}-policy-3"),
    "risk, inclusive": ({"min_risk_score": 0.7}, lambda e, m: e.risk_score >= 0.7),
    "text of the reason, in either case": ({"text": "rULE 7 OF 100%"}, lambda e, m: "Rule 7 of 100%" in e.reason),
    "text of the attributes": ({"text": '"DELETE"'}, lambda e, m: '"delete"' in e.attributes),
    "a value in the attributes": (
        {"attributes": [AttributeCondition(pointer="/request/verb", value="delete")]},
        lambda e, m: json.loads(e.attributes)["request"]["verb"] == "delete",
    ),
    "two values in the attributes": (
        {
            "attributes": [
                AttributeCondition(pointer="/request/verb", value="get"), AttributeCondition(pointer="/a~1b/0", value="4"),
            ]
        },
        lambda e, m: json.loads(e.attributes) == {"request": {"verb": "get"}, "a/b": [4]},
    ),
    "all at once": (
        {"actor_id": "{}-actor-0", "action": "action-0", "session_id": "{}-session-1", "resource_type": "type-0"},
        lambda e, m: (e.actor.id, e.action, e.session_id) == (f"{m}-actor-0", "action-0", f"{m}-session-1"),
    ),
}


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_gives_the_events_that_meet_it_and_no_others(
    client: Client, log: list[Event], mark: str, name: str
) -> None:
    fields, matches = FILTERS[name]
    asked = {key: value.format(mark) if isinstance(value, str) else value for key, value in fields.items()}
    expected = {one.event_id for one in log if matches(one, mark)}
    assert expected, "the filter was meant to match something"
    found = client.query_all(scope=mark, page_size=4, **asked)
    assert {one.event.event_id for one in found} == expected
    assert len(found) == len(expected)


def test_an_event_is_found_by_its_id(client: Client, log: list[Event]) -> None:
    assert [one.event for one in client.query(event_id=log[17].event_id).events] == [log[17]]


def test_events_are_found_by_their_trace(client: Client, log: list[Event]) -> None:
    found = client.query_all(trace_id=log[17].trace_id, page_size=3)
    assert {one.event.event_id for one in found} == {one.event_id for one in log[10:20]}
    assert len(found) == 10


@pytest.mark.parametrize(
    "fields",
    [
        {"trace_id": bytes(16)},
        {"request_id": "no-such-request"},
        {"agent_id": "no-such-agent"},
        {"scope": "no-such-scope"},
        {"type_prefix": "no.such."},
        {"text": "100_ of"},
        {"text": "%" * 3},
        {"attributes": [AttributeCondition(pointer="/request", value="get")]},
        {"attributes": [AttributeCondition(pointer="/request/no", value="")]},
        {"type": "no.such.type"},
        {"actor_id": "%"},
        {"session_id": "' OR 1=1 --"},
        {"event_id": b"no-such-event-id"},
        {"occurred_from_us": 2, "occurred_to_us": 1},
    ],
)
def test_a_filter_that_nothing_meets_gives_an_empty_last_page(client: Client, fields: dict[str, object]) -> None:
    page = client.query(**fields)
    assert (list(page.events), page.next_page_token) == ([], b"")


@pytest.mark.parametrize(
    "fields",
    [
        {"page_token": b"nonsense"},
        {"event_id": b"short"},
        {"trace_id": b"one byte too many"},
        {"page_size": 1001},
        {"order": 9},
        {"outcome": 4},
        {"min_risk_score": float("nan")},
        {"text": ""},
        {"text": "t" * 1025},
        {"attributes": [AttributeCondition(value="a pointer to the whole")]},
        {"attributes": [AttributeCondition(pointer="request/verb", value="get")]},
        {"attributes": [AttributeCondition(pointer="/a", value="b")] * 17},
    ],
)
def test_a_query_that_makes_no_sense_is_an_invalid_argument(client: Client, fields: dict[str, object]) -> None:
    error = failure(client.query, **fields)
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error.details()
    assert error.details()


def test_what_is_acknowledged_is_visible_to_the_next_query(client: Client) -> None:
    for _ in range(30):
        published = event(occurred_at_us=time.time_ns() // 1000)
        client.publish_events(published)
        assert len(client.query(event_id=published.event_id).events) == 1


# MARK: Counting


def test_the_first_page_says_how_many_events_match_when_asked(collector, mark: str, log: list[Event]) -> None:
    with Client(collector.address, collector.token) as client:
        asked = audit_log_pb2.QueryRequest(filter=audit_log_pb2.EventFilter(scope=mark), page_size=7)
        assert not client.audit_log.Query(asked, metadata=client.metadata, timeout=60).HasField("count")
        for mode in (audit_log_pb2.COUNT_MODE_ESTIMATED, audit_log_pb2.COUNT_MODE_EXACT):
            asked.count = mode
            page = client.audit_log.Query(asked, metadata=client.metadata, timeout=60)
            assert page.count == len(log) and len(page.events) == 7
            asked.page_token = page.next_page_token
            assert not client.audit_log.Query(asked, metadata=client.metadata, timeout=60).HasField("count")
            asked.page_token = b""
        asked.count = 9
        assert "count" in failure(client.audit_log.Query, asked, metadata=client.metadata, timeout=60).details()


# MARK: Some of the fields


def masked(client: Client, mark: str, *paths: str) -> list[audit_log_pb2.StoredEvent]:
    """The log's events with these fields, in pages of seven."""
    asked = audit_log_pb2.QueryRequest(
        filter=audit_log_pb2.EventFilter(scope=mark), page_size=7, read_mask=FieldMask(paths=paths)
    )
    found: list[audit_log_pb2.StoredEvent] = []
    while True:
        page = client.audit_log.Query(asked, metadata=client.metadata, timeout=60)
        found.extend(page.events)
        asked.page_token = page.next_page_token
        if not page.next_page_token:
            return found


@pytest.mark.parametrize(
    "paths",
    [
        ["event.type"], ["event.actor"], ["event.actor.id"], ["event.attributes", "tenant"], ["batch_id", "position"], ["event"],
        ["event.event_id", "event.occurred_at_us", "received_at_us"], ["event.resource.type", "event.risk_score"],
        ["event.decision", "event.decision", "event.delegation", "event.payload"], ["tenant"], [],
    ],
    ids=",".join,
)  # fmt: skip
def test_with_a_read_mask_events_have_what_it_names_and_nothing_else(
    client: Client, log: list[Event], mark: str, paths: list[str]
) -> None:
    whole = client.query_all(scope=mark)
    expected = []
    for one in whole:
        kept = audit_log_pb2.StoredEvent(event=Event())
        FieldMask(paths=paths or ["event", "tenant", "received_at_us", "batch_id", "position"]).MergeMessage(one, kept)
        expected.append(kept)
    assert masked(client, mark, *paths) == expected
    assert len(expected) == len(log)


@pytest.mark.parametrize("path", ["", "event.", "actor", "event.actor.name", "event.attributes.request", "events", "*", "event.actor id"])
def test_a_path_that_names_no_field_is_an_invalid_argument(client: Client, path: str) -> None:
    asked = audit_log_pb2.QueryRequest(read_mask=FieldMask(paths=["event.type", path]))
    error = failure(client.audit_log.Query, asked, metadata=client.metadata, timeout=60)
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error.details()
    assert f"'{path}'" in error.details() and "read_mask" in error.details() and "event.actor.user_id" in error.details()


def test_a_mask_of_too_many_paths_is_an_invalid_argument(client: Client) -> None:
    asked = audit_log_pb2.QueryRequest(read_mask=FieldMask(paths=["tenant"] * 101))
    error = failure(client.audit_log.Query, asked, metadata=client.metadata, timeout=60)
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT and "101 paths" in error.details()

"""Publish: one batch, one answer, after its commit."""

import os
import time

import grpc
import pytest
from docket.v1 import collector_pb2

from client import Client, failure
from collector import Collector
from events import event, request, unique


def test_a_published_event_is_answered_with_a_receipt_and_is_there_to_query(client: Client) -> None:
    before_us = time.time_ns() // 1000
    published = event(session_id=unique())
    batch = request([published], sequence=7)
    response = client.publish(batch)
    after_us = time.time_ns() // 1000

    assert response.sequence == 7
    verdict = response.verdict
    assert (verdict.accepted_count, list(verdict.rejections), verdict.replayed) == (1, [], False)
    receipt = verdict.receipt
    assert receipt.batch_id > 0
    assert (len(receipt.root), len(receipt.content_hash)) == (32, 32)
    assert receipt.root == receipt.content_hash, "all events were accepted, so both roots cover the same leaves"
    assert receipt.durability == collector_pb2.DURABILITY_COMMITTED
    # The receipt's time is a whole millisecond, so it may lie up to one before the call.
    assert before_us - 1000 <= receipt.received_at_us <= after_us

    [stored] = client.query(event_id=published.event_id).events
    assert stored.event == published
    assert stored.tenant == "default"
    assert (stored.batch_id, stored.position) == (receipt.batch_id, 0)
    assert stored.received_at_us == receipt.received_at_us


def test_an_acknowledged_event_is_one_row_of_the_view_audit_log(client: Client, collector: Collector) -> None:
    published = event()
    client.publish_events(published)
    rows = collector.sql(f"SELECT tenant, type FROM docket.audit_log WHERE event_id = '{published.event_id.hex()}'")
    assert rows == [["default", published.type]]


def test_positions_are_the_indexes_in_the_request(client: Client) -> None:
    session = unique()
    batch = [event(session_id=session, request_id=str(index)) for index in range(25)]
    verdict = client.publish_events(*batch)
    assert verdict.accepted_count == 25
    stored = client.query_all(session_id=session)
    assert {one.batch_id for one in stored} == {verdict.receipt.batch_id}
    assert {(one.position, one.event.request_id) for one in stored} == {(i, str(i)) for i in range(25)}


def test_batch_ids_rise_with_time(client: Client) -> None:
    ids = [client.publish_events(event()).receipt.batch_id for _ in range(20)]
    assert ids == sorted(set(ids))


def test_two_batches_of_the_same_events_have_the_same_roots_and_other_batch_ids(client: Client) -> None:
    same = [event(), event()]
    first, second = client.publish_events(*same).receipt, client.publish_events(*same).receipt
    assert (first.root, first.content_hash) == (second.root, second.content_hash)
    assert first.batch_id != second.batch_id


def test_a_batch_of_10_000_events_is_stored_whole(client: Client) -> None:
    session = unique()
    verdict = client.publish_events(*(event(session_id=session) for _ in range(10_000)))
    assert (verdict.accepted_count, list(verdict.rejections)) == (10_000, [])
    assert len(client.query_all(session_id=session, page_size=1000)) == 10_000


@pytest.mark.parametrize(
    "batch",
    [
        pytest.param(request([]), id="no events"),
        pytest.param(request([event()], producer_id=b""), id="no producer id"),
        pytest.param(request([event()], producer_id=os.urandom(15)), id="producer id of 15 bytes"),
        pytest.param(request([event()], producer_id=os.urandom(17)), id="producer id of 17 bytes"),
        pytest.param(request([event()], sequence=1 << 63), id="sequence 2^63"),
        pytest.param(request(event(attributes=None) for _ in range(10_001)), id="10,001 events"),
    ],
)
def test_a_batch_that_is_wrong_as_a_whole_is_an_invalid_argument_that_stores_nothing(
    client: Client, batch: collector_pb2.PublishRequest
) -> None:
    error = failure(client.publish, batch)
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error.details()
    assert error.details()
    if batch.events:
        assert not client.query(event_id=batch.events[0].event_id).events


def test_the_largest_sequence_is_accepted_and_echoed(client: Client) -> None:
    response = client.publish(request([event()], sequence=(1 << 63) - 1))
    assert response.sequence == (1 << 63) - 1
    assert response.verdict.accepted_count == 1

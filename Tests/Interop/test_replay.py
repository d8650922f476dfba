"""Exactly once: (tenant, producer_id, sequence) names a batch for good."""

import os
from concurrent.futures import ThreadPoolExecutor

import grpc

from client import Client, failure
from collector import Collector
from conftest import StartCollector
from events import event, request, unique


def test_a_batch_sent_twice_is_stored_once_and_answered_with_the_first_verdict(client: Client) -> None:
    session = unique()
    batch = request([event(session_id=session), event(type="no.such.type"), event(session_id=session)])
    first, second = client.publish(batch).verdict, client.publish(batch).verdict
    assert (first.replayed, second.replayed) == (False, True)
    second.replayed = False
    assert second == first
    assert len(client.query_all(session_id=session)) == 2


def test_other_content_under_the_same_key_is_refused_and_stored_nowhere(client: Client) -> None:
    producer = os.urandom(16)
    first, other = event(), event()
    client.publish(request([first], producer, 3))
    error = failure(client.publish, request([other], producer, 3))
    assert error.code() == grpc.StatusCode.ALREADY_EXISTS, error.details()
    assert len(client.query(event_id=first.event_id).events) == 1
    assert not client.query(event_id=other.event_id).events


def test_a_changed_field_of_one_event_is_other_content(client: Client) -> None:
    producer, same = os.urandom(16), event(attributes='{"a": 1}')
    client.publish(request([same], producer))
    same.attributes = '{"a":1}'
    error = failure(client.publish, request([same], producer))
    assert error.code() == grpc.StatusCode.ALREADY_EXISTS


def test_on_a_stream_a_replay_is_a_verdict_and_other_content_a_status(client: Client) -> None:
    producer = os.urandom(16)
    batch = request([event()], producer, 1)
    client.publish(batch)
    [replayed] = client.publish_stream([batch])
    assert replayed.verdict.replayed
    [refused] = client.publish_stream([request([event()], producer, 1)])
    assert refused.status.code == grpc.StatusCode.ALREADY_EXISTS.value[0]


def test_the_same_sequence_of_another_producer_is_another_batch(client: Client) -> None:
    same = event()
    first, second = client.publish(request([same], sequence=1)), client.publish(request([same], sequence=1))
    assert not second.verdict.replayed
    assert first.verdict.receipt.batch_id != second.verdict.receipt.batch_id


def test_sequences_need_not_come_in_order_or_without_gaps(client: Client) -> None:
    producer = os.urandom(16)
    for sequence in (5, 1_000_000, 0, 3):
        assert not client.publish(request([event()], producer, sequence)).verdict.replayed


def test_a_batch_sent_by_many_connections_at_once_is_stored_once(collector: Collector, client: Client) -> None:
    session = unique()
    batch = request([event(session_id=session) for _ in range(50)])

    def publish(_: int) -> bytes:
        with Client(collector.address, collector.token) as own:
            verdict = own.publish(batch).verdict
            replayed, verdict.replayed = verdict.replayed, False
            return bytes([replayed]) + verdict.SerializeToString(deterministic=True)

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(publish, range(12)))
    assert sorted(answer[0] for answer in answers) == [0] + [1] * 11
    assert len({answer[1:] for answer in answers}) == 1
    assert len(client.query_all(session_id=session, page_size=1000)) == 50


def test_what_is_acknowledged_survives_a_stop_and_a_replay_after_it_adds_no_row(
    start_collector: StartCollector,
) -> None:
    first = start_collector()
    session = unique()
    batch = request([event(session_id=session) for _ in range(10)])
    with Client(first.address, first.token) as client:
        receipt = client.publish(batch).verdict.receipt
    assert first.stop() == 0, first.log()
    second = start_collector(folder=first.folder)
    with Client(second.address, second.token) as client:
        replay = client.publish(batch).verdict
        assert replay.replayed
        assert replay.receipt == receipt
        assert len(client.query_all(session_id=session)) == 10


def test_what_is_acknowledged_survives_a_kill_and_the_next_start_cleans_up(start_collector: StartCollector) -> None:
    first = start_collector()
    session = unique()
    batch = request([event(session_id=session) for _ in range(10)])
    with Client(first.address, first.token) as client:
        client.publish(batch)
    first.kill()
    second = start_collector(folder=first.folder)
    with Client(second.address, second.token) as client:
        assert client.publish(batch).verdict.replayed
        assert len(client.query_all(session_id=session)) == 10
    assert second.stop() == 0, second.log()

"""PublishStream: many batches on one stream, each answered by its sequence."""

import os
import queue
import threading
from collections.abc import Iterator

import grpc
from docket.v1.collector_pb2 import PublishRequest, PublishResponse

from client import Client, failure
from events import event, request, unique


def test_pipelined_batches_are_each_answered_once_by_their_sequence(client: Client) -> None:
    producer, session = os.urandom(16), unique()
    batches = [
        request([event(session_id=session) for _ in range(1 + sequence % 5)], producer, sequence)
        for sequence in range(500)
    ]
    answers = list(client.publish_stream(batches))
    assert sorted(answer.sequence for answer in answers) == list(range(500))
    for answer in answers:
        assert answer.WhichOneof("result") == "verdict"
        assert answer.verdict.accepted_count == len(batches[answer.sequence].events)
    expected = {one.event_id for batch in batches for one in batch.events}
    stored = client.query_all(session_id=session, page_size=1000)
    assert len(stored) == len(expected)
    assert {one.event.event_id for one in stored} == expected


def test_a_batch_is_answered_while_the_stream_stays_open(client: Client) -> None:
    outbox: queue.SimpleQueue[PublishRequest | None] = queue.SimpleQueue()
    answers = client.publish_stream(iter(outbox.get, None))
    producer = os.urandom(16)
    for sequence in range(10):
        outbox.put(request([event()], producer, sequence))
        answer = next(answers)
        assert (answer.sequence, answer.verdict.accepted_count) == (sequence, 1)
    outbox.put(None)
    assert list(answers) == []


def test_response_headers_come_before_the_first_batch(client: Client) -> None:
    outbox: queue.SimpleQueue[PublishRequest | None] = queue.SimpleQueue()
    answers = client.publish_stream(iter(outbox.get, None))
    # Blocks until the headers are there; the call's own deadline ends the wait.
    answers.initial_metadata()
    assert answers.is_active()
    outbox.put(None)
    assert list(answers) == []


def test_a_refused_batch_in_the_middle_is_answered_by_a_status_and_ends_nothing(client: Client) -> None:
    producer = os.urandom(16)
    batches = [
        request([event()], producer, 0),
        request([event()], b"short", 1),
        request([], producer, 2),
        request([event()], producer, 3, tenant="no-such-tenant"),
        request([event()], producer, 4),
    ]
    answers = {answer.sequence: answer for answer in client.publish_stream(batches)}
    assert sorted(answers) == [0, 1, 2, 3, 4]
    assert [answers[sequence].WhichOneof("result") for sequence in range(5)] == [
        "verdict", "status", "status", "status", "verdict",
    ]  # fmt: skip
    assert answers[1].status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert answers[2].status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert answers[3].status.code == grpc.StatusCode.PERMISSION_DENIED.value[0]
    assert all(answers[sequence].status.message for sequence in (1, 2, 3))


def test_a_stream_without_a_batch_ends_ok(client: Client) -> None:
    assert list(client.publish_stream([])) == []


def test_a_message_that_is_no_batch_ends_its_stream_and_no_other(client: Client) -> None:
    outbox: queue.SimpleQueue[PublishRequest | None] = queue.SimpleQueue()
    neighbour = client.publish_stream(iter(outbox.get, None))
    raw = client.channel.stream_stream("/docket.v1.CollectorService/PublishStream")
    error = failure(raw, iter([b"\xff\xff\xff\xff"]), metadata=client.metadata, timeout=30)
    assert error.code() == grpc.StatusCode.INTERNAL
    outbox.put(request([event()], sequence=5))
    assert next(neighbour).sequence == 5
    outbox.put(None)
    assert list(neighbour) == []


def test_a_cancelled_stream_leaves_its_connection_usable(client: Client) -> None:
    outbox: queue.SimpleQueue[PublishRequest | None] = queue.SimpleQueue()
    answers = client.publish_stream(iter(outbox.get, None))
    outbox.put(request([event()]))
    assert next(answers).verdict.accepted_count == 1
    answers.cancel()
    outbox.put(None)
    assert client.publish_events(event()).accepted_count == 1


def test_twenty_streams_on_one_connection_keep_their_answers_apart(client: Client) -> None:
    answered: dict[int, list[PublishResponse]] = {}

    def publish(stream: int) -> None:
        producer = os.urandom(16)
        batches: Iterator[PublishRequest] = (request([event()], producer, stream * 1000 + index) for index in range(20))
        answered[stream] = list(client.publish_stream(batches))

    threads = [threading.Thread(target=publish, args=(stream,)) for stream in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for stream in range(20):
        expected = list(range(stream * 1000, stream * 1000 + 20))
        assert sorted(answer.sequence for answer in answered[stream]) == expected
        assert all(answer.verdict.accepted_count == 1 for answer in answered[stream])

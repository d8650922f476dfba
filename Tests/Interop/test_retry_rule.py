"""The retry rule of Examples/python, without a collector; those of Examples/go and DocketClient name the same statuses."""

import re

import pytest
from docket.v1.collector_pb2 import PublishRequest
from google.rpc import code_pb2 as codes
from google.rpc.error_details_pb2 import QuotaFailure, RetryInfo
from google.rpc.status_pb2 import Status

from emitter_example import EXAMPLES, Limits, adds_up, batches, numbered, rule
from stubs import ROOT

ALL_CODES = {number for number in codes.Code.values() if number != codes.OK}


def status(code: int, retry_seconds: float | None = None) -> Status:
    refusal = Status(code=code, message="why")
    refusal.details.add().Pack(QuotaFailure())
    if retry_seconds is not None:
        info = RetryInfo()
        info.retry_delay.FromNanoseconds(int(retry_seconds * 1e9))
        refusal.details.add().Pack(info)
    return refusal


def filled(count: int, **limits: object) -> batches.BatchQueue:
    """A queue with so many batches of an event each, and a stream."""
    queue = batches.BatchQueue(Limits(max_batch_events=1, **limits), "acme", is_connected=True)
    for number in range(count):
        queue.enqueued += 1
        assert queue.append(numbered("session", number), now=0) == ""
    return queue


def sequences(messages: list[bytes]) -> list[int]:
    return [PublishRequest.FromString(message).sequence for message in messages]


def swift_cases(source: str, variable: str) -> set[str]:
    """The cases for which a variable of PublishStatus.swift is true, without the one that depends on RetryInfo."""
    body = source.split(f"var {variable}: Bool {{")[1].split("\n    }\n")[0]
    return {name for line in re.findall(r"case (\..*): true", body) for name in re.findall(r"\.(\w+)", line)}


def go_cases(source: str, function: str) -> set[str]:
    body = source.split(f"func {function}(")[1].split("\n}\n")[0]
    # Go has American spelling.
    return {name.replace("Canceled", "Cancelled") for name in re.findall(r"codes\.(\w+)", body)} - {"ResourceExhausted"}


def named(wanted: set[int]) -> set[str]:
    """Codes by their names without case and underscores, but for RESOURCE_EXHAUSTED."""
    return {codes.Code.Name(code).replace("_", "").lower() for code in wanted - {codes.RESOURCE_EXHAUSTED}}


def test_the_emitters_in_swift_python_and_go_take_the_same_statuses_for_the_same() -> None:
    swift = (ROOT / "Sources" / "DocketClient" / "PublishStatus.swift").read_text()
    go = (EXAMPLES / "go" / "rule.go").read_text()
    for wanted, variable, function in (
        (rule.MAY_PASS, "mayPass", "isPermanent"), (rule.BLAMES_BATCH, "blamesBatch", "blamesBatch"),
    ):  # fmt: skip
        assert {name.lower() for name in swift_cases(swift, variable)} - {"resourceexhausted"} == named(wanted)
        assert {name.lower() for name in go_cases(go, function)} == named(wanted)
    assert "self == .internal || self == .unknown" in swift and named(rule.DOUBTFUL) == {"internal", "unknown"}
    policy = (ROOT / "Sources" / "DocketClient" / "RetryPolicy.swift").read_text()
    assert f"maxDoubtfulAttempts = {rule.MAX_DOUBTFUL_ATTEMPTS}\n" in policy
    assert f"maxDoubtfulAttempts = {rule.MAX_DOUBTFUL_ATTEMPTS}\n" in go


@pytest.mark.parametrize("code", sorted(ALL_CODES), ids=codes.Code.Name)
def test_a_refused_batch_is_tried_again_or_given_up_by_its_status(code: int) -> None:
    for retry_seconds in (None, 2.0):
        queue = filled(1)
        assert sequences(queue.take_due(now=0)) == [0]
        queue.refused(0, status(code, retry_seconds), now=10)
        is_final = code not in rule.MAY_PASS or (code == codes.RESOURCE_EXHAUSTED and retry_seconds is None)
        assert queue.counters.dropped_by_reason == ({"refused": 1} if is_final else {})
        assert sequences(queue.take_due(now=20)) == ([] if is_final else [0])
        assert adds_up(queue.counters)


def test_no_batch_comes_back_before_the_time_that_the_collector_names() -> None:
    queue = filled(1)
    queue.take_due(now=0)
    queue.refused(0, status(codes.RESOURCE_EXHAUSTED, 2.0), now=10)
    assert queue.next_time() >= 12 and queue.take_due(now=11.9) == []
    assert sequences(queue.take_due(now=12)) == [0]


def test_a_doubtful_refusal_is_given_up_the_fifth_time() -> None:
    queue = filled(1)
    for attempt in range(1, 6):
        assert sequences(queue.take_due(now=100 * attempt)) == [0]
        queue.refused(0, status(codes.INTERNAL), now=100 * attempt)
        assert queue.counters.dropped == (1 if attempt == 5 else 0)


def test_what_a_lost_stream_leaves_unanswered_goes_first_on_the_next_byte_for_byte() -> None:
    queue = filled(6, max_in_flight_batches=4)
    sent = queue.take_due(now=0)
    assert sequences(sent) == [0, 1, 2, 3]
    queue.accepted(1, 1)
    queue.lost(status(codes.UNAVAILABLE), is_from_collector=True, now=0)
    assert queue.take_due(now=0) == [] and 0 <= queue.next_time() <= 0.05
    queue.is_connected = True
    again = queue.take_due(now=1)
    assert sequences(again) == [0, 2, 3, 4] and again[:3] == [sent[0], sent[2], sent[3]]
    assert {PublishRequest.FromString(message).producer_id for message in sent + again} == {queue.producer_id}


def test_of_batches_of_which_one_ended_a_stream_each_goes_alone_and_the_last_alone_is_given_up() -> None:
    queue = filled(5, max_in_flight_batches=3)
    assert sequences(queue.take_due(now=0)) == [0, 1, 2]
    queue.lost(status(codes.INVALID_ARGUMENT), is_from_collector=True, now=0)
    queue.is_connected = True
    assert sequences(queue.take_due(now=1)) == [0]
    queue.accepted(0, 1)
    assert sequences(queue.take_due(now=1)) == [1]
    queue.lost(status(codes.INVALID_ARGUMENT), is_from_collector=True, now=1)
    assert queue.counters.dropped_by_reason == {"refused": 1}
    queue.is_connected = True
    assert sequences(queue.take_due(now=2)) == [2]
    queue.accepted(2, 1)
    assert sequences(queue.take_due(now=2)) == [3, 4]


def test_a_status_that_the_collector_did_not_give_blames_no_batch() -> None:
    queue = filled(1)
    for _ in range(10):
        assert sequences(queue.take_due(now=100)) == [0]
        queue.lost(status(codes.INVALID_ARGUMENT), is_from_collector=False, now=0)
        queue.is_connected = True


def test_batches_linger_and_grow_while_they_cannot_be_sent() -> None:
    queue = batches.BatchQueue(Limits(max_batch_events=10, linger_seconds=1, max_in_flight_batches=1), "acme", is_connected=True)
    for number in range(3):
        queue.append(numbered("session", number), now=5)
    assert queue.take_due(now=5.9) == [] and queue.next_time() == 6
    assert sequences(queue.take_due(now=6)) == [0]
    queue.append(numbered("session", 3), now=7)
    assert queue.take_due(now=9) == [] and queue.next_time() is None
    queue.append(numbered("session", 4), now=9)
    queue.accepted(0, 3)
    [message] = queue.take_due(now=9)
    assert len(PublishRequest.FromString(message).events) == 2


def test_after_many_failures_one_batch_at_a_time_goes_until_enough_have_succeeded() -> None:
    queue = filled(200, max_in_flight_batches=4)
    for _ in range(5):
        assert len(queue.take_due(now=0)) == 4
        queue.lost(status(codes.UNAVAILABLE), is_from_collector=True, now=0)
        queue.is_connected = True
    assert sequences(queue.take_due(now=100)) == [0]
    queue.accepted(0, 1)
    assert sequences(queue.take_due(now=100)) == [1, 2, 3, 4]
    for sequence in (1, 2):
        queue.refused(sequence, status(codes.UNAVAILABLE), now=100)
    assert queue.take_due(now=200) == []
    queue.accepted(3, 1)
    queue.accepted(4, 1)
    for sequence in (1, 2, *range(5, 21)):
        assert sequences(queue.take_due(now=200)) == [sequence]
        queue.accepted(sequence, 1)
    assert len(queue.take_due(now=200)) == 4


def test_pauses_grow_to_their_bound_and_are_random_over_all_of_their_length() -> None:
    for failures, longest in ((1, 0.05), (2, 0.1), (5, 0.8), (9, 10), (10_000, 10)):
        pauses = [rule.backoff_seconds(failures, 0.05, 10) for _ in range(1000)]
        assert 0 <= min(pauses) < longest * 0.1 and longest * 0.9 < max(pauses) <= longest

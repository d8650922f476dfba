"""Emitters on stock grpcio: each sends its batches until they are answered, whatever happens to the collectors."""

import os
import queue
import random
import threading
import time
from collections.abc import Iterator

import grpc
from docket.v1.collector_pb2 import PublishRequest, PublishResponse

from client import TIMEOUT_SECONDS, Client
from events import event, request

# What says nothing of the batch itself: docs/deployment.md has the rule.
AGAIN = {
    grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.ABORTED, grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN,
}  # fmt: skip
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.02, 1.0
ATTEMPT_SECONDS = 10
MOST_UNANSWERED_BATCHES = 16
EVENTS_A_BATCH = 5


class OpenStream:
    """A PublishStream that stays open, until its deadline if it has one."""

    def __init__(self, client: Client, timeout: float | None = None):
        self._outbox: queue.SimpleQueue[PublishRequest | None] = queue.SimpleQueue()
        self.answers: Iterator[PublishResponse] = client.collector.PublishStream(
            iter(self._outbox.get, None), metadata=client.metadata, timeout=timeout
        )

    def send(self, batch: PublishRequest) -> None:
        """Sends a batch, and waits for nothing."""
        self._outbox.put(batch)

    def publish(self) -> None:
        """Sends a batch of one event, and waits for the answer."""
        self.send(request([event()]))
        assert next(self.answers).verdict.accepted_count == 1

    def end(self) -> None:
        """Lets the collector know that nothing more comes."""
        self._outbox.put(None)


class Emitter:
    """Makes batches from its start until it is stopped, on a thread of its own."""

    def __init__(self, client: Client, chance: random.Random):
        self.producer_id = os.urandom(16)
        self.sent = 0
        self.answered: set[int] = set()
        self.replayed = 0
        # The calls that failed.
        self.errors: list[grpc.RpcError] = []
        # What must not happen.
        self.faults: list[str] = []
        self._client = client
        self._chance = random.Random(chance.random())
        self._failures = 0
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Has it make no further batch."""
        self._is_stopped.set()

    def join(self) -> None:
        """Waits until all of its batches are answered."""
        self._thread.join(TIMEOUT_SECONDS)
        if self._thread.is_alive():
            self.faults.append(f"{self.sent - len(self.answered)} of {self.sent} batches aren't answered: {self.errors[-2:]}")

    def _work(self) -> None:
        raise NotImplementedError

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:
            self.faults.append(repr(error))

    def _batches(self) -> Iterator[PublishRequest]:
        while not self._is_stopped.is_set():
            self.sent += 1
            yield request([event() for _ in range(EVENTS_A_BATCH)], self.producer_id, self.sent - 1)

    def _take(self, answer: PublishResponse) -> None:
        self._failures = 0
        if answer.verdict.accepted_count != EVENTS_A_BATCH:
            raise AssertionError(f"batch {answer.sequence} was answered by {answer}")
        self.replayed += answer.verdict.replayed
        self.answered.add(answer.sequence)

    def _pause(self, error: grpc.RpcError) -> None:
        """Waits before the next attempt, the longer the more have failed in a row."""
        self.errors.append(error)
        if error.code() not in AGAIN:
            raise error
        longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**self._failures)
        self._failures += 1
        time.sleep(longest * self._chance.uniform(0.5, 1))


class UnaryEmitter(Emitter):
    """Sends one batch after the other, each by a call."""

    def _work(self) -> None:
        for batch in self._batches():
            while batch.sequence not in self.answered:
                try:
                    self._take(self._client.publish(batch, timeout=ATTEMPT_SECONDS))
                except grpc.RpcError as error:
                    self._pause(error)


class StreamEmitter(Emitter):
    """Pipelines batches on a stream for as long as that lives, and then on another one."""

    def _work(self) -> None:
        batches = self._batches()
        unanswered: dict[int, PublishRequest] = {}
        while unanswered or not self._is_stopped.is_set():
            stream = OpenStream(self._client)
            for batch in unanswered.values():
                stream.send(batch)
            try:
                self._fill(stream, unanswered, batches)
                for answer in stream.answers:
                    self._take(answer)
                    # A batch whose answer was lost may be answered twice.
                    unanswered.pop(answer.sequence, None)
                    self._fill(stream, unanswered, batches)
            except grpc.RpcError as error:
                self._pause(error)
            finally:
                stream.end()

    def _fill(self, stream: OpenStream, unanswered: dict[int, PublishRequest], batches: Iterator[PublishRequest]) -> None:
        """Sends new batches for as long as not too many are unanswered; ends the stream when there are no more."""
        while len(unanswered) < MOST_UNANSWERED_BATCHES:
            batch = next(batches, None)
            if batch is None:
                stream.end()
                return
            unanswered[batch.sequence] = batch
            stream.send(batch)

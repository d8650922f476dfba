"""Emitters at a steady pace, which note of each batch when it was sent, when it was answered, and how it was judged."""

import itertools
import random
import threading
import time
from collections.abc import Container

import grpc
from docket.v1.collector_pb2 import PublishRequest, PublishResponse, Verdict
from grpc_status import rpc_status

from client import TIMEOUT_SECONDS, Client
from emitters import OpenStream
from judged_batches import Attempt, Batches, judged, refused

# How long a stream may stay open: changes come one after the other for a minute and more.
STREAM_SECONDS = 900
# Of each line; a turn passes when so many batches are unanswered.
INTERVAL_SECONDS = 0.03
MOST_UNANSWERED_BATCHES = 4
# One turn in so many sends again what another collector has answered.
TURNS_AN_AGAIN = 4


class Line:
    """A producer on one collector, always by the same connection, from its start until it is stopped."""

    way = ""

    def __init__(self, collector: str, client: Client, batches: Batches, answered: threading.Condition, seed: int):
        """`answered` hears of each answer."""
        self.collector, self.batches = collector, batches
        # In the order of sending.
        self.attempts: list[Attempt] = []
        # What must not happen.
        self.faults: list[str] = []
        # Whose batches it sends again.
        self.neighbour: Line | None = None
        # The own batches that have an answer.
        self.settled: list[int] = []
        self._client, self._answered, self._chance = client, answered, random.Random(seed)
        self._made = self._turns = 0
        self._due = time.monotonic() + self._chance.random() * INTERVAL_SECONDS
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def name(self) -> str:
        return f"{self.way} to {self.collector} for {self.batches.tenant} ({self.batches.first})"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Has it send nothing more."""
        self._is_stopped.set()

    def join(self) -> None:
        """Waits until all that it has sent is answered."""
        self._thread.join(TIMEOUT_SECONDS)
        unanswered = sum(not one.judgement for one in self.attempts)
        if self._thread.is_alive() or unanswered:
            self.faults.append(f"{unanswered} of {len(self.attempts)} batches aren't answered")
        self._client.channel.close()

    def times_judged(self, judgement: str, since: int) -> list[float]:
        """When the batches from that attempt on were answered that were judged so."""
        return [one.answered_at for one in self.attempts[since:] if one.judgement == judgement and one.is_judged_now]

    def attempts_before(self, judgement: str, since: int) -> list[Attempt]:
        """The batches from that attempt on that were judged otherwise, before the first that was judged so."""
        judged = [one for one in self.attempts[since:] if one.judgement and one.is_judged_now]
        return list(itertools.takewhile(lambda one: one.judgement != judgement, judged))

    def _work(self) -> None:
        raise NotImplementedError

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:
            self.faults.append(repr(error))

    def _wait_for_turn(self) -> bool:
        """Whether there is another turn. Those that were missed are gone."""
        self._turns += 1
        self._due = max(self._due + INTERVAL_SECONDS, time.monotonic())
        return not self._is_stopped.wait(self._due - time.monotonic())

    def _next(self, underway: Container[int] = ()) -> tuple[Attempt, PublishRequest]:
        """A new batch, or one that the neighbour has had an answer to, whatever that was."""
        batches, sequence = self.batches, 0
        if self.neighbour and self.neighbour.settled and self._turns % TURNS_AN_AGAIN == 0:
            batches, sequence = self.neighbour.batches, self._chance.choice(self.neighbour.settled)
        if batches is self.batches or sequence in underway:
            batches, sequence = self.batches, self.batches.first + self._made
            self._made += 1
        message = batches.request(sequence)
        attempt = Attempt(batches, sequence)
        self.attempts.append(attempt)
        return attempt, message

    def _take(self, attempt: Attempt, judgement: str, verdict: Verdict | None = None) -> None:
        attempt.answered_at = time.monotonic()
        attempt.verdict = verdict
        if attempt.batches is self.batches:
            self.settled.append(attempt.sequence)
        with self._answered:
            attempt.judgement = judgement
            self._answered.notify_all()

    def _take_verdict(self, attempt: Attempt, verdict: Verdict) -> None:
        self._take(attempt, judged(verdict, attempt.batches.size(attempt.sequence)), verdict)


class UnaryLine(Line):
    """Publishes each batch by a call of its own."""

    way = "call"

    def _work(self) -> None:
        while self._wait_for_turn():
            attempt, message = self._next()
            try:
                self._take_verdict(attempt, self._client.publish(message).verdict)
            except grpc.RpcError as error:
                self._take(attempt, refused(rpc_status.from_call(error)))


class StreamLine(Line):
    """Pipelines batches on one stream; on another one when a credential's end has ended it."""

    way = "stream"
    streams = 0

    def _work(self) -> None:
        while self._wait_for_turn():
            stream = OpenStream(self._client, STREAM_SECONDS)
            self.streams += 1
            unanswered: dict[int, Attempt] = {}
            self._send(stream, unanswered)
            is_over = threading.Event()
            sender = threading.Thread(target=self._fill, args=(stream, unanswered, is_over), daemon=True)
            sender.start()
            try:
                for answer in stream.answers:
                    self._answer(unanswered.pop(answer.sequence), answer)
            except grpc.RpcError as error:
                is_over.set()
                sender.join()
                reason = refused(rpc_status.from_call(error))
                if error.code() != grpc.StatusCode.UNAUTHENTICATED:
                    self.faults.append(f"a stream ended: {error}")
                # What the collector had taken before is answered by now.
                for attempt in unanswered.values():
                    self._take(attempt, reason)

    def _fill(self, stream: OpenStream, unanswered: dict[int, Attempt], is_over: threading.Event) -> None:
        while self._wait_for_turn() and not is_over.is_set():
            if len(unanswered) < MOST_UNANSWERED_BATCHES:
                self._send(stream, unanswered)
        stream.end()

    def _send(self, stream: OpenStream, unanswered: dict[int, Attempt]) -> None:
        attempt, message = self._next(unanswered)
        unanswered[attempt.sequence] = attempt
        stream.send(message)

    def _answer(self, attempt: Attempt, answer: PublishResponse) -> None:
        if answer.WhichOneof("result") == "verdict":
            self._take_verdict(attempt, answer.verdict)
            return
        if answer.status.code == grpc.StatusCode.UNAUTHENTICATED.value[0]:
            self.faults.append(f"a stream without a credential goes on: {answer}")
        self._take(attempt, refused(answer.status))

"""Which batch is sent, sent again or given up: the emitter's protocol without threads or gRPC. Time is a parameter."""

import heapq
import os
import time
from collections import Counter
from dataclasses import dataclass, field

from docket.v1.collector_pb2 import PublishRequest
from docket.v1.event_pb2 import Event
from google.rpc.status_pb2 import Status

from . import rule

# More than what an event gains in its batch: an id, a time, a tag and a length.
EVENT_OVERHEAD_BYTES = 40
# Bounds what is wasted on a collector that fails (gRFC A6): a failure takes a token, a success gives a tenth back, and while
# no more than half are left, one batch at a time shows whether it is worth sending more.
MAX_TENTHS_OF_TOKENS = 100


@dataclass(frozen=True)
class Limits:
    """How an emitter batches and what it may take; those of the collector's Swift client."""

    # From 1 to 10,000.
    max_batch_events: int = 500
    # A larger event is dropped. The collector's own limit, for whole requests, is 4 MiB unless configured.
    max_batch_bytes: int = 1 << 20
    # How long a batch that isn't full may wait for more.
    linger_seconds: float = 0.01
    # All that is waiting or unanswered, as it goes over the wire. What comes on top is dropped.
    max_queue_bytes: int = 64 << 20
    # How many batches may be on their way at once.
    max_in_flight_batches: int = 16
    initial_backoff_seconds: float = 0.05
    max_backoff_seconds: float = 10.0

    def __post_init__(self) -> None:
        if not (1 <= self.max_batch_events <= 10_000 and self.max_in_flight_batches >= 1):
            raise ValueError("max_batch_events must be from 1 to 10,000, and max_in_flight_batches at least 1")
        if self.max_queue_bytes < self.max_batch_bytes:
            raise ValueError("max_queue_bytes must be at least max_batch_bytes")


@dataclass(frozen=True)
class Counters:
    """What became of the events that `emit` was given: enqueued = committed + rejected + dropped + queued."""

    enqueued: int
    committed: int
    # In the collector's quarantine.
    rejected: int
    dropped: int
    # In memory: waiting, or sent and not answered.
    queued: int
    # queue_full, too_large, invalid, refused, closed, abandoned, forked.
    dropped_by_reason: dict[str, int]


@dataclass
class Batch:
    """A batch with its name, as the bytes that are sent each time."""

    message: bytes
    event_count: int
    byte_count: int
    attempts: int = 0
    doubtful_attempts: int = 0


@dataclass
class BatchQueue:
    """The batches of one producer: filled, ready to be sent, in flight, or delayed until another attempt."""

    limits: Limits
    tenant: str
    # 16 bytes, of this process alone.
    producer_id: bytes = field(default_factory=lambda: os.urandom(16))
    enqueued: int = 0
    committed: int = 0
    rejected: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    # Whether there is a stream to send on, and when the next may be opened if not.
    is_connected: bool = False
    reconnect_at: float = 0.0
    last_error: str = ""
    _next_sequence: int = 0
    _open: PublishRequest = field(default_factory=PublishRequest)
    _open_bytes: int = 0
    _opened_at: float = 0.0
    _queued_bytes: int = 0
    _failures: int = 0
    _tenths_of_tokens: int = MAX_TENTHS_OF_TOKENS
    # All that are sealed and not settled, by sequence. Each is in one of the three below.
    _batches: dict[int, Batch] = field(default_factory=dict)
    _ready: list[int] = field(default_factory=list)
    _in_flight: set[int] = field(default_factory=set)
    _delayed: list[tuple[float, int]] = field(default_factory=list)
    # Batches of which one may have ended a stream. They go one at a time; the one that is alone then is at fault.
    _suspects: set[int] = field(default_factory=set)

    @property
    def counters(self) -> Counters:
        queued = self.open_count + sum(batch.event_count for batch in self._batches.values())
        dropped = sum(self.dropped.values())
        return Counters(self.enqueued, self.committed, self.rejected, dropped, queued, dict(self.dropped))

    @property
    def open_count(self) -> int:
        """How many events the batch has that is being filled."""
        return len(self._open.events)

    @property
    def has_work(self) -> bool:
        """Whether anything waits for a stream."""
        return bool(self._ready or self.open_count)

    @property
    def unsettled(self) -> dict[int, Batch]:
        return self._batches

    def in_flight(self, sequence: int) -> Batch | None:
        return self._batches[sequence] if sequence in self._in_flight else None

    def append(self, event: Event, now: float) -> str:
        """Takes a copy of the event, with an id and the time where it has none; or says why it is dropped."""
        size = event.ByteSize() + EVENT_OVERHEAD_BYTES
        if size > self.limits.max_batch_bytes:
            return "too_large"
        if self._queued_bytes + size > self.limits.max_queue_bytes:
            return "queue_full"
        if self._open_bytes + size > self.limits.max_batch_bytes:
            self.seal()
        self._open.events.append(event)
        added = self._open.events[-1]
        if not added.event_id:
            added.event_id = uuid7()
        if not added.HasField("occurred_at_us"):
            added.occurred_at_us = time.time_ns() // 1000
        self._open_bytes += size
        self._queued_bytes += size
        if self.open_count == 1:
            self._opened_at = now
        if self.open_count >= self.limits.max_batch_events:
            self.seal()
        return ""

    def seal(self) -> None:
        """Gives the open batch its name, if it has events. From here on neither name nor bytes change."""
        if not self.open_count:
            return
        request, sequence = self._open, self._next_sequence
        request.tenant, request.producer_id, request.sequence = self.tenant, self.producer_id, sequence
        self._batches[sequence] = Batch(request.SerializeToString(), self.open_count, self._open_bytes)
        heapq.heappush(self._ready, sequence)
        self._next_sequence, self._open, self._open_bytes = sequence + 1, PublishRequest(), 0

    def take_due(self, now: float) -> list[bytes]:
        """What is to be sent on the stream now, in order."""
        while self._delayed and self._delayed[0][0] <= now:
            heapq.heappush(self._ready, heapq.heappop(self._delayed)[1])
        messages = []
        while self._has_room:
            # No sooner than there is room for it: batches grow while they can't be sent.
            if not self._ready and now >= self._opened_at + self.limits.linger_seconds:
                self.seal()
            if not self._ready:
                break
            sequence = heapq.heappop(self._ready)
            self._in_flight.add(sequence)
            messages.append(self._batches[sequence].message)
        return messages

    def next_time(self) -> float | None:
        """When there will be something to do though nothing happens."""
        times = [due for due, _ in self._delayed[:1]]
        if self.has_work and not self.is_connected:
            times.append(self.reconnect_at)
        if self.open_count and self._has_room:
            times.append(self._opened_at + self.limits.linger_seconds)
        return min(times, default=None)

    def accepted(self, sequence: int, accepted_count: int) -> None:
        """The batch is stored; those of its events that aren't in the log are in quarantine."""
        batch = self._settle(sequence)
        self.committed += accepted_count
        self.rejected += batch.event_count - accepted_count
        self._failures = 0
        self._tenths_of_tokens = min(MAX_TENTHS_OF_TOKENS, self._tenths_of_tokens + 1)

    def refused(self, sequence: int, status: Status, now: float) -> None:
        """The collector refused the batch: for good, or until another attempt under the same sequence."""
        batch = self._batches[sequence]
        self.last_error = rule.in_words(status)
        self._tenths_of_tokens = max(0, self._tenths_of_tokens - 10)
        batch.attempts += 1
        batch.doubtful_attempts += status.code in rule.DOUBTFUL
        if rule.is_permanent(status) or batch.doubtful_attempts >= rule.MAX_DOUBTFUL_ATTEMPTS:
            self.give_up(sequence, "refused")
            return
        self._in_flight.discard(sequence)
        # The collector has read it, so it isn't what ended a stream.
        self._suspects.discard(sequence)
        heapq.heappush(self._delayed, (now + self._pause_seconds(batch.attempts, status), sequence))

    def lost(self, status: Status, is_from_collector: bool, now: float) -> None:
        """The stream has ended, or none came about: what isn't answered goes again, under the same sequences."""
        unanswered = sorted(self._in_flight)
        self._in_flight.clear()
        self.is_connected = False
        self.last_error = rule.in_words(status)
        if unanswered and is_from_collector and rule.blames_batch(status):
            # Each such end brings the culprit nearer, so the pause needn't grow.
            self._failures = 1
            if len(unanswered) == 1:
                self.give_up(unanswered.pop(), "refused")
            self._suspects.update(unanswered)
        else:
            self._failures += 1
            self._tenths_of_tokens = max(0, self._tenths_of_tokens - 10)
        for sequence in unanswered:
            heapq.heappush(self._ready, sequence)
        self.reconnect_at = now + self._pause_seconds(self._failures, status)

    def give_up(self, sequence: int, reason: str) -> None:
        self.dropped[reason] += self._settle(sequence).event_count

    @property
    def _has_room(self) -> bool:
        is_cautious = self._suspects or self._tenths_of_tokens <= MAX_TENTHS_OF_TOKENS // 2
        window = 1 if is_cautious else self.limits.max_in_flight_batches
        return self.is_connected and len(self._in_flight) < window

    def _settle(self, sequence: int) -> Batch:
        """The batch is done. Its sequence is never used again."""
        batch = self._batches.pop(sequence)
        self._in_flight.discard(sequence)
        self._suspects.discard(sequence)
        self._queued_bytes -= batch.byte_count
        return batch

    def _pause_seconds(self, failures: int, status: Status) -> float:
        backoff = rule.backoff_seconds(failures, self.limits.initial_backoff_seconds, self.limits.max_backoff_seconds)
        return max(backoff, rule.retry_delay_seconds(status) or 0.0)


def uuid7() -> bytes:
    """A UUIDv7 (RFC 9562): 48 bits of milliseconds, then random ones but for version and variant."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    return (value & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62).to_bytes(16, "big")

"""The emitter: its threads, its streams, and what it logs."""

import functools
import logging
import os
import queue
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Sequence

import grpc
from docket.v1.collector_pb2 import PublishRequest, PublishResponse, Rejection
from docket.v1.event_pb2 import Event
from google.rpc import code_pb2 as codes
from google.rpc.status_pb2 import Status

from . import rule
from .batches import Batch, BatchQueue, Counters, Limits

log = logging.getLogger("docket_emitter")

METHOD = "/docket.v1.CollectorService/PublishStream"
# Asks after a silence whether the collector is still there. Connections aren't shared: gRPC's own pauses between attempts
# to connect, of up to two minutes, would come on top of those here.
CHANNEL_OPTIONS = {"grpc.keepalive_time_ms": 30_000, "grpc.use_local_subchannel_pool": 1}
REPORT_INTERVAL_SECONDS = 1.0
CLOSE_SECONDS = 1.0


class Emitter:
    """Queues events and sends them in the background. Any thread may use it; README.md says what a fork does."""

    def __init__(
        self, target: str, token: str | Callable[[], str] = "", tenant: str = "", *, limits: Limits = Limits(),
        credentials: grpc.ChannelCredentials | None = None, channel_options: Sequence[tuple[str, object]] = (),
        on_rejection: Callable[[Event, Rejection], None] | None = None,
    ):  # fmt: skip
        """It connects when the first event comes.

        A `token` that is a function is asked anew for each stream: for JWTs. `credentials` are those of TLS; without them
        nothing is encrypted. `on_rejection` is told of each event that went into quarantine, on a thread of the emitter.
        """
        self._target, self._token, self._tenant, self._limits = target, token, tenant, limits
        self._credentials, self._on_rejection = credentials, on_rejection
        self._channel_options = list((CHANNEL_OPTIONS | dict(channel_options)).items())
        self._call: grpc.Call | None = None
        self._reset()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=functools.partial(_forked, weakref.ref(self)))

    def _reset(self) -> None:
        # Everything below is behind it. Reentrant, since a signal handler may emit while its own thread does.
        self._changed = threading.Condition(threading.RLock())
        self._queue = BatchQueue(self._limits, self._tenant)
        # What the stream sends; None ends it.
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._driver: threading.Thread | None = None
        self._reader: threading.Thread | None = None
        self._is_finished = False
        # Why no event is taken any more.
        self._refuses = ""
        self._reported: Counter[str] = Counter()
        self._reported_at = float("-inf")

    def __enter__(self) -> "Emitter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def counters(self) -> Counters:
        """What has become of all events, at one moment."""
        with self._changed:
            return self._queue.counters

    def emit(self, event: Event) -> None:
        """Queues a copy of the event, with an id and the time where it has none. Never waits for I/O and never raises: what
        can't be queued is dropped, counted and logged."""
        with self._changed:
            self._queue.enqueued += 1
            try:
                reason = self._refuses or self._append(event)
            except Exception as error:
                reason, self._queue.last_error = "invalid", repr(error)
            if reason:
                self._queue.dropped[reason] += 1
            if reason or self._queue.open_count <= 1:
                self._changed.notify_all()
            nobody_reports = self._driver is None or self._is_finished
        if reason and nobody_reports:
            self._report()

    def flush(self, timeout: float = 30.0) -> bool:
        """Sends what was emitted before, and waits until none of it is queued any more; False if that takes too long.
        The counters say what became of it."""
        with self._changed:
            self._queue.seal()
            self._changed.notify_all()
            sent = set(self._queue.unsettled)
            return self._changed.wait_for(lambda: sent.isdisjoint(self._queue.unsettled), timeout)

    def close(self, timeout: float = 10.0) -> None:
        """Flushes, drops what isn't answered by then (it may be stored all the same), and disconnects."""
        with self._changed:
            self._refuses = self._refuses or "closed"
        self.flush(timeout)
        with self._changed:
            self._is_finished = True
            for sequence in list(self._queue.unsettled):
                self._queue.give_up(sequence, "abandoned")
            self._outbox.put(None)
            self._changed.notify_all()
        if self._driver is not None:
            self._driver.join(CLOSE_SECONDS)
        if self._reader is not None:
            self._reader.join(CLOSE_SECONDS)
            self._call.cancel()
        self._report(is_last=True)

    def _append(self, event: Event) -> str:
        if self._driver is None:
            # With the first event, so that processes which are forked before have threads and connections of their own.
            driver = threading.Thread(target=self._drive, name="docket-emitter", daemon=True)
            driver.start()
            self._driver = driver
        return self._queue.append(event, time.monotonic())

    # The thread that sends, connects and reports.

    def _drive(self) -> None:
        while True:
            with self._changed:
                now = time.monotonic()
                if self._is_finished:
                    return
                for message in self._queue.take_due(now):
                    self._outbox.put(message)
                report_at = self._reported_at + REPORT_INTERVAL_SECONDS if self._reported != self._queue.dropped else None
                connects = self._queue.has_work and not self._queue.is_connected and now >= self._queue.reconnect_at
                if not connects and (report_at is None or now < report_at):
                    times = [at for at in (report_at, self._queue.next_time()) if at is not None]
                    self._changed.wait(max(min(times) - now, 0) if times else None)
                    continue
            self._report()
            if connects:
                self._connect()

    def _connect(self) -> None:
        outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        try:
            token = self._token() if callable(self._token) else self._token
            metadata = (("authorization", f"Bearer {token}"),) if token else ()
            if self._credentials is None:
                channel = grpc.insecure_channel(self._target, self._channel_options)
            else:
                channel = grpc.secure_channel(self._target, self._credentials, self._channel_options)
            # Batches are bytes already, so that each attempt sends the same ones.
            stub = channel.stream_stream(METHOD, response_deserializer=PublishResponse.FromString)
            call = stub(iter(outbox.get, None), metadata=metadata)
            reader = threading.Thread(target=self._read, args=(channel, call, outbox), name="docket-answers", daemon=True)
            with self._changed:
                reader.start()
                self._outbox, self._call, self._reader = outbox, call, reader
                self._queue.is_connected = True
        except Exception as error:
            self._lost(Status(code=codes.UNAVAILABLE, message=repr(error)), is_from_collector=False)

    # The thread that takes the answers of a stream.

    def _read(self, channel: grpc.Channel, call: grpc.Call, outbox: "queue.SimpleQueue[bytes | None]") -> None:
        status, is_from_collector = Status(code=codes.UNAVAILABLE, message="the collector ended the stream"), False
        try:
            for answer in call:
                self._answered(answer)
        except grpc.RpcError as error:
            status, is_from_collector = rule.status_of(error)
        except Exception as error:
            status = Status(code=codes.UNKNOWN, message=f"an answer can't be read: {error!r}")
        self._lost(status, is_from_collector)
        outbox.put(None)
        channel.close()

    def _answered(self, answer: PublishResponse) -> None:
        is_stored = answer.WhichOneof("result") == "verdict"
        with self._changed:
            batch = self._queue.in_flight(answer.sequence)
        if batch is not None and is_stored and answer.verdict.rejections:
            # Before the batch is settled, so that whoever flushes finds everything told.
            self._tell(batch, answer.verdict.rejections)
        with self._changed:
            if self._queue.in_flight(answer.sequence) is None:
                return
            if is_stored:
                self._queue.accepted(answer.sequence, answer.verdict.accepted_count)
            else:
                self._queue.refused(answer.sequence, answer.status, time.monotonic())
            self._changed.notify_all()

    def _tell(self, batch: Batch, rejections: Sequence[Rejection]) -> None:
        if self._on_rejection is None:
            return
        events = PublishRequest.FromString(batch.message).events
        for rejection in rejections:
            try:
                self._on_rejection(events[rejection.index], rejection)
            except Exception:
                log.exception("on_rejection failed")

    def _lost(self, status: Status, is_from_collector: bool) -> None:
        with self._changed:
            if self._is_finished:
                return
            self._queue.lost(status, is_from_collector, time.monotonic())
            self._changed.notify_all()
            queued = self._queue.counters.queued
        log.warning("no stream to %s, %d events are queued: %s", self._target, queued, rule.in_words(status))

    # What is logged: never with the lock held, and by `emit` itself only when the emitter has no thread.

    def _report(self, is_last: bool = False) -> None:
        """Says what was dropped, at most once a second."""
        with self._changed:
            new = self._queue.dropped - self._reported
            if not new or not is_last and time.monotonic() < self._reported_at + REPORT_INTERVAL_SECONDS:
                return
            self._reported, self._reported_at = self._queue.dropped.copy(), time.monotonic()
            last_error = self._queue.last_error
        log.error("events were dropped: %s; the last error: %s", dict(new), last_error or "none")


def _forked(reference: "weakref.ref[Emitter]") -> None:
    """In the child of a fork: the queue is its parent's, and neither threads nor connections have come along."""
    emitter = reference()
    if emitter is not None:
        had_started = emitter._driver is not None
        emitter._reset()
        if had_started:
            emitter._refuses = "forked"

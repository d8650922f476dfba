"""Batches that are judged whole, and by which rule each of them was."""

import os
import re
import struct
import time
from collections import Counter
from dataclasses import dataclass, field

import grpc
from docket.v1.collector_pb2 import PublishRequest, Verdict
from docket.v1.event_pb2 import Actor, Event, Resource
from google.rpc.status_pb2 import Status

from events import event, request
from test_semantics import unpacked

# In turns, so that the rule is looked up for each event anew.
TYPES = ("load.read", "load.write")
ACCEPTED = "accepted"
# The status of each reason that a change gives for refusing a batch; only the last one ends a stream.
CODES = {
    "TENANT_NOT_COVERED": grpc.StatusCode.PERMISSION_DENIED, "TENANT_SUSPENDED": grpc.StatusCode.PERMISSION_DENIED,
    "QUOTA_EXCEEDED": grpc.StatusCode.RESOURCE_EXHAUSTED, "TOKEN_UNKNOWN": grpc.StatusCode.UNAUTHENTICATED,
}  # fmt: skip


class Batches:
    """What a producer sends: the batch of a number is the same whenever it is made."""

    def __init__(self, tenant: str, first: int):
        """`first` is the lowest number. Each producer has its own range: answers on a stream name the number alone."""
        self.tenant, self.first = tenant, first
        self.producer_id = os.urandom(16)
        self._began_us = time.time_ns() // 1000

    def size(self, sequence: int) -> int:
        """How many events are in a batch: 50 to 200."""
        return 50 + sequence * 37 % 151

    def event_ids(self, sequence: int) -> list[bytes]:
        return [self.producer_id[:8] + struct.pack(">II", sequence, place) for place in range(self.size(sequence))]

    def events(self, sequence: int) -> list[Event]:
        occurred_at_us = self._began_us + sequence - self.first
        return [
            event(
                event_id=event_id, type=TYPES[place % len(TYPES)], occurred_at_us=occurred_at_us, action="load.send",
                actor=Actor(kind="service", id="load"), resource=Resource(type="batch", id=str(sequence)),
                attributes='{"first": 1}',
            )
            for place, event_id in enumerate(self.event_ids(sequence))
        ]  # fmt: skip

    def request(self, sequence: int) -> PublishRequest:
        return request(self.events(sequence), self.producer_id, sequence, self.tenant)


@dataclass
class Attempt:
    """A batch that was sent, perhaps not for the first time, and what it was answered."""

    batches: Batches
    sequence: int
    sent_at: float = field(default_factory=time.monotonic)
    # `accepted`, the version of the definition that all events break, or the reason for refusing the batch.
    judgement: str = ""
    answered_at: float = 0
    # Where it was stored.
    verdict: Verdict | None = None

    @property
    def key(self) -> tuple[bytes, int]:
        return self.batches.producer_id, self.sequence

    @property
    def is_judged_now(self) -> bool:
        """Whether it was answered by a rule, and not by the verdict that it had before."""
        return self.judgement != "" and not (self.verdict and self.verdict.replayed)


def judged(verdict: Verdict, size: int) -> str:
    """By which rule all events of a batch were judged."""
    found = Counter((re.findall(r"version \d+", one.reason) or [one.reason])[0] for one in verdict.rejections)
    if verdict.accepted_count == size and not found:
        return ACCEPTED
    if verdict.accepted_count == 0 and len(found) == 1 and len(verdict.rejections) == size:
        return next(iter(found))
    return f"half of a change: of {size} events {verdict.accepted_count} were accepted, rejected by {dict(found)}"


def refused(status: Status) -> str:
    """Why a batch was refused."""
    found = unpacked(status)
    reason = found["ErrorInfo"].reason
    if reason == "QUOTA_EXCEEDED" and not {"RetryInfo", "QuotaFailure"} <= found.keys():
        return f"{reason} with {list(found)} alone"
    if reason not in CODES or CODES[reason].value[0] != status.code:
        return f"{reason} with the status {status.code}: {status.message}"
    return reason

"""Publishes events that look like a busy authorization service's, tenant by tenant in turn, until its standard input is closed.

At a constant rate the events happen now. Without one they are sent as fast as they are answered, and happen from --first-us on at
even intervals. Prints a line for each answer: the index of the tenant, when the batch's newest event happened, and how many events
that makes in all.
"""

import argparse
import itertools
import os
import random
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "Tests" / "Interop"))

import stubs  # noqa: E402

stubs.generate()

from client import Client  # noqa: E402
from docket.v1 import event_pb2  # noqa: E402
from docket.v1.collector_pb2 import PublishRequest, PublishResponse  # noqa: E402
from docket.v1.event_pb2 import Actor, Resource  # noqa: E402

ACTORS = 5_000
# So many sessions of a tenant go on at once, and each has about so many events.
SESSIONS_AT_ONCE = 20
SESSION_EVENTS = 30
ACTIONS = ("read", "write", "delete", "list", "share", "export")
RESOURCE_TYPES = ("document", "secret", "repository", "cluster", "tool")
POLICIES = ("default-allow", "owners-only", "business-hours", "pii-mask")
STREAM_SECONDS = 24 * 3600


class Events:
    """The events of one tenant. Sessions follow each other; some actors are much busier than others."""

    def __init__(self, tenant: str, name: str, chance: random.Random):
        """`name` is part of the sessions' names: those of another load are other sessions."""
        self._tenant, self._name, self._chance = tenant, name, chance
        self._count = 0

    def add(self, batch: PublishRequest, count: int, first_us: float, step_us: float) -> None:
        for index in range(count):
            self._add(batch, int(first_us + index * step_us))

    def _add(self, batch: PublishRequest, occurred_at_us: int) -> None:
        drawn = self._chance.getrandbits(384)
        chance = drawn.to_bytes(48, "big")
        session = self._count // (SESSIONS_AT_ONCE * SESSION_EVENTS) * SESSIONS_AT_ONCE + drawn % SESSIONS_AT_ONCE
        self._count += 1
        actor = actor_of(session)
        # A UUIDv7, as emitters make it.
        event_id = (occurred_at_us // 1000).to_bytes(6, "big") + bytes((0x70 | chance[0] & 15, chance[1], 0x80 | chance[2] & 63))
        batch.events.add(
            event_id=event_id + chance[3:10], type="authz.decision", occurred_at_us=occurred_at_us,
            scope=f"workspace-{actor % 50}", actor=Actor(kind="user", id=f"user-{actor}@{self._tenant}.example"),
            action=ACTIONS[chance[10] % 6],
            resource=Resource(type=RESOURCE_TYPES[chance[11] % 5], id=f"res-{int.from_bytes(chance[12:15], 'big') % 100_000}"),
            decision=event_pb2.DECISION_DENY if chance[15] < 13 else event_pb2.DECISION_ALLOW, outcome=event_pb2.OUTCOME_SUCCESS,
            reason="the role 'editor' grants the action on this resource", policy=POLICIES[chance[16] % 4],
            session_id=f"{self._name}-{self._tenant}-{session}", request_id=chance[17:25].hex(), source="authz-service",
            trace_id=b"\x01" + chance[25:40], span_id=b"\x01" + chance[40:47], duration_us=drawn % 5000, risk_score=chance[47] / 256,
            attributes=f'{{"ip":"10.{actor % 256}.{actor % 7}.1","client":"web/2.14","mfa":true,"rows":{drawn % 977}}}',
        )  # fmt: skip


def actor_of(session: int) -> int:
    """Whose session it is: the busiest hundredth of all actors has a tenth of the sessions."""
    return int(ACTORS * (session * 2_654_435_761 % 2**32 / 2**32) ** 2)


class Load:
    """One stream of batches, so many of them under way at most."""

    def __init__(self, options: argparse.Namespace):
        self._options = options
        self._tenants = options.tenants.split(",")
        self._chance = random.Random(options.seed)
        self._name = f"session-{options.seed}-{os.urandom(4).hex()}"
        self._room = threading.Semaphore(options.in_flight)
        # What is under way: when the newest event of a batch happened.
        self._newest: dict[int, int] = {}
        self.ended = threading.Event()
        self._acknowledged = 0

    def batches(self) -> Iterator[PublishRequest]:
        """They come when they are due and there is room for them; none after the end."""
        # Not drawn from the seed: a kept log knows the batches of earlier loads.
        options, producer = self._options, os.urandom(16)
        tenants = [Events(tenant, self._name, self._chance) for tenant in self._tenants]
        start = time.monotonic()
        for sequence in itertools.count() if options.events is None else range(-(-options.events // options.batch)):
            if options.rate and (left := start + sequence * options.batch / options.rate - time.monotonic()) > 0:
                self.ended.wait(left)
            self._room.acquire()
            if self.ended.is_set():
                return
            index = sequence % len(tenants)
            batch = PublishRequest(tenant=self._tenants[index], producer_id=producer, sequence=sequence)
            tenants[index].add(batch, options.batch, *self._times(sequence))
            self._newest[sequence] = batch.events[-1].occurred_at_us
            yield batch

    def _times(self, sequence: int) -> tuple[float, float]:
        """When the first event of a batch happened, and the interval to each further one: as long as the batches of the other
        tenants take in between."""
        options, tenants = self._options, len(self._tenants)
        if options.rate:
            step = 1e6 * tenants / options.rate
            return time.time_ns() / 1000 - (options.batch - 1) * step, step
        step = options.step_us * tenants
        turn, index = divmod(sequence, tenants)
        return options.first_us + turn * options.batch * step + index * options.step_us, step

    def answered(self, response: PublishResponse) -> None:
        if response.verdict.accepted_count != self._options.batch:
            raise SystemExit(f"load: a batch wasn't taken: {response}")
        self._acknowledged += response.verdict.accepted_count
        self._room.release()
        newest = self._newest.pop(response.sequence)
        print(response.sequence % len(self._tenants), newest, self._acknowledged, flush=True)

    def stop(self) -> None:
        """No further batch is begun."""
        self.ended.set()
        self._room.release()


def main() -> None:
    parser = argparse.ArgumentParser(prog="load", description=__doc__)
    add = parser.add_argument
    add("--address", required=True, metavar="HOST:PORT")
    add("--tenants", required=True, help="their names, with commas between them")
    add("--batch", type=int, default=500, help="events a batch")
    add("--in-flight", type=int, default=16, help="batches under way at most")
    add("--events", type=int, help="how many, rounded up to whole batches; without it no end")
    add("--rate", type=float, default=0, help="events a second; 0 sends as fast as answers come")
    add("--first-us", type=int, default=0, help="without --rate: when the first event happened")
    add("--step-us", type=float, default=1, help="without --rate: how long after one event the next happened")
    add("--seed", type=int, required=True)
    options = parser.parse_args()
    load = Load(options)
    threading.Thread(target=lambda: (sys.stdin.read(), load.stop()), daemon=True).start()
    with Client(options.address, os.environ["DOCKET_TOKEN"]) as client:
        answers = client.collector.PublishStream(load.batches(), metadata=client.metadata, timeout=STREAM_SECONDS)
        for response in answers:
            load.answered(response)


main()

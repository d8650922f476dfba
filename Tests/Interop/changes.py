"""Changes that an administrator makes while collectors are under load, and how soon batches are judged by them."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from audit_of_changes import rules
from client import Client
from cluster import Cluster
from judged_batches import ACCEPTED, Batches
from judged_emitters import Line, StreamLine, UnaryLine

# How long a change is waited for, so that what takes long is told apart from what never comes.
PATIENCE_SECONDS = 60
# A change is followed by the next one when each line has so many batches judged by it.
BATCHES_A_RULE = 3


@dataclass
class Change:
    """A change, and the attempts of each line that came before it."""

    kind: str
    becomes: str
    marks: dict[Line, int]
    counts_from: float = 0

    def is_heard(self) -> bool:
        return all(len(line.times_judged(self.becomes, mark)) >= BATCHES_A_RULE for line, mark in self.marks.items())

    def seconds(self, line: Line) -> float:
        """How long what held before still counted for what the line sent; 0 if for nothing that was sent behind the command."""
        before = line.attempts_before(self.becomes, self.marks[line])
        return max([0.0, *(one.sent_at - self.counts_from for one in before)])


class Stage:
    """The lines, and what is changed under them."""

    def __init__(self, cluster: Cluster):
        self.cluster = cluster
        self.lines: list[Line] = []
        self.changes: list[Change] = []
        self._answered = threading.Condition()

    def open(self, token: str, tenant: str, ways: Sequence[type[Line]] = (StreamLine, UnaryLine)) -> list[Line]:
        """A line to each collector by each way. Each sends again what the next one, of another collector, was answered."""
        opened = []
        for way in ways:
            for name in self.cluster.collectors:
                number = len(self.lines) + len(opened)
                client = Client(self.cluster.collectors[name].address, token)
                opened.append(way(name, client, Batches(tenant, number * 1_000_000), self._answered, number))
        for line, neighbour in zip(opened, opened[1:] + opened[:1]):
            line.neighbour = neighbour
        for line in opened:
            line.start()
        self.lines += opened
        return opened

    def change(self, kind: str, lines: list[Line], becomes: str, *command: str) -> str:
        """Changes something, and waits until all lines are judged by it."""
        change = self.expect(kind, lines, becomes)
        printed = self.cluster.docket(*command)
        change.counts_from = time.monotonic()
        self.wait_for(change)
        return printed

    def let_in(self, kind: str, tenant: str, *command: str) -> list[Line]:
        """Opens lines with the token that a command makes, and waits until all are let in."""
        token = self.cluster.docket(*command).strip()
        counts_from = time.monotonic()
        lines = self.open(token, tenant)
        self.changes.append(Change(kind, ACCEPTED, dict.fromkeys(lines, 0), counts_from))
        self.wait_for(self.changes[-1])
        return lines

    def expect(self, kind: str, lines: list[Line], becomes: str) -> Change:
        """Takes note that something is about to change."""
        self.changes.append(Change(kind, becomes, {line: len(line.attempts) for line in lines}))
        return self.changes[-1]

    def wait_for(self, change: Change) -> None:
        with self._answered:
            if self._answered.wait_for(change.is_heard, PATIENCE_SECONDS):
                return
        found = {line.name: ([rule.judgement for rule in rules(line)][-3:], line.faults) for line in change.marks}
        raise AssertionError(f"{change.kind} hasn't come to all lines within {PATIENCE_SECONDS} s: {found}")

    def stop(self) -> None:
        for line in self.lines:
            line.stop()
        for line in self.lines:
            line.join()

    def seconds(self) -> dict[str, dict[tuple[str, str], float]]:
        """How long each kind of change took to come to each way of each collector, at the slowest."""
        found: dict[str, dict[tuple[str, str], float]] = {}
        for change in self.changes:
            slowest = found.setdefault(change.kind, {})
            for line in change.marks:
                place = line.way, line.collector
                slowest[place] = max(slowest.get(place, 0), change.seconds(line))
        return found


def table(seconds: dict[str, dict[tuple[str, str], float]]) -> str:
    """The same for people, in milliseconds."""
    places = sorted(place for place in next(iter(seconds.values())))
    rows = ["".join([f"{'ms until it counts':36}", *(f"{f'{way} {name}':>10}" for way, name in places), "   slowest"])]
    for kind, slowest in seconds.items():
        figures = "".join(f"{1000 * slowest[place]:10.0f}" for place in places)
        rows.append(f"{kind:36}{figures}{1000 * max(slowest.values()):10.0f}")
    return "\n".join(rows)

"""A log that is known, and the command that exports it."""

import json
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from docket.v1.event_pb2 import Actor, Event, Resource

from client import Client
from collector import BINARY, Collector
from events import event, full_event, request
from waiting import eventually

# What a spreadsheet, a CSV reader or a terminal might take for something else.
HAZARDS = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", 'a "quoted" word', "a,b", "two\nlines", "two\r\nlines", "", " ", "'", "\\N",
    "NULL", "\u00e4\u20ac\U0001f512", "\uff1d1", "a;b", '"', "null",
]  # fmt: skip


class Log:
    """A collector of its own with a log that is known."""

    def __init__(self) -> None:
        self.collector = Collector()
        self.client = Client(self.collector.address, self.collector.token)
        self.chance = random.Random(int(os.environ.get("DOCKET_EXPORT_SEED", "7")))
        self.events = [self.one(number) for number in range(3000)]
        rest = list(self.events)
        sequence = 0
        while rest:
            count, sequence = self.chance.randrange(1, 120), sequence + 1
            batch, rest = rest[:count], rest[count:]
            assert self.client.publish(request(batch, sequence=sequence)).verdict.accepted_count == len(batch)
        # The appender is a little behind.
        self.wait_for(len(self.events))

    def one(self, number: int) -> Event:
        text = self.chance.choice(HAZARDS)
        return event(
            type="authz.decision", scope=f"scope-{number % 7}", actor=Actor(kind="user", id=f"actor-{number % 5}"),
            action="read", resource=Resource(type="doc", id=f"{number}"), reason=text,
            attributes=json.dumps({"text": text, "n": number}, ensure_ascii=bool(number % 2)),
        )  # fmt: skip

    def wait_for(self, count: int) -> None:
        eventually(lambda: len(self.own(self.client.export().events)) >= count)

    @staticmethod
    def own(stored: object) -> list[Event]:
        """Without what Docket itself has written."""
        return [one.event for one in stored if not one.event.type.startswith("docket.")]

    def run(self, *arguments: str | Path, code: int = 0, folder: Path | None = None) -> subprocess.CompletedProcess[bytes]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DOCKET_")}
        ended = subprocess.run(
            [BINARY, "export", "--address", self.collector.address, *arguments], check=False, cwd=folder, timeout=120,
            env=environment | {"DOCKET_TOKEN": self.collector.token}, capture_output=True,
        )  # fmt: skip
        assert ended.returncode == code, ended.stderr.decode()
        return ended

    def stop(self) -> None:
        self.client.channel.close()
        self.collector.stop()
        self.collector.delete_folder()


@pytest.fixture(scope="module")
def log() -> Iterator[Log]:
    made = Log()
    try:
        yield made
    finally:
        made.stop()


def hazardous() -> list[Event]:
    """Events with every field, with none, with empty ones, and with each hazard at the beginning, at the end and as the whole of each text."""
    made = [full_event() for _ in range(3)] + [event(), event(actor=Actor(id="", kind="", user_id=""), reason="", scope="", session_id="")]
    for hazard in HAZARDS:
        for text in (hazard, f"{hazard}x", f"x{hazard}"):
            made.append(full_event(
                scope=text, action=text, reason=text, policy=text, session_id=text, request_id=text, agent_id=text, source=text,
                source_event_id=text, actor=Actor(kind=text, id=text, user_id=text), resource=Resource(type=text, id=text),
                attributes=json.dumps({"text": text}, ensure_ascii=False), evaluated_rules=json.dumps([text]),
            ))  # fmt: skip
    return made

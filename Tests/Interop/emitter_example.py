"""The emitter of Examples/python for tests: the module, events to emit, and what is in the table of them."""

import os
import subprocess
import sys

from collector import BINARY, Collector
from docket.v1.event_pb2 import Actor, Event
from events import KNOWN_TYPE
from stubs import ROOT

EXAMPLES = ROOT / "Examples"
sys.path.insert(0, str(EXAMPLES / "python"))

from docket_emitter import Counters, Emitter, Limits, batches, rule  # noqa: E402

__all__ = ["EXAMPLES", "Counters", "Emitter", "Limits", "adds_up", "batches", "docket", "numbered", "rule", "stored"]


def numbered(session: str, number: int, **fields: object) -> Event:
    """An event of a session, without an id and a time of its own."""
    return Event(type=KNOWN_TYPE, session_id=session, actor=Actor(kind="user", id=str(number)), **fields)


def stored(collector: Collector, session: str) -> list[int]:
    """The numbers of a session's events in the table, in order; one that is stored twice comes twice."""
    rows = collector.sql(f"SELECT actor_id FROM docket.events WHERE session_id = '{session}'")
    return sorted(int(row[0]) for row in rows)


def adds_up(counters: Counters) -> bool:
    """Whether each event is counted exactly once."""
    settled = counters.committed + counters.rejected + counters.dropped + counters.queued
    return counters.enqueued == settled and counters.dropped == sum(counters.dropped_by_reason.values())


def docket(collector: Collector, *arguments: str) -> str:
    """What a command of docket prints, run by the administrator of a `docket dev`."""
    environment = {**os.environ, "DOCKET_POSTGRES_MAINTAINER": collector.ready["conninfo"]["maintainer"]}
    ended = subprocess.run([BINARY, *arguments], check=False, env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, f"docket {' '.join(arguments)}: {ended.stdout}{ended.stderr}"
    return ended.stdout

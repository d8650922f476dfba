"""An audit log of another system beside the same log in Docket, and what Docket is asked in place of its filters."""

import json
import os
import random
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from docket.v1 import event_pb2
from docket.v1.audit_log_pb2 import ORDER_NEWEST_FIRST, ORDER_OLDEST_FIRST, AttributeCondition
from docket.v1.event_pb2 import Event
from google.protobuf.message import Message

from client import Client
from collector import BINARY, Collector

# A row as the other system has it, and a filter as its reader takes it: by name. What isn't asked for isn't there.
Row = dict[str, object]
Filter = dict[str, object]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
START_US = 1_774_000_000_000_000
# So few that many rows share a time, and that limits cut through rows of one time.
MOMENTS = 40
DECISIONS = {"allow": event_pb2.DECISION_ALLOW, "deny": event_pb2.DECISION_DENY, "mask": event_pb2.DECISION_MASK}
DECISION_NAMES = {value: name for name, value in DECISIONS.items()}
MAX_PAGE_SIZE = 1000

# The flags of `docket query` for the fields that a filter needs here. A type's prefix has a star behind it there.
FLAGS = {
    "scope": "scope", "type": "type", "type_prefix": "type", "actor_id": "actor", "action": "action",
    "session_id": "session", "agent_id": "agent", "resource_type": "resource-type", "resource_id": "resource",
    "decision": "decision", "policy": "policy", "source": "source", "event_id": "event-id",
    "occurred_from_us": "from", "occurred_to_us": "to",
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """What Docket is asked: the fields of its EventFilter, the order, and how many events at most; None for all."""

    fields: dict[str, object]
    order: int = ORDER_NEWEST_FIRST
    limit: int | None = None

    def events(self, client: Client, page_size: int = MAX_PAGE_SIZE) -> list[Event]:
        """The events, page by page. Docket has no limit but that of a page, and a page_size of 0 means 100."""
        found: list[Event] = []
        token = b""
        while self.limit is None or len(found) < self.limit:
            size = page_size if self.limit is None else min(page_size, self.limit - len(found))
            page = client.query(page_token=token, page_size=size, order=self.order, **self.fields)
            assert len(page.events) <= size
            found += [one.event for one in page.events]
            token = page.next_page_token
            if not token:
                break
        return found

    def command_line(self) -> list[str]:
        """The same for `docket query`, whose --limit 0 shows all."""
        assert self.limit != 0, "docket query can't be asked for nothing"
        words = [f"--limit={self.limit or 0}", *(["--oldest-first"] if self.order == ORDER_OLDEST_FIRST else [])]
        for name, value in self.fields.items():
            if name == "attributes":
                words += [f"--attribute={one.pointer}={one.value}" for one in value]
            elif value == "":
                # Behind an equals sign the command takes an empty text for a missing one.
                words += [f"--{FLAGS[name]}", ""]
            else:
                words.append(f"--{FLAGS[name]}={_word(name, value)}")
        return words


def _word(name: str, value: object) -> object:
    match name:
        case "decision":
            return DECISION_NAMES[value]
        case "event_id":
            return UUID(bytes=value)
        case "type_prefix":
            return f"{value}*"
        case "occurred_from_us" | "occurred_to_us":
            return moment(value).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value


def ids_by_command(asked: Asked, collector: Collector) -> list[str]:
    """The ids of the events that `docket query` shows."""
    ended = subprocess.run(
        [BINARY, "query", "--json", f"--address={collector.address}", *asked.command_line()],
        check=False, capture_output=True, text=True, timeout=60, env={**os.environ, "DOCKET_TOKEN": collector.token},
    )  # fmt: skip
    assert ended.returncode == 0, f"{ended.args}: {ended.stderr}"
    return [json.loads(line)["event_id"] for line in ended.stdout.splitlines()]


class Log(ABC):
    """Another system's log: what its rows and filters look like, what its reader defines, and what Docket has instead.

    Rows come in the order of writing, in which they are published too.
    """

    name: str
    # How many rows are made.
    count = 300

    @abstractmethod
    def row(self, chance: random.Random, number: int) -> Row:
        """A random row."""

    @abstractmethod
    def event(self, row: Row) -> Event:
        """The row as an event (docs/import.md)."""

    @abstractmethod
    def row_of(self, event: Event) -> Row:
        """The row back from its event: nothing of it is lost."""

    @abstractmethod
    def filter(self, chance: random.Random, rows: list[Row]) -> Filter:
        """A random filter; mostly rows meet it. A limit is called `limit`."""

    @abstractmethod
    def select(self, rows: list[Row], wanted: Filter) -> list[Row]:
        """The rows that the reader gives for a filter, in its order; where it has none, in that of Docket."""

    @abstractmethod
    def asked(self, wanted: Filter) -> Asked:
        """What Docket is asked in place of the filter (docs/migrating.md)."""


def moment(us: int) -> datetime:
    return EPOCH + us * MICROSECOND


def microseconds(time: datetime) -> int:
    return (time - EPOCH) // MICROSECOND


def instant_us(chance: random.Random, unit_us: int = 1) -> int:
    """One of a few moments, now and then a unit beside it: bounds fall on the times of rows, and just beside them."""
    return START_US + chance.randrange(MOMENTS) * 1_000_000 + chance.choice((-1, 0, 0, 0, 1)) * unit_us


def some_values(chance: random.Random, rows: list[Row], columns: Iterable[str]) -> Filter:
    """Values to ask columns for: mostly those of one row, so that something is found."""
    one = chance.choice(rows)
    asked = [name for name in columns if chance.random() < 0.3]
    chosen = {name: (one if chance.random() < 0.85 else chance.choice(rows))[name] for name in asked}
    return {name: value for name, value in chosen.items() if value is not None}


def has_values(row: Row, wanted: Filter, columns: Iterable[str]) -> bool:
    """Whether the row has what is asked of these columns."""
    return all(row[name] == wanted[name] for name in columns if name in wanted)


def fields_for(wanted: Filter, columns: dict[str, str]) -> dict[str, object]:
    """What Docket is asked for columns: each is a field of its filter, or a place in the attributes."""
    asked = {at: wanted[name] for name, at in columns.items() if name in wanted}
    fields = {at: value for at, value in asked.items() if not at.startswith("/")}
    conditions = [AttributeCondition(pointer=at, value=value) for at, value in asked.items() if at.startswith("/")]
    return fields | ({"attributes": conditions} if conditions else {})


def given(message: Message, field: str) -> object:
    """A field's value, or None if it isn't there."""
    return getattr(message, field) if message.HasField(field) else None


def present(**members: object) -> dict[str, object]:
    """The members that are not None."""
    return {name: value for name, value in members.items() if value is not None}

"""What is asked of the log, with keys of events that are in it, and whether an answer is right."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from client import Client
from docket.v1.audit_log_pb2 import StoredEvent
from filled_site import DAY_US, READY, Log, Site

PAGE = 100
WEEK_US = 7 * DAY_US
KEYS_A_SEGMENT = 200
# Requirements, in milliseconds.
SEALED_LIMIT = 50
HOT_LIMIT = 200


@dataclass(frozen=True)
class Key:
    """An event of the log, by what it can be found by."""

    tenant: str
    event_id: bytes
    session_id: str
    actor_id: str
    occurred_at_us: int


class Keys:
    """Events of sealed segments and of the hot one, as they were when this was made."""

    def __init__(self, site: Site, seed: int):
        log = site.log
        self._chance = random.Random(seed)
        until = datetime.fromtimestamp(log.hot_from_us / 1e6, timezone.utc)
        tables = [table for table, in site.cluster.sql(
            f"SELECT table_name FROM docket.segments WHERE {READY} AND max_occurred_at < '{until}'"
        )]  # fmt: skip
        # A day around it is before the hot segment's times.
        self.sealed = [key for key in sample(site, tables, seed) if key.occurred_at_us + DAY_US < log.hot_from_us]
        self.hot = [key for key in sample(site, [site.hot()[1]], seed) if key.tenant in log.loud]
        if not self.sealed or not self.hot:
            raise SystemExit("query: no events were found to ask for; fill a larger log")

    def draw(self, kind: str) -> Key:
        """One of the sealed segments', of the hot one's, or of either."""
        chosen = {"sealed": [self.sealed], "hot": [self.hot], "any": [self.sealed, self.hot]}[kind]
        return self._chance.choice(self._chance.choice(chosen))


def sample(site: Site, tables: Sequence[str], seed: int) -> list[Key]:
    """Some events of each table, the same for the same seed and content."""
    percent = min(100.0, 100 * KEYS_A_SEGMENT * 2 / site.log.rows)
    parts = [
        f"(SELECT * FROM docket.{table} TABLESAMPLE SYSTEM ({percent:.6f}) REPEATABLE ({seed}) LIMIT {KEYS_A_SEGMENT})"
        for table in tables
    ]
    rows = site.cluster.sql(
        f"""
        SELECT t.slug, replace(e.event_id::text, '-', ''), e.session_id, e.actor_id, (extract(epoch FROM e.occurred_at) * 1000000)::int8
        FROM ({" UNION ALL ".join(parts)}) AS e JOIN docket.tenants AS t USING (tenant_id) WHERE e.session_id IS NOT NULL
        """
    )  # fmt: skip
    return [Key(tenant, bytes.fromhex(event), session, actor, int(at)) for tenant, event, session, actor, at in rows]


@dataclass(frozen=True)
class Question:
    """One kind of query."""

    kind: str
    answered_by: str
    limit_ms: float
    # What keys it takes; see ``Keys.draw``.
    keys: str
    # The request's fields beside the tenant's.
    fields: Callable[[Key, Log], dict]
    # It asks for a tenant's newest events, whoever's they are.
    is_newest: bool = False
    # Of the tenant without events in the hot segment.
    is_silent: bool = False

    @property
    def name(self) -> str:
        return f"{self.kind}, {self.answered_by}"

    def request(self, key: Key, log: Log) -> dict:
        return {"tenant": log.silent if self.is_silent else key.tenant} | self.fields(key, log)

    def wrong(self, key: Key, asked: dict, events: Sequence[StoredEvent], newest_us: int) -> str | None:
        """What is wrong with an answer; `newest_us` is when an event of the tenant happened that was acknowledged before it
        was asked for."""
        if any(one.tenant != asked["tenant"] for one in events):
            return "an event of another tenant"
        if any(not matches(one, asked) for one in events):
            return "an event that doesn't match"
        places = [(one.event.occurred_at_us, one.batch_id, one.position) for one in events]
        if any(one <= next for one, next in zip(places, places[1:], strict=False)):
            return "not the newest first"
        if self.is_newest:
            if len(events) != PAGE:
                return f"{len(events)} events"
            return None if self.is_silent or places[0][0] >= newest_us else "the newest acknowledged event is missing"
        if "event_id" in asked and len(events) != 1:
            return f"{len(events)} events of one id"
        if len(events) < PAGE and not any(one.event.event_id == key.event_id for one in events):
            return "the event is missing that the key is of"
        return None


def matches(stored: StoredEvent, asked: dict) -> bool:
    event = stored.event
    return (
        asked.get("event_id", event.event_id) == event.event_id
        and asked.get("session_id", event.session_id) == event.session_id
        and asked.get("actor_id", event.actor.id) == event.actor.id
        and asked.get("occurred_from_us", event.occurred_at_us) <= event.occurred_at_us
        and asked.get("occurred_to_us", event.occurred_at_us) >= event.occurred_at_us
    )


def day_around(key: Key) -> dict:
    return {"occurred_from_us": key.occurred_at_us - DAY_US // 2, "occurred_to_us": key.occurred_at_us + DAY_US // 2}


NEWEST, SESSION, WEEK, EVENT = f"newest {PAGE} of a tenant", "a session's events", "an actor's week", "an event by id"
QUESTIONS = (
    Question(NEWEST, "busy: the heap's end", SEALED_LIMIT, "hot", lambda key, log: {}, is_newest=True),
    Question(SESSION, "of a day: sealed segments", SEALED_LIMIT, "sealed",
             lambda key, log: {"session_id": key.session_id} | day_around(key)),
    Question(WEEK, "past: sealed segments", SEALED_LIMIT, "sealed", lambda key, log: {
        "actor_id": key.actor_id, "occurred_from_us": key.occurred_at_us - WEEK_US, "occurred_to_us": key.occurred_at_us}),
    Question(EVENT, "of a day: sealed segments", SEALED_LIMIT, "sealed",
             lambda key, log: {"event_id": key.event_id} | day_around(key)),
    Question(NEWEST, "silent: hot segment in full", HOT_LIMIT, "any", lambda key, log: {}, is_newest=True, is_silent=True),
    Question(SESSION, "any time: hot segment in full", HOT_LIMIT, "any", lambda key, log: {"session_id": key.session_id}),
    Question(WEEK, "the last: hot segment in full", HOT_LIMIT, "hot",
             lambda key, log: {"actor_id": key.actor_id, "occurred_from_us": log.end_us - WEEK_US}),
    Question(EVENT, "any time: hot segment in full", HOT_LIMIT, "any", lambda key, log: {"event_id": key.event_id}),
)  # fmt: skip


def check(question: Question, key: Key, asked: dict, events: Sequence[StoredEvent], newest_us: int = 0) -> None:
    if fault := question.wrong(key, asked, events, newest_us):
        raise SystemExit(f"query: wrong answer to {question.name}: {fault}\nasked: {asked}\nkey: {key}")


def compare(site: Site, client: Client, question: Question, key: Key) -> None:
    """Asks while nothing is written, and compares with what SQL finds as the owner of the tables."""
    asked = question.request(key, site.log)
    found = [(one.batch_id, one.position) for one in client.query(page_size=PAGE, **asked).events]
    tenant = site.cluster.sql(f"SELECT tenant_id FROM docket.tenants WHERE slug = '{asked['tenant']}'")[0][0]
    conditions = [f"tenant_id = {tenant}"]
    if "event_id" in asked:
        conditions.append(f"event_id = '{asked['event_id'].hex()}'")
    conditions += [f"{name} = '{asked[name]}'" for name in ("session_id", "actor_id") if name in asked]
    for name, sign in (("occurred_from_us", ">="), ("occurred_to_us", "<=")):
        if name in asked:
            conditions.append(f"occurred_at {sign} 'epoch'::timestamptz + interval '1 microsecond' * {asked[name]}")
    rows = site.cluster.sql(
        f"""
        SELECT batch_id, position FROM docket.events WHERE {" AND ".join(conditions)}
        ORDER BY occurred_at DESC, batch_id DESC, position DESC LIMIT {PAGE}
        """, timeout=600,
    )  # fmt: skip
    if found != [(int(batch), int(position)) for batch, position in rows]:
        raise SystemExit(f"query: {question.name} found {len(found)} events and SQL {len(rows)}, or others\nasked: {asked}")

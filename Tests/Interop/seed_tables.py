"""Three logs that define how they are written, and no reader: of authorization decisions, of a gate, of a fact store.

What stands for one here is the plainest statement on what they write: columns that are equal to a value, times from one
on and up to one, both inclusive, in the order of the times or against it, at most so many rows.
"""

import json
import random
from abc import abstractmethod
from uuid import UUID

from docket.v1.audit_log_pb2 import ORDER_NEWEST_FIRST, ORDER_OLDEST_FIRST
from docket.v1.event_pb2 import Actor, Event, Resource

from events import event
from seed_log import (
    DECISION_NAMES, DECISIONS, Asked, Filter, Log, Row, fields_for, given, has_values, instant_us, moment, present,
    some_values,
)  # fmt: skip


class TableLog(Log):
    """A log with the plain reader. Rows of one time come in the order of writing, or against it when newest first."""

    # What can be asked for, and the field of Docket's filter or the place in the attributes that answers.
    columns: dict[str, str]

    @abstractmethod
    def time_us(self, row: Row) -> int:
        """The row's time as it counts for bounds and order."""

    @abstractmethod
    def fixed_fields(self, wanted: Filter) -> dict[str, object]:
        """What Docket is asked besides: above all which type."""

    def filter(self, chance: random.Random, rows: list[Row]) -> Filter:
        wanted = some_values(chance, rows, self.columns) | {"newest_first": chance.random() < 0.5}
        for bound in ("from_us", "to_us"):
            if chance.random() < 0.4:
                wanted[bound] = instant_us(chance)
        if chance.random() < 0.6:
            wanted["limit"] = chance.choice((0, 1, 2, 5, 10, 20, 50, 1000, 5000))
        return wanted

    def select(self, rows: list[Row], wanted: Filter) -> list[Row]:
        found = [
            row
            for row in rows
            if has_values(row, wanted, self.columns)
            and ("from_us" not in wanted or self.time_us(row) >= wanted["from_us"])
            and ("to_us" not in wanted or self.time_us(row) <= wanted["to_us"])
        ]
        found.sort(key=self.time_us)
        return found[:: -1 if wanted["newest_first"] else 1][: wanted.get("limit")]

    def asked(self, wanted: Filter) -> Asked:
        fields = self.fixed_fields(wanted) | fields_for(wanted, self.columns)
        if "decision" in fields:
            fields["decision"] = DECISIONS[fields["decision"]]
        for bound in ("from_us", "to_us"):
            if bound in wanted:
                fields[f"occurred_{bound}"] = wanted[bound]
        return Asked(fields, ORDER_NEWEST_FIRST if wanted["newest_first"] else ORDER_OLDEST_FIRST, wanted.get("limit"))


class AuthorizationLog(TableLog):
    """An authorization decision log. Its time is when the row was written."""

    name = "authorization decisions"
    # Where an id is asked for, few rows are left; so that limits cut through ties nevertheless, there are more of them.
    count = 800
    columns = {
        "id": "event_id", "session_id": "session_id", "tool_name": "resource_id", "agent_id": "agent_id",
        "agent_scope": "/agent_scope", "decision": "decision", "policy": "policy", "plugin_id": "/plugin_id",
        "actor_id": "actor_id",
    }  # fmt: skip

    def row(self, chance: random.Random, number: int) -> Row:
        def actor() -> Row:
            kind = chance.choice(["user", "agent"])
            return {"kind": kind, "id": f"a-{chance.randrange(4)}", "user_id": f"u-{chance.randrange(3)}"}

        one = actor()
        return {
            "id": str(UUID(int=chance.getrandbits(128), version=4)),
            "user_id": one["user_id"], "actor_kind": one["kind"], "actor_id": one["id"],
            "act_chain": [actor() for _ in range(chance.randrange(3))],
            "session_id": f"s-{chance.randrange(5)}",
            "tool_name": chance.choice(["shell", "http", "tools/über"]),
            "agent_id": chance.choice([None, "agent-1", "agent-2"]),
            "agent_scope": chance.choice([None, "workspace", "user"]),
            "plugin_id": chance.choice([None, "p-1", "p=2"]),
            "decision": chance.choice(["allow", "deny"]),
            "policy": chance.choice(["default-deny", "grants"]),
            "reason": chance.choice(["", f"rule {number}"]),
            "evaluated_rules": [{"rule": f"r{number}", "matched": chance.random() < 0.5}],
            "written_us": instant_us(chance),
        }  # fmt: skip

    def time_us(self, row: Row) -> int:
        return row["written_us"]

    def fixed_fields(self, wanted: Filter) -> dict[str, object]:
        return {"type": "authz.decision"} | ({"resource_type": "tool"} if "tool_name" in wanted else {})

    def asked(self, wanted: Filter) -> Asked:
        # An id can be asked for since these are UUIDs, which an event takes for its own.
        return super().asked(wanted | ({"id": UUID(wanted["id"]).bytes} if "id" in wanted else {}))

    def event(self, row: Row) -> Event:
        return event(
            event_id=UUID(row["id"]).bytes, source_event_id=row["id"], type="authz.decision",
            occurred_at_us=row["written_us"],
            actor=Actor(kind=row["actor_kind"], id=row["actor_id"], user_id=row["user_id"]),
            delegation=[Actor(**one) for one in row["act_chain"]], session_id=row["session_id"],
            agent_id=row["agent_id"], action="tools.call", resource=Resource(type="tool", id=row["tool_name"]),
            decision=DECISIONS[row["decision"]], policy=row["policy"], reason=row["reason"],
            evaluated_rules=json.dumps(row["evaluated_rules"]),
            attributes=json.dumps(present(agent_scope=row["agent_scope"], plugin_id=row["plugin_id"])),
        )  # fmt: skip

    def row_of(self, event: Event) -> Row:
        kept = json.loads(event.attributes)
        return {
            "id": event.source_event_id, "user_id": event.actor.user_id, "actor_kind": event.actor.kind,
            "actor_id": event.actor.id,
            "act_chain": [{"kind": one.kind, "id": one.id, "user_id": one.user_id} for one in event.delegation],
            "session_id": event.session_id, "tool_name": event.resource.id, "agent_id": given(event, "agent_id"),
            "agent_scope": kept.get("agent_scope"), "plugin_id": kept.get("plugin_id"),
            "decision": DECISION_NAMES[event.decision], "policy": event.policy, "reason": event.reason,
            "evaluated_rules": json.loads(event.evaluated_rules), "written_us": event.occurred_at_us,
        }  # fmt: skip


class GateLog(TableLog):
    """A gate's consultation log. Its times are finer than Docket's: within a microsecond they are ties, bounds too."""

    name = "gate"
    columns = {
        "namespace": "scope", "actor_id": "actor_id", "verb": "action", "decision": "decision",
        "gate_impl": "policy", "session_id": "session_id",
    }  # fmt: skip

    def row(self, chance: random.Random, number: int) -> Row:
        is_allowed = chance.random() < 0.6
        return {
            "timestamp_ns": instant_us(chance) * 1000 + chance.choice((0, 0, 1, 999)),
            "actor_kind": "user", "actor_id": f"user:{chance.choice('abcd')}",
            "namespace": chance.choice(["shop", "shop/eu", "lab"]),
            "verb": chance.choice(["memory.recall", "memory.store"]),
            "decision": "allow" if is_allowed else "deny",
            "deny_reason": None if is_allowed else f"rule {number}",
            "obligations": [{"audit": {"tag": f"{number}"}}] if is_allowed else [],
            "gate_impl": chance.choice(["RegoGate", "AllowAllGate"]),
            "session_id": chance.choice([None, "s-1", "s-2", "s-3"]),
        }  # fmt: skip

    def time_us(self, row: Row) -> int:
        return row["timestamp_ns"] // 1000

    def fixed_fields(self, wanted: Filter) -> dict[str, object]:
        return {"type": "gate.check"}

    def event(self, row: Row) -> Event:
        us, ns = divmod(row["timestamp_ns"], 1000)
        fine = f"{moment(us):%Y-%m-%dT%H:%M:%S.%f}{ns:03}Z" if ns else None
        return event(
            type="gate.check", occurred_at_us=us, actor=Actor(kind=row["actor_kind"], id=row["actor_id"]),
            scope=row["namespace"], action=row["verb"], decision=DECISIONS[row["decision"]], reason=row["deny_reason"],
            obligations=json.dumps(row["obligations"]), policy=row["gate_impl"], session_id=row["session_id"],
            attributes=json.dumps({"timestamp": fine}) if fine else None,
        )  # fmt: skip

    def row_of(self, event: Event) -> Row:
        fine = json.loads(event.attributes)["timestamp"] if event.HasField("attributes") else None
        return {
            "timestamp_ns": event.occurred_at_us * 1000 + (int(fine[-4:-1]) if fine else 0),
            "actor_kind": event.actor.kind, "actor_id": event.actor.id, "namespace": event.scope, "verb": event.action,
            "decision": DECISION_NAMES[event.decision], "deny_reason": given(event, "reason"),
            "obligations": json.loads(event.obligations or "[]"), "gate_impl": event.policy,
            "session_id": given(event, "session_id"),
        }  # fmt: skip


class FactLog(TableLog):
    """A fact store's log. It numbers its rows as they are written: that is the order of those of one time."""

    name = "facts"
    columns = {
        "event_type": "type", "entity_uri": "actor_id", "fact_id": "resource_id", "source": "source", "scope": "scope",
        "tenant_id": "/tenant_id", "attested_key_id": "/attested_key_id",
    }  # fmt: skip
    event_types = ("fact_write", "fact_read", "quota_breach", "admin_action")

    @staticmethod
    def type_of(event_type: str) -> str:
        return f"fact.{event_type.removeprefix('fact_')}"

    def row(self, chance: random.Random, number: int) -> Row:
        event_type = chance.choice(self.event_types)
        return {
            "id": str(UUID(int=chance.getrandbits(128), version=4)), "seq": number + 1, "event_type": event_type,
            "fact_id": f"f-{chance.randrange(12)}" if event_type.startswith("fact_") else None,
            "entity_uri": f"agent:{chance.choice('abc')}",
            "oidc_sub": chance.choice([None, "oidc|1", "oidc|2"]),
            "source": chance.choice(["node-a", "node-b"]),
            "attested_key_id": chance.choice([None, "key-1", "key-2"]),
            "ts_us": instant_us(chance),
            "tenant_id": chance.choice(["default", "acme"]),
            "scope": chance.choice([None, "ws:shop", "ws:lab"]),
            "detail": chance.choice([None, {"number": number}]),
        }  # fmt: skip

    def time_us(self, row: Row) -> int:
        return row["ts_us"]

    def fixed_fields(self, wanted: Filter) -> dict[str, object]:
        kind = {"resource_type": "fact"} if "fact_id" in wanted else {}
        return kind if "event_type" in wanted else kind | {"type_prefix": "fact."}

    def asked(self, wanted: Filter) -> Asked:
        typed = {"event_type": self.type_of(wanted["event_type"])} if "event_type" in wanted else {}
        return super().asked(wanted | typed)

    def event(self, row: Row) -> Event:
        return event(
            event_id=UUID(row["id"]).bytes, source_event_id=row["id"], type=self.type_of(row["event_type"]),
            scope=row["scope"], occurred_at_us=row["ts_us"], source=row["source"],
            actor=Actor(kind="agent", id=row["entity_uri"], user_id=row["oidc_sub"]),
            resource=None if row["fact_id"] is None else Resource(type="fact", id=row["fact_id"]),
            attributes=json.dumps(
                present(**{name: row[name] for name in ("event_type", "tenant_id", "attested_key_id", "detail", "seq")})
            ),
        )  # fmt: skip

    def row_of(self, event: Event) -> Row:
        kept = json.loads(event.attributes)
        return {
            "id": event.source_event_id, "seq": kept["seq"], "event_type": kept["event_type"],
            "fact_id": given(event.resource, "id"), "entity_uri": event.actor.id,
            "oidc_sub": given(event.actor, "user_id"), "source": event.source,
            "attested_key_id": kept.get("attested_key_id"), "ts_us": event.occurred_at_us,
            "tenant_id": kept["tenant_id"], "scope": given(event, "scope"), "detail": kept.get("detail"),
        }  # fmt: skip

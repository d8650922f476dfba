"""Two logs that come with a reader: a guard's action log and a tool-call log."""

import json
import random
from datetime import datetime, timedelta, timezone
from operator import itemgetter
from uuid import UUID

from docket.v1 import event_pb2
from docket.v1.audit_log_pb2 import ORDER_NEWEST_FIRST, ORDER_OLDEST_FIRST, AttributeCondition
from docket.v1.event_pb2 import Actor, Event, Payload, Resource

from events import event
from seed_log import (
    DECISION_NAMES, DECISIONS, Asked, Filter, Log, Row, fields_for, given, has_values, instant_us, microseconds, moment,
    present, some_values,
)  # fmt: skip

OUTCOMES = {"ok": event_pb2.OUTCOME_SUCCESS, "denied": event_pb2.OUTCOME_FAILURE, "error": event_pb2.OUTCOME_ERROR}


def named_uuids(kind: int, count: int) -> list[str]:
    return [str(UUID(int=(kind << 96) + number, version=4)) for number in range(count)]


class GuardLog(Log):
    """A guard's action log.

    Its reader takes workspace, session, decision (a text) and kind of resource, each of which must be equal; a time
    from which on and one up to which, both inclusive and cut to milliseconds; and a limit. Newest first. Which of two
    rows of one time comes first it leaves to its database; here it is the one that was published last.
    """

    name = "guard"
    count = 400
    columns = {"workspace_id": "scope", "session_id": "session_id", "resource": "resource_type"}
    decisions = {name.capitalize(): value for name, value in DECISIONS.items()}

    def row(self, chance: random.Random, number: int) -> Row:
        return {
            "id": str(UUID(int=chance.getrandbits(128), version=4)),
            "session_id": chance.choice([None, *named_uuids(1, 4)]),
            "workspace_id": chance.choice(named_uuids(2, 3)),
            "agent_id": chance.choice([None, *named_uuids(3, 3)]),
            "action": chance.choice(["file.read", "file.write", "net.fetch"]),
            "resource": chance.choice(["file", "File", "url"]),
            "resource_id": chance.choice([None, f"/tmp/{number}"]),
            # A text: mostly one of three, but nothing keeps others out.
            "decision": chance.choice(["Allow", "Deny", "Mask"] * 3 + ["allow", "Escalate", ""]),
            "reason": chance.choice([None, "", f"rule {number}"]),
            "risk_score": chance.random(),
            "metadata": {"number": number, "decision": "Escalate"},
            "ts": instant_us(chance, 1000) // 1000,
        }

    def event(self, row: Row) -> Event:
        word = row["decision"]
        kept = {"metadata": row["metadata"]} | ({} if word in self.decisions else {"decision": word})
        return event(
            event_id=UUID(row["id"]).bytes, source_event_id=row["id"], type="guard.action",
            occurred_at_us=row["ts"] * 1000, scope=row["workspace_id"], session_id=row["session_id"],
            agent_id=row["agent_id"], action=row["action"],
            resource=Resource(type=row["resource"], id=row["resource_id"]), decision=self.decisions.get(word),
            reason=row["reason"], risk_score=row["risk_score"], attributes=json.dumps(kept),
        )  # fmt: skip

    def row_of(self, event: Event) -> Row:
        kept = json.loads(event.attributes)
        return {
            "id": event.source_event_id, "session_id": given(event, "session_id"), "workspace_id": event.scope,
            "agent_id": given(event, "agent_id"), "action": event.action, "resource": event.resource.type,
            "resource_id": given(event.resource, "id"),
            "decision": DECISION_NAMES[event.decision].capitalize() if event.decision else kept["decision"],
            "reason": given(event, "reason"), "risk_score": event.risk_score, "metadata": kept["metadata"],
            "ts": event.occurred_at_us // 1000,
        }  # fmt: skip

    def filter(self, chance: random.Random, rows: list[Row]) -> Filter:
        wanted = some_values(chance, rows, (*self.columns, "decision"))
        # The reader takes any text, and finds nothing under one that no row has, such as one in another case.
        if chance.random() < 0.06:
            wanted["decision"] = chance.choice(["allow", "DENY", ""])
        if chance.random() < 0.03:
            wanted["resource"] = ""
        for bound in ("start_us", "end_us"):
            if chance.random() < 0.4:
                wanted[bound] = instant_us(chance, chance.choice((1, 1000)))
        if chance.random() < 0.6:
            wanted["limit"] = chance.choice((0, 1, 2, 5, 10, 20, 50, 1000, 4_294_967_295))
        return wanted

    def select(self, rows: list[Row], wanted: Filter) -> list[Row]:
        found = [
            row
            for row in rows
            if has_values(row, wanted, (*self.columns, "decision"))
            and ("start_us" not in wanted or row["ts"] >= wanted["start_us"] // 1000)
            and ("end_us" not in wanted or row["ts"] <= wanted["end_us"] // 1000)
        ]
        return sorted(found, key=itemgetter("ts"))[::-1][: wanted.get("limit")]

    def asked(self, wanted: Filter) -> Asked:
        fields = {"type": "guard.action"} | fields_for(wanted, self.columns)
        word = wanted.get("decision")
        if word in self.decisions:
            fields["decision"] = self.decisions[word]
        elif word is not None:
            # Where the mapping keeps a text that is none of the three.
            fields["attributes"] = [AttributeCondition(pointer="/decision", value=word)]
        for bound, field in (("start_us", "occurred_from_us"), ("end_us", "occurred_to_us")):
            if bound in wanted:
                fields[field] = wanted[bound] // 1000 * 1000
        return Asked(fields, ORDER_NEWEST_FIRST, wanted.get("limit"))


class ToolCallLog(Log):
    """A tool-call log, as its backend in PostgreSQL reads it.

    Its reader takes tool, agent and workspace, each of which must be equal; a time from which on and one up to which,
    both inclusive, as texts; and a limit, 50,000 unless another is given. An empty text asks for nothing, as if it were
    absent. Oldest first, so a limit keeps the oldest. Which of two rows of one time comes first it leaves to its
    database; here it is the one that was published first.
    """

    name = "tool calls"
    # More than two pages of Docket's.
    count = 2400
    columns = {"tool": "resource_id", "agent_id": "agent_id", "workspace_id": "scope"}

    def row(self, chance: random.Random, number: int) -> Row:
        return {
            "ts": moment(instant_us(chance)),
            "req_id": f"req-{number}",
            "workspace_id": f"ws-{chance.randrange(4)}",
            "user_id": f"u-{chance.randrange(9)}",
            "agent_id": f"agent-{chance.randrange(4)}",
            "tool": chance.choice(["http", "shell", "search", "%"]),
            "action": chance.choice(["fetch", "run"]),
            "status": chance.choice([*OUTCOMES, "partial"]),
            "duration_ms": chance.randrange(100_000),
            "in_size": chance.randrange(1 << 20),
            "out_size": chance.randrange(1 << 20),
            "input_hash": f"{chance.getrandbits(64):016x}",
            "graph_run_id": chance.choice([None, f"run-{number % 7}"]),
            "graph_node": chance.choice([None, "node-1"]),
            "job_id": chance.choice([None, "", "job-1"]),
        }

    def event(self, row: Row) -> Event:
        kept = present(**{name: row[name] for name in ("status", "in_size", "graph_run_id", "graph_node", "job_id")})
        return event(
            type="tool.call", occurred_at_us=microseconds(row["ts"]), request_id=row["req_id"],
            scope=row["workspace_id"], actor=Actor(kind="user", id=row["user_id"]), agent_id=row["agent_id"],
            resource=Resource(type="tool", id=row["tool"]), action=row["action"], outcome=OUTCOMES.get(row["status"]),
            duration_us=row["duration_ms"] * 1000, attributes=json.dumps(kept),
            payload=Payload(hash=f"sha256:{row['input_hash']}", out_size_bytes=row["out_size"]),
        )  # fmt: skip

    def row_of(self, event: Event) -> Row:
        kept = json.loads(event.attributes)
        return {
            "ts": moment(event.occurred_at_us), "req_id": event.request_id, "workspace_id": event.scope,
            "user_id": event.actor.id, "agent_id": event.agent_id, "tool": event.resource.id, "action": event.action,
            "status": kept["status"], "duration_ms": event.duration_us // 1000, "in_size": kept["in_size"],
            "out_size": event.payload.out_size_bytes, "input_hash": event.payload.hash.removeprefix("sha256:"),
            **{name: kept.get(name) for name in ("graph_run_id", "graph_node", "job_id")},
        }  # fmt: skip

    def filter(self, chance: random.Random, rows: list[Row]) -> Filter:
        wanted = some_values(chance, rows, self.columns)
        for bound in ("from_ts", "to_ts"):
            if chance.random() < 0.4:
                zone = timezone(timedelta(minutes=chance.choice((0, 0, 120, -330))))
                wanted[bound] = moment(instant_us(chance)).astimezone(zone).isoformat()
        for name in (*self.columns, "from_ts", "to_ts"):
            if chance.random() < 0.05:
                wanted[name] = ""
        if chance.random() < 0.6:
            wanted["limit"] = chance.choice((0, 1, 2, 5, 10, 50, 200, 1000, 1001, 2000, 50_000))
        return wanted

    def select(self, rows: list[Row], wanted: Filter) -> list[Row]:
        meant = {name: value for name, value in wanted.items() if value != ""}
        found = [
            row
            for row in rows
            if has_values(row, meant, self.columns)
            and ("from_ts" not in meant or row["ts"] >= datetime.fromisoformat(meant["from_ts"]))
            and ("to_ts" not in meant or row["ts"] <= datetime.fromisoformat(meant["to_ts"]))
        ]
        return sorted(found, key=itemgetter("ts"))[: wanted.get("limit", 50_000)]

    def asked(self, wanted: Filter) -> Asked:
        # Docket would look for the empty text.
        meant = {name: value for name, value in wanted.items() if value != ""}
        fields = {"type": "tool.call"} | fields_for(meant, self.columns)
        if "tool" in meant:
            fields["resource_type"] = "tool"
        for bound, field in (("from_ts", "occurred_from_us"), ("to_ts", "occurred_to_us")):
            if bound in meant:
                fields[field] = microseconds(datetime.fromisoformat(meant[bound]))
        return Asked(fields, ORDER_OLDEST_FIRST, wanted.get("limit", 50_000))

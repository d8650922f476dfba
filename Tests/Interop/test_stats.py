"""Stats: how many events there are, by a field of theirs and over time."""

import csv
import io
import json
import os
import random
import subprocess
from collections import Counter
from collections.abc import Callable

import grpc
import pytest
from docket.v1 import audit_log_pb2
from docket.v1.audit_log_pb2 import EventFilter, StatsRequest, StatsResponse
from docket.v1.event_pb2 import Actor, Event, Resource

from client import Client, failure
from cluster import Cluster
from collector import BINARY, Collector
from events import event, unique
from locks import locked, waiting_readers
from stubs import ROOT
from waiting import eventually

BASE_US = 1_700_000_000_000_000
HOUR_US = 3_600_000_000
DECISIONS = {0: None, 1: "allow", 2: "deny", 3: "mask"}
OUTCOMES = {0: None, 1: "success", 2: "failure", 3: "error"}


def text(name: str) -> Callable[[Event], str | None]:
    return lambda one: getattr(one, name) if one.HasField(name) else None


# What an event is counted under, by the grouping.
VALUES: dict[int, Callable[[Event], str | None]] = {
    audit_log_pb2.GROUP_BY_TYPE: lambda one: one.type,
    audit_log_pb2.GROUP_BY_DECISION: lambda one: DECISIONS[one.decision],
    audit_log_pb2.GROUP_BY_OUTCOME: lambda one: OUTCOMES[one.outcome],
    audit_log_pb2.GROUP_BY_ACTOR: lambda one: one.actor.id if one.actor.HasField("id") else None,
    audit_log_pb2.GROUP_BY_TENANT: lambda one: "default",
    audit_log_pb2.GROUP_BY_ACTION: text("action"),
    audit_log_pb2.GROUP_BY_SCOPE: text("scope"),
    audit_log_pb2.GROUP_BY_SOURCE: text("source"),
    audit_log_pb2.GROUP_BY_POLICY: text("policy"),
    audit_log_pb2.GROUP_BY_RESOURCE_TYPE: lambda one: one.resource.type if one.resource.HasField("type") else None,
}


@pytest.fixture(scope="module")
def mark() -> str:
    """What the events of this module have in common: their session."""
    return unique("stats-")


@pytest.fixture(scope="module")
def log(collector: Collector, mark: str) -> list[Event]:
    """400 events over ten hours, many without what others have."""
    chance = random.Random(int(os.environ.get("DOCKET_STATS_SEED", "11")))

    def some(*values: str) -> str | None:
        return chance.choice([None, *values])

    events = [
        event(
            session_id=mark, occurred_at_us=BASE_US + chance.randrange(10 * HOUR_US), type="authz.decision",
            scope=some("", "blue", "red"), actor=Actor(id=f"{mark}-{int(chance.paretovariate(0.6)) % 70}"),
            action=some("read", "write"), resource=Resource(type=some("doc", "é\U0001f512")), source=some("gate", ""),
            policy=some("p\t1", "=1+1"), decision=chance.randrange(4), outcome=chance.randrange(4),
        )
        for _ in range(400)
    ]  # fmt: skip
    with Client(collector.address, collector.token) as client:
        for start in range(0, 400, 80):
            assert client.publish_events(*events[start : start + 80]).accepted_count == 80
    return events


def stats(client: Client, **fields: object) -> StatsResponse:
    own = {name: fields.pop(name) for name in list(fields) if name in StatsRequest.DESCRIPTOR.fields_by_name}
    asked = StatsRequest(filter=EventFilter(**fields), **own)
    return client.audit_log.Stats(asked, metadata=client.metadata, timeout=60)


def counted(found: StatsResponse) -> dict[str | None, int]:
    return {one.value if one.HasField("value") else None: one.count for one in found.groups}


@pytest.mark.parametrize("group_by", VALUES, ids=audit_log_pb2.GroupBy.Name)
def test_every_grouping_counts_exactly_what_is_there(client: Client, log: list[Event], mark: str, group_by: int) -> None:
    found = stats(client, session_id=mark, group_by=group_by, max_groups=1000)
    assert counted(found) == Counter(VALUES[group_by](one) for one in log)
    assert found.count == len(log)
    assert not found.HasField("other")
    counts = [one.count for one in found.groups]
    assert counts == sorted(counts, reverse=True)


def test_what_is_not_told_apart_is_counted_together(client: Client, log: list[Event], mark: str) -> None:
    expected = Counter(VALUES[audit_log_pb2.GROUP_BY_ACTOR](one) for one in log)
    found = stats(client, session_id=mark, group_by=audit_log_pb2.GROUP_BY_ACTOR, max_groups=3)
    assert [one.count for one in found.groups] == sorted(expected.values(), reverse=True)[:3]
    assert found.other.count == len(log) - sum(one.count for one in found.groups)
    assert found.other_group_count == len(expected) - 3


@pytest.mark.parametrize("width", [1, HOUR_US, 7 * HOUR_US // 3, 1000 * HOUR_US], ids=["most", "hours", "odd", "one"])
def test_buckets_hold_every_event_once(client: Client, log: list[Event], mark: str, width: int) -> None:
    if width == 1:
        width = 10 * HOUR_US // 999
    end = BASE_US + 10 * HOUR_US - 1
    found = stats(client, session_id=mark, occurred_from_us=BASE_US, occurred_to_us=end, bucket_us=width,
                  group_by=audit_log_pb2.GROUP_BY_DECISION, max_groups=2)  # fmt: skip
    starts = list(found.bucket_starts_us)
    assert starts == list(range(BASE_US // width * width, end + 1, width))
    groups = [*found.groups, found.other]
    assert [sum(one.bucket_counts) for one in groups] == [one.count for one in groups]
    together = [sum(one.bucket_counts[index] for one in groups) for index in range(len(starts))]
    expected = Counter((one.occurred_at_us - starts[0]) // width for one in log)
    assert together == [expected[index] for index in range(len(starts))]


def test_buckets_may_begin_anywhere_and_the_last_is_open(client: Client, log: list[Event], mark: str) -> None:
    starts = [BASE_US, BASE_US + HOUR_US, BASE_US + 3 * HOUR_US]
    found = stats(client, session_id=mark, occurred_from_us=BASE_US, bucket_starts_us=starts)
    hours = [(one.occurred_at_us - BASE_US) // HOUR_US for one in log]
    assert list(found.groups[0].bucket_counts) == [
        sum(hour == 0 for hour in hours), sum(1 <= hour < 3 for hour in hours), sum(hour >= 3 for hour in hours),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"max_groups": 1001}, "max_groups: 1001 groups exceed 1000"),
        ({"group_by": 99}, "group_by: 99 is nothing"),
        ({"bucket_us": 1}, "bucket_us: buckets of a width need a range"),
        ({"bucket_us": -1, "occurred_from_us": 1, "occurred_to_us": 2}, "bucket_us: -1 is no width"),
        ({"bucket_us": 1, "occurred_from_us": 1, "occurred_to_us": 1001}, "ask for a shorter range, or wider buckets"),
        ({"bucket_us": 1, "occurred_from_us": 1, "occurred_to_us": 500, "max_groups": 500}, "exceed 100000 counts"),
        ({"bucket_starts_us": [2, 1], "occurred_from_us": 2}, "send them rising"),
        ({"bucket_starts_us": [2], "occurred_from_us": 1}, "would be in none"),
        ({"all_tenants": True, "tenant": "default"}, "leave 'tenant' and 'more_tenants' out"),
    ],
)
def test_a_bad_request_is_told_what_is_wrong_with_it(client: Client, fields: dict, said: str) -> None:
    error = failure(lambda: stats(client, **fields))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert said in error.details()


def test_counting_is_told_in_the_log_where_queries_are() -> None:
    collector = Collector(environment={"DOCKET_AUDIT_READS": "all"})
    try:
        with Client(collector.address, collector.token) as client:
            client.publish_events(event(scope="s"), event(scope="s"), event(scope="t"))
            assert stats(client, scope="s", group_by=audit_log_pb2.GROUP_BY_ACTOR).count == 2
        [[action, attributes]] = collector.sql(
            "SELECT action, attributes::text FROM docket.audit_log WHERE type = 'docket.log.queried'"
        )
        assert action == "stats"
        assert json.loads(attributes) == {"filter": {"scope": "s"}, "events": 2, "group_by": "actor", "tenants": 1}
    finally:
        collector.stop()
        collector.delete_folder()


# MARK: The command


def run(collector: Collector, *arguments: str, code: int = 0, **environment: str) -> str:
    ended = subprocess.run(
        [BINARY, *arguments, "--address", collector.address], check=False, capture_output=True, timeout=120,
        env=os.environ | {"DOCKET_TOKEN": collector.token} | environment,
    )  # fmt: skip
    assert ended.returncode == code, ended.stderr
    return (ended.stdout if code == 0 else ended.stderr).decode()


SINCE = ("--from", "2023-11-14T00:00:00Z", "--to", "2023-11-16T00:00:00Z")


def test_the_command_counts_in_a_table_in_json_and_in_csv(collector: Collector, log: list[Event], mark: str) -> None:
    expected = Counter(VALUES[audit_log_pb2.GROUP_BY_POLICY](one) for one in log)
    asked = ("stats", "--by", "policy", "--session", mark, *SINCE)
    rows = run(collector, *asked).splitlines()
    assert rows[0].split() == ["POLICY", "EVENTS", "SHARE"]
    assert {row.split("  ")[0] for row in rows[1:]} == {"(none)", "p\\t1", "=1+1", "(all)"}
    told = json.loads(run(collector, *asked, "--json", "--every", "1h"))
    assert {one["value"]: one["events"] for one in told["groups"]} == expected
    assert told["events"] == sum(sum(one["bucket_events"]) for one in told["groups"]) == len(log)
    records = list(csv.DictReader(io.StringIO(run(collector, *asked, "--csv", "--total"))))
    assert {one["policy"] if one["kind"] == "value" else None: int(one["events"]) for one in records} == expected
    assert "value,\"'=1+1\"," in run(collector, *asked, "--csv", "--formula-safe")


def test_a_real_log_is_counted_as_it_is_in_the_database(start_collector: Callable[..., Collector]) -> None:
    """The sample of a real cluster's audit log, whose last record is cut off."""
    collector = start_collector()
    run(collector, "import", "--format", "kubernetes-audit-csv", str(ROOT / "Tests/Samples/kubernetes-audit-sample.csv"), code=65)
    for by, column in {"actor": "actor_id", "action": "action", "decision": "decision", "resource-type": "resource_type",
                       "type": "type", "outcome": "outcome", "scope": "scope"}.items():  # fmt: skip
        told = json.loads(run(collector, "stats", "--by", by, "--from", "2000-01-01", "--top", "1000", "--json", "--total"))
        stored = collector.sql(f"SELECT coalesce({column}::text, '-'), count(*) FROM docket.audit_log GROUP BY 1")
        assert told["events"] > 300
        counts = {value: int(number) for value, number in stored}
        assert {one["value"] or "-": one["events"] for one in told["groups"]} == counts, by


def test_nothing_found_and_bad_arguments_end_as_documented(collector: Collector) -> None:
    assert run(collector, "stats", "--session", unique()) == ""
    assert json.loads(run(collector, "stats", "--session", unique(), "--json"))["events"] == 0
    assert "must be 1 to 1000" in run(collector, "stats", "--top", "0", code=64)
    assert "choose a longer --every" in run(collector, "stats", "--since", "7d", "--every", "1s", code=64)
    assert "exceed 100000 counts" in run(collector, "stats", "--since", "7d", "--every", "1h", "--top", "1000", code=65)


def test_counts_that_take_long_hold_up_no_queries(start_collector: Callable[..., Collector]) -> None:
    collector = start_collector()
    old, new, calls = 1000, unique(), 6
    with Client(collector.address, collector.token) as client:
        for _ in range(2):
            client.publish_events(*(event(occurred_at_us=BASE_US) for _ in range(old // 2)))
        collector.sql(f"UPDATE docket.store_policy SET segment_rows = {old}")
        is_sealed = "SELECT 1 FROM docket.segments WHERE segment_id = 1 AND checked_at IS NOT NULL AND frozen_at IS NOT NULL"
        eventually(lambda: collector.sql(is_sealed), collector.log)
        client.publish_events(event(session_id=new))
        # Whoever reads the sealed segment waits; the newest event is in another.
        with locked(collector, "events_000001"):
            asked = StatsRequest(filter=EventFilter(occurred_from_us=0))
            counting = [client.audit_log.Stats.future(asked, metadata=client.metadata, timeout=60) for _ in range(calls)]
            eventually(lambda: waiting_readers(collector) == 2, collector.log)
            found = client.query(session_id=new, occurred_from_us=BASE_US + HOUR_US).events
            assert [one.event.session_id for one in found] == [new]
        assert all(one.result().count > old for one in counting)


# MARK: What query and stats share


def test_a_day_of_a_zone_is_that_zones(collector: Collector) -> None:
    """The day on which Vienna's clocks went back, whose 25 hours are not those of the day of UTC."""
    mark = unique("zone-")
    moments = ["2023-10-28T21:59:59Z", "2023-10-28T22:00:00Z", "2023-10-29T22:59:59Z", "2023-10-29T23:00:00Z"]
    lines = "".join(json.dumps({"type": "authz.decision", "occurred_at": one, "session_id": mark}) + "\n" for one in moments)
    subprocess.run([BINARY, "emit", "--stdin", "--address", collector.address], input=lines.encode(), check=True, timeout=60,
                   env=os.environ | {"DOCKET_TOKEN": collector.token}, capture_output=True)  # fmt: skip
    asked = ("--session", mark, "--on", "2023-10-29")
    zone = {"TZ": "Europe/Vienna"}
    utc = run(collector, "query", *asked, "--oldest-first", **zone).splitlines()
    assert utc[0].startswith("TIME (UTC) ")
    assert [row.split()[0] for row in utc[1:]] == moments[2:]
    local = run(collector, "query", *asked, "--oldest-first", "--local", **zone).splitlines()
    assert local[0].startswith("TIME (local)")
    assert [row.split()[0] for row in local[1:]] == ["2023-10-29T00:00:00+02:00", "2023-10-29T23:59:59+01:00"]
    told = json.loads(run(collector, "stats", *asked, "--local", "--every", "1d", "--json", **zone))
    assert (told["events"], told["bucket_starts"]) == (2, ["2023-10-28T22:00:00Z"])
    event_id = json.loads(run(collector, "query", *asked, "--json", "--limit", "1", "--local", **zone))["event_id"]
    shown = run(collector, "show", event_id, "--local", **zone)
    assert "occurred_at" in shown and "+01:00" in shown


def test_several_logs_are_read_at_once_and_each_row_names_its_own() -> None:
    cluster = Cluster("one")
    try:
        names, mark = ["left", "right", "other"], unique()
        cluster.docket("tenant", "add", *names)
        add = ["token", "add", "--scope", "publish", "--scope", "query", "--tenant"]
        address = cluster.addresses("one")[0]
        for name in names:
            with Client(address, cluster.docket(*add, name).strip()) as client:
                eventually(lambda client=client: publishes(client))
                client.publish_events(*(event(session_id=mark, action=f"{name}-{number}") for number in range(3)))
        token = cluster.docket(*add, "left", "--tenant", "right").strip()

        def run(*arguments: str, check: bool = True) -> list[str]:
            command = [BINARY, *arguments, "--session", mark, "--address", address]
            ended = subprocess.run(command, check=check, capture_output=True, text=True, env=os.environ | {"DOCKET_TOKEN": token}, timeout=60)
            return ended.stdout.splitlines()

        eventually(lambda: run("query", "--tenant", "left", check=False))
        for asked in (["--tenant", "left", "--also-tenant", "right"], ["--all-tenants"]):
            title, *rows = run("query", *asked)
            assert "TENANT" in title, (title, rows)
            assert all(len(row.split()) > 3 for row in rows), (title, rows)
            assert {(row.split()[1], row.split()[3]) for row in rows} == {(name, f"{name}-{number}") for name in names[:2] for number in range(3)}
            objects = [json.loads(line) for line in run("query", *asked, "--json", "--fields", "tenant,action")]
            assert {(one["tenant"], one["action"].split("-")[0]) for one in objects} == {("left", "left"), ("right", "right")}
            assert all(one.keys() == {"tenant", "action"} for one in objects)
            counted = json.loads("".join(run("stats", "--by", "tenant", *asked, "--json", "--total")))
            assert {one["value"]: one["events"] for one in counted["groups"]} == {"left": 3, "right": 3}
        assert "TENANT" not in run("query", "--tenant", "left")[0]
    finally:
        cluster.delete()


def publishes(client: Client) -> bool:
    try:
        return client.publish_events(event()).accepted_count == 1
    except grpc.RpcError:
        return False


def test_query_writes_csv_as_an_export_does(collector: Collector, log: list[Event], mark: str) -> None:
    found = run(collector, "query", "--session", mark, "--csv", "--limit", "0")
    exported = run(collector, "export", "--session", mark, "--format", "csv")
    assert found.splitlines(keepends=True)[0] == exported.splitlines(keepends=True)[0]
    assert sorted(csv.reader(io.StringIO(found))) == sorted(csv.reader(io.StringIO(exported)))
    assert len(list(csv.reader(io.StringIO(found)))) == len(log) + 1
    assert "\"'=1+1\"" in run(collector, "query", "--session", mark, "--csv", "--formula-safe", "--limit", "0")
    assert "--json and --csv are two forms" in run(collector, "query", "--json", "--csv", code=64)
    assert "--formula-safe is for --csv" in run(collector, "query", "--formula-safe", code=64)

"""Tail: a tenant's log as it grows."""

import json
import os
import random
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from docket.v1.audit_log_pb2 import AttributeCondition, StoredEvent, TailRequest
from docket.v1.event_pb2 import Actor, Event, Resource

import random_json
from client import Client, failure
from cluster import Cluster
from collector import BINARY, Collector
from events import KNOWN_TYPE, event, full_event, unique
from tails import Tail, tail_request
from waiting import eventually

NAMES = ["a", "b", "", "0", "1", "-1", "a/b~c", "é"]


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    running = Collector(environment={"DOCKET_AUDIT_READS": "off"})
    try:
        yield running
    finally:
        running.stop()
        running.delete_folder()


@pytest.fixture
def client(collector: Collector) -> Iterator[Client]:
    with Client(collector.address, collector.token) as made:
        yield made


def place(one: StoredEvent) -> tuple[int, int]:
    return (one.log_index, one.position)


def exported(client: Client, tail: Tail, **fields: object) -> list[StoredEvent]:
    """What an export has from where the tail began to where it is."""
    end = tail.parts[-1].next
    found = client.export(start=(tail.start.log_index, tail.start.position), end=end.log_index + 1, **fields).events
    return [one for one in found if place(one) < (end.log_index, end.position)]


# MARK: What comes


def test_what_is_committed_comes_in_the_order_of_the_log_and_whole(client: Client) -> None:
    with Tail(client) as tail:
        assert not tail.stored
        sent = [full_event() for _ in range(20)] + [event() for _ in range(80)]
        for number in range(0, 100, 10):
            client.publish_events(*sent[number:number + 10])
        tail.wait_for(100)
        assert [place(one) for one in tail.stored] == sorted({place(one) for one in tail.stored})
        assert list(tail.stored) == exported(client, tail)
        by_id = {one.event.event_id: one.event for one in tail.stored}
        for one in sent:
            assert by_id[one.event_id].reason == one.reason and by_id[one.event_id].attributes == one.attributes


def test_it_begins_with_what_is_committed_from_now_on(client: Client) -> None:
    client.publish_events(event(scope="before"))
    eventually(lambda: client.export(scope="before").events)
    with Tail(client) as tail:
        client.publish_events(event(scope="after"))
        tail.wait_for(1)
        assert {one.event.scope for one in tail.stored} == {"after"}


def test_from_a_place_on_it_has_all_that_came_since_and_goes_on_with_what_comes(client: Client) -> None:
    """Whether the place is in the midst of a batch, at the beginning, or still to come; while more comes in all the time."""
    chance = random.Random(5)
    scope = unique()
    ended = threading.Event()
    sizes: list[int] = []

    def publish() -> None:
        with Client(client.address, client.token) as other:
            while not ended.is_set():
                sizes.append(chance.randrange(1, 60))
                other.publish_events(*[event(scope=scope) for _ in range(sizes[-1])])

    thread = threading.Thread(target=publish)
    thread.start()
    tails: list[Tail] = []
    try:
        eventually(lambda: len(client.export(scope=scope).events) > 500)
        there = list(client.export(scope=scope).events)
        starts = [(0, 0), place(random.choice(there)), place(there[-1]), (there[-1].log_index + 20, 0)]
        tails = [Tail(client, tail_request(scope=scope, start=start)) for start in starts]
        for tail in tails:
            tail.wait_for(1500)
        ended.set()
        thread.join()
        eventually(lambda: len(client.export(scope=scope).events) == sum(sizes))
        whole = [place(one) for one in client.export(scope=scope).events]
        for tail, start in zip(tails, starts, strict=True):
            expected = [one for one in whole if one >= start]
            tail.wait_for(len(expected))
            assert [place(one) for one in tail.stored] == expected, start
            assert tail.missed == 0
    finally:
        ended.set()
        thread.join()
        for tail in tails:
            tail.__exit__()


def random_event(chance: random.Random) -> Event:
    attributes = random_json.Members((chance.choice(NAMES), random_json.value(chance, 3, NAMES)) for _ in range(3))
    optional = {
        "scope": chance.choice(["blue", "Blue", ""]), "session_id": chance.choice(["s1", "s2"]),
        "request_id": chance.choice(["r1", "r2"]), "agent_id": chance.choice(["g1", "é", "e\u0301"]),
        "source": chance.choice(["gate", "way"]), "policy": chance.choice(["p1", "p2"]), "action": chance.choice(["read", "write"]),
        "reason": chance.choice(["No RIGHTS", "no rights", "100%", "a_b", "back\\slash", "ÄÖ", "äö"]),
        "risk_score": chance.choice([0.0, 0.5, 1.0, -1.0]), "trace_id": chance.choice([b"\x01" * 16, b"\x02" * 16]),
        "actor": Actor(kind="user", id=chance.choice(["alice", "bob"])),
        "resource": Resource(type=chance.choice(["doc", "db"]), id=chance.choice(["1", "2"])),
        "attributes": random_json.text(chance, attributes),
    }  # fmt: skip
    fields = {name: value for name, value in optional.items() if chance.random() < 0.8}
    return event(
        type=chance.choice(["authz.decision", "tool.call", "authz.other"]), decision=chance.randrange(4),
        outcome=chance.randrange(4), occurred_at_us=1_700_000_000_000_000 + chance.randrange(100), **fields,
    )  # fmt: skip


def random_filter(chance: random.Random, events: list[Event]) -> dict[str, object]:
    """One to three conditions, most of which some event meets."""
    like = chance.choice(events)
    pointer = "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in chance.choices(NAMES, k=chance.randrange(1, 4)))
    value = random_json.scalar(chance)
    value = value if isinstance(value, str) else random_json.text(chance, value)
    choices = {
        "scope": like.scope, "type": like.type, "type_prefix": chance.choice(["authz.", "a", "tool", "Authz"]),
        "actor_id": like.actor.id, "session_id": like.session_id, "request_id": like.request_id, "agent_id": like.agent_id,
        "resource_type": like.resource.type, "resource_id": like.resource.id, "action": like.action, "source": like.source,
        "policy": like.policy, "decision": like.decision, "outcome": like.outcome, "event_id": like.event_id,
        "occurred_from_us": like.occurred_at_us, "occurred_to_us": like.occurred_at_us,
        "min_risk_score": chance.choice([0.0, 0.5, -0.0, 2.0]),
        "text": chance.choice(["no r", "NO", "%", "_", "\\", "ÄÖ", "äÖ", "1", "a"]),
        "attributes": [AttributeCondition(pointer=pointer, value=value)],
    }  # fmt: skip
    if like.trace_id:
        choices["trace_id"] = like.trace_id
    names = chance.sample(sorted(choices), chance.randrange(1, 4))
    if chance.random() < 0.5:
        names = [*names[:1], "attributes"]
    return {name: choices[name] for name in names}


def test_a_filter_lets_through_what_the_same_filter_of_an_export_does(collector: Collector, client: Client) -> None:
    """The one is compared by the collector, the other by PostgreSQL."""
    seed = int(os.environ.get("DOCKET_TAIL_SEED") or random.randrange(1 << 32))
    print(f"DOCKET_TAIL_SEED={seed}")
    chance = random.Random(seed)
    collector.sql("SELECT 1")
    for _ in range(4):
        events = [random_event(chance) for _ in range(400)]
        filters = [random_filter(chance, events) for _ in range(12)]
        tails = [Tail(client, tail_request(**fields)) for fields in filters]
        with Tail(client) as everything:
            for tail in tails:
                eventually(lambda tail=tail: tail.parts)
            for number in range(0, 400, 50):
                client.publish_events(*events[number:number + 50])
            accepted = len(everything.wait_for(1)) and sum(1 for one in events if one.type != "authz.other")
            everything.wait_for(accepted)
            for tail, fields in zip(tails, filters, strict=True):
                wanted = exported(client, everything, **fields)
                with tail:
                    eventually(lambda tail=tail, wanted=wanted: len(tail.stored) >= len(wanted), f"{fields}: {len(wanted)}")
                    assert [place(one) for one in tail.stored] == [place(one) for one in wanted], fields


def test_what_other_collectors_commit_comes_as_well() -> None:
    cluster = Cluster("one", "two", environment={"DOCKET_AUDIT_READS": "off"})
    try:
        token = cluster.docket("token", "add", "--tenant", "default", "--scope", "publish", "--scope", "export").strip()
        one, two = (Client(cluster.addresses(name)[0], token) for name in ("one", "two"))
        with one, two:
            eventually(lambda: all(may_export(client) for client in (one, two)))
            with Tail(one, tail_request(scope="a")) as first, Tail(two) as second:
                for number in range(40):
                    (one, two)[number % 2].publish_events(*[event(scope="ab"[number % 3 == 0]) for _ in range(25)])
                second.wait_for(1000)
                assert [place(found) for found in second.stored] == [place(found) for found in exported(one, second)]
                first.wait_for(26 * 25)
                assert [place(found) for found in first.stored] == [place(found) for found in exported(two, first, scope="a")]
                # It goes on when the other collector, which may lead, is gone.
                cluster.collectors["two"].kill()
                one.publish_events(event(scope="a"))
                assert first.wait_for(26 * 25 + 1)
    finally:
        cluster.delete()


def may_export(client: Client) -> bool:
    try:
        client.export()
    except grpc.RpcError as error:
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED, error
        return False
    return True


def test_a_tail_goes_on_when_postgresql_was_away() -> None:
    cluster = Cluster("one", environment={"DOCKET_AUDIT_READS": "off"})
    try:
        token = cluster.docket("token", "add", "--tenant", "default", "--scope", "publish", "--scope", "export").strip()
        with Client(cluster.addresses("one")[0], token) as client:
            eventually(lambda: may_export(client))
            with Tail(client) as tail:
                client.publish_events(event())
                tail.wait_for(1)
                cluster.postgres.crash()
                cluster.postgres.start()
                eventually(lambda: published(client))
                tail.wait_for(2)
                assert [place(one) for one in tail.stored] == [place(one) for one in exported(client, tail)]
    finally:
        cluster.delete()


def published(client: Client) -> bool:
    try:
        client.publish_events(event())
    except grpc.RpcError:
        return False
    return True


def test_each_tenant_has_a_tail_of_its_own_log_only() -> None:
    cluster = Cluster("one")
    try:
        names = ["one", "two", "three"]
        for name in names:
            cluster.docket("tenant", "add", name)
        add = ["token", "add", "--scope", "publish", "--scope", "export", "--tenant"]
        clients = [Client(cluster.addresses("one")[0], cluster.docket(*add, name).strip()) for name in names]
        eventually(lambda: all(may_export(client) for client in clients))
        tails = [Tail(client) for client in clients]
        for tail in tails:
            eventually(lambda tail=tail: tail.parts)
        for number in range(30):
            for name, client in zip(names, clients, strict=True):
                client.publish_events(*[event(scope=name) for _ in range(number % 3 + 1)])
        for name, tail, client in zip(names, tails, clients, strict=True):
            with tail:
                own = [one for one in tail.wait_for(60) if one.event.scope]
                eventually(lambda tail=tail: len([one for one in tail.stored if one.event.scope]) == 60)
                assert {one.tenant for one in tail.stored} == {name} == {one.event.scope for one in own}
            client.channel.close()
    finally:
        cluster.delete()


# MARK: Slow readers


def test_a_slow_reader_is_told_what_it_missed_and_finds_it_by_an_export(client: Client) -> None:
    scope = unique()
    call = client.audit_log.Tail(tail_request(scope=scope), metadata=client.metadata, timeout=400)
    parts = [next(call)]
    big = "x" * 30_000
    with Tail(client, tail_request(scope=scope), timeout=400) as fast:
        for number in range(60):
            client.publish_events(*[event(scope=scope, reason=big[:8000], attributes=json.dumps({"x": big})) for _ in range(20)])
            # The one that reads gets each event, as if there were no other.
            fast.wait_for(20 * (number + 1))
        assert fast.missed == 0
        for part in call:
            parts.append(part)
            if sum(len(part.events) + part.missed_count for part in parts) == 1200:
                break
        call.cancel()
        assert sum(part.missed_count for part in parts) > 0
        whole = [place(one) for one in fast.stored]
    found: list[tuple[int, int]] = []
    for before, part in zip(parts, parts[1:], strict=False):
        if part.missed_count:
            begin = (before.next.log_index, before.next.position)
            end = place(part.events[0]) if part.events else (part.next.log_index, part.next.position)
            gap = [place(one) for one in client.export(start=begin, end=end[0] + 1, scope=scope).events if place(one) < end]
            assert len(gap) == part.missed_count
            found += gap
        found += [place(one) for one in part.events]
    assert found == whole


# MARK: How it ends


def test_a_tail_ends_with_its_credential(collector: Collector, client: Client) -> None:
    admin = [BINARY, "token"]
    environment = os.environ | {"DOCKET_POSTGRES_MAINTAINER": collector.ready["conninfo"]["maintainer"]}

    def run(*arguments: str) -> str:
        return subprocess.run([*admin, *arguments], check=True, capture_output=True, text=True, env=environment, timeout=60).stdout

    token = run("add", "--tenant", "default", "--scope", "export", "--label", "short").strip()
    number = next(line.split()[0] for line in run("list").splitlines() if " short " in line)
    with Client(collector.address, token) as other:
        eventually(lambda: may_export(other))
        with Tail(other) as tail:
            client.publish_events(event())
            tail.wait_for(1)
            run("revoke", number)
            eventually(lambda: not may_export(other))
            before = len(tail.stored)
            client.publish_events(event())
            assert tail.ended().code() is grpc.StatusCode.UNAUTHENTICATED
            assert len(tail.stored) == before


def test_a_credential_without_the_scope_and_another_tenant_are_refused(collector: Collector, client: Client) -> None:
    error = failure(client.audit_log.Tail, tail_request(tenant="nobody"), metadata=client.metadata, timeout=60)
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    error = failure(client.audit_log.Tail, tail_request(start=(-1, 0)), metadata=client.metadata, timeout=60)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT and "from.log_index" in error.details()


def test_more_tails_than_the_limit_are_refused_and_one_that_ends_makes_room(client: Client) -> None:
    tails = [Tail(client) for _ in range(16)]
    try:
        eventually(lambda: all(tail.parts for tail in tails))
        error = failure(client.audit_log.Tail, TailRequest(), metadata=client.metadata, timeout=60)
        assert error.code() is grpc.StatusCode.UNAVAILABLE and "16 tails" in error.details()
        tails.pop().__exit__()

        def is_let_in() -> bool:
            with Tail(client) as tail:
                return not tail.error

        eventually(is_let_in)
    finally:
        for tail in tails:
            tail.__exit__()


def test_who_follows_is_told_in_the_log() -> None:
    collector = Collector()
    try:
        with Client(collector.address, collector.token) as client:
            with Tail(client, tail_request(scope="blue")) as tail:
                client.publish_events(event(scope="blue"), event(scope="red"))
                tail.wait_for(1)
            told = lambda: collector.sql(  # noqa: E731
                """SELECT action, attributes->'filter'->>'scope', attributes->>'events' FROM docket.audit_log
                WHERE type = 'docket.log.tailed' ORDER BY occurred_at"""
            )
            eventually(lambda: told() == [["tail", "blue", ""], ["tail.end", "blue", "1"]], lambda: str(told()))
    finally:
        collector.stop()
        collector.delete_folder()


# MARK: The command


def command(collector: Collector, *arguments: str, **options: object) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DOCKET_")}
    return subprocess.Popen(
        [BINARY, "tail", "--address", collector.address, *arguments], env=environment | {"DOCKET_TOKEN": collector.token},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


def test_the_command_shows_a_line_an_event_and_ends_with_its_limit(collector: Collector, client: Client) -> None:
    scope = unique()
    client.publish_events(*[event(scope=scope, actor=Actor(id=f"actor-{number}")) for number in range(5)])
    running = command(collector, "--from-log-index", "0", "--scope", scope, "--limit", "4")
    out, error = running.communicate(timeout=60)
    assert running.returncode == 0, error
    lines = out.splitlines()
    assert lines[0].split() == ["TIME", "(UTC)", "DECISION", "TYPE", "ACTOR", "ACTION", "RESOURCE"]
    assert [line.split()[-1] for line in lines[1:]] == [f"actor-{number}" for number in range(4)]
    running = command(collector, "--from-log-index", "0", "--scope", scope, "--limit", "5", "--json")
    out, error = running.communicate(timeout=60)
    assert [json.loads(line)["actor"]["id"] for line in out.splitlines()] == [f"actor-{number}" for number in range(5)]


def test_the_command_goes_on_when_the_collector_is_started_again(tmp_path: Path) -> None:
    cluster = Cluster("one", environment={"DOCKET_AUDIT_READS": "off"})
    try:
        token = cluster.docket("token", "add", "--tenant", "default", "--scope", "publish", "--scope", "export").strip()
        collector = cluster.collectors["one"]
        collector.ready["token"] = token
        with Client(cluster.addresses("one")[0], token) as client:
            eventually(lambda: may_export(client))
            for _ in range(3):
                client.publish_events(*[event() for _ in range(3)])
            running = command(collector, "--from-log-index", "0", "--json", "--limit", "12", "--type", KNOWN_TYPE)
            try:
                lines = [running.stdout.readline() for _ in range(9)]
                collector.process.send_signal(signal.SIGTERM)
                collector.process.wait(60)
                cluster.start("one")
                eventually(lambda: published(client))
                client.publish_events(event(), event())
                out, error = running.communicate(timeout=60)
            finally:
                running.kill()
            assert running.returncode == 0, error
            found = [json.loads(line)["event_id"] for line in [*lines, *out.splitlines()]]
            assert found == [str_id(one) for one in client.export(type=KNOWN_TYPE).events]
    finally:
        cluster.delete()


def str_id(one: StoredEvent) -> str:
    digits = one.event.event_id.hex()
    return "-".join([digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]])

"""Tenants and credentials: what an administrator changes counts in every collector within a second, on open streams too."""

import json
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from docket.v1.collector_pb2 import PublishRequest, PublishResponse
from docket.v1.event_pb2 import Event

from client import Client, failure
from cluster import Cluster
from events import KNOWN_TYPE, event, request, unique
from test_semantics import details
from waiting import CHANGE_SECONDS

NAMES = ("a", "b", "c")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three collectors on one PostgreSQL."""
    running = Cluster(*NAMES)
    yield running
    running.delete()


@pytest.fixture
def tenant(cluster: Cluster) -> str:
    """A tenant of the test's own."""
    slug = f"t-{unique()}".lower()[:40]
    cluster.docket("tenant", "add", slug)
    return slug


def add_token(cluster: Cluster, *flags: str) -> tuple[str, int]:
    """A new token, and its number."""
    token = cluster.docket("token", "add", *flags).strip()
    return token, json.loads(cluster.docket("token", "list", "--json").splitlines()[-1])["id"]


class Stream:
    """A PublishStream that stays open, on which one batch after the other is published."""

    def __init__(self, cluster: Cluster, name: str, token: str, tenant: str):
        self._client = Client(cluster.collectors[name].address, token)
        self._outbox: queue.SimpleQueue[PublishRequest | None] = queue.SimpleQueue()
        self._tenant = tenant
        self.answers = self._client.publish_stream(iter(self._outbox.get, None))

    def publish(self) -> PublishResponse:
        """What a batch is answered."""
        return self.publish_events([event()])

    def publish_types(self, names: list[str]) -> PublishResponse:
        """What a batch with an event of each type is answered."""
        return self.publish_events([event(type=name) for name in names])

    def publish_events(self, events: list[Event]) -> PublishResponse:
        self._outbox.put(request(events, tenant=self._tenant))
        return next(self.answers)

    def close(self) -> None:
        self._outbox.put(None)
        self._client.channel.close()


@contextmanager
def streams(cluster: Cluster, token: str, tenant: str) -> Iterator[list[Stream]]:
    """An open stream to each collector, once each has taken a batch: it may not know the credential yet."""
    opened = []
    try:
        for name in NAMES:
            deadline = time.monotonic() + 10
            while True:
                stream = Stream(cluster, name, token, tenant)
                try:
                    assert stream.publish().verdict.accepted_count == 1
                    break
                except grpc.RpcError as error:
                    stream.close()
                    assert error.code() == grpc.StatusCode.UNAUTHENTICATED and time.monotonic() < deadline
            opened.append(stream)
        yield opened
    finally:
        for stream in opened:
            stream.close()


def seconds_until(refuses: list, since: float) -> float:
    """How long it takes until each of these says no, asked again and again at once."""
    slowest = 0.0
    lock = threading.Lock()

    def ask(one) -> None:
        nonlocal slowest
        while not one():
            assert time.monotonic() < since + 30
        with lock:
            slowest = max(slowest, time.monotonic() - since)

    threads = [threading.Thread(target=ask, args=(one,)) for one in refuses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return slowest


def test_a_revoked_token_is_refused_within_a_second_on_streams_that_are_open(cluster: Cluster, tenant: str) -> None:
    token, number = add_token(cluster, "--tenant", tenant, "--scope", "publish")
    with streams(cluster, token, tenant) as opened:

        def refuses(stream: Stream) -> bool:
            try:
                assert stream.publish().verdict.accepted_count == 1
                return False
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.UNAUTHENTICATED
                assert details(error)["ErrorInfo"].reason == "TOKEN_UNKNOWN"
                return True

        cluster.docket("token", "revoke", str(number))
        took = seconds_until([lambda one=one: refuses(one) for one in opened], time.monotonic())
    print(f"revoked everywhere after {took:.3f} s")
    assert took < CHANGE_SECONDS
    [row] = [json.loads(line) for line in cluster.docket("token", "show", str(number), "--json").splitlines()]
    assert row["state"] == "revoked" and row["tenants"] == [tenant]


def test_a_suspended_tenant_takes_nothing_within_a_second_and_goes_on_when_it_is_resumed(
    cluster: Cluster, tenant: str
) -> None:
    token, _ = add_token(cluster, "--tenant", tenant, "--scope", "publish", "--scope", "query")
    with streams(cluster, token, tenant) as opened:

        def is_suspended(stream: Stream) -> bool:
            answer = stream.publish()
            if answer.WhichOneof("result") == "verdict":
                return False
            assert answer.status.code == grpc.StatusCode.PERMISSION_DENIED.value[0]
            return True

        cluster.docket("tenant", "suspend", tenant)
        took = seconds_until([lambda one=one: is_suspended(one) for one in opened], time.monotonic())
        assert took < CHANGE_SECONDS
        with Client(cluster.collectors["a"].address, token) as client:
            assert details(failure(client.query))["ErrorInfo"].reason == "TENANT_SUSPENDED"
        cluster.docket("tenant", "resume", tenant)
        took = seconds_until([lambda one=one: not is_suspended(one) for one in opened], time.monotonic())
        assert took < CHANGE_SECONDS


def test_a_tenant_that_is_being_closed_is_read_and_not_written(cluster: Cluster, tenant: str) -> None:
    token, _ = add_token(cluster, "--tenant", tenant, "--scope", "publish", "--scope", "query")
    with streams(cluster, token, tenant) as opened:
        cluster.docket("tenant", "close", tenant)
        seconds_until([lambda: opened[0].publish().WhichOneof("result") == "status"], time.monotonic())
        with Client(cluster.collectors["a"].address, token) as client:
            assert len(client.query_all(tenant=tenant, type="authz.decision")) >= 1


def test_a_rotated_token_and_its_successor_are_both_good_until_the_overlap_is_over(cluster: Cluster, tenant: str) -> None:
    token, number = add_token(cluster, "--tenant", tenant, "--scope", "publish")
    with streams(cluster, token, tenant) as opened:
        successor = cluster.docket("token", "rotate", str(number), "--overlap", "2s").strip()
        with streams(cluster, successor, tenant) as further:
            for stream in further:
                assert stream.publish().verdict.accepted_count == 1

            def refuses(stream: Stream) -> bool:
                try:
                    assert stream.publish().verdict.accepted_count == 1
                    return False
                except grpc.RpcError as error:
                    return error.code() == grpc.StatusCode.UNAUTHENTICATED

            seconds_until([lambda one=one: refuses(one) for one in opened], time.monotonic())
            for stream in further:
                assert stream.publish().verdict.accepted_count == 1


def test_each_act_is_an_event_in_the_tenants_own_log(cluster: Cluster, tenant: str) -> None:
    token, number = add_token(cluster, "--tenant", tenant, "--scope", "query", "--actor", "olga")
    cluster.docket("tenant", "set", tenant, "--legal-hold", "on", "--actor", "olga")
    with Client(cluster.collectors["b"].address, token) as client:
        deadline = time.monotonic() + 10
        while True:
            try:
                found = client.query_all(tenant=tenant)
                break
            except grpc.RpcError:
                assert time.monotonic() < deadline
    acts = [(one.event.type, one.event.action, one.event.resource.id, one.event.actor.id) for one in found]
    assert ("docket.credential.changed", "create", str(number), "olga") in acts
    assert ("docket.tenant.changed", "set", tenant, "olga") in acts
    assert not any(token[4:68] in str(one) for one in found)


def test_a_credential_for_all_tenants_covers_one_that_is_made_later(cluster: Cluster) -> None:
    token, _ = add_token(cluster, "--all-tenants", "--scope", "publish")
    slug = f"later-{unique()}".lower()[:40]
    cluster.docket("tenant", "add", slug)
    with streams(cluster, token, slug) as opened:
        assert all(stream.publish().verdict.accepted_count == 1 for stream in opened)


def test_a_definition_counts_within_a_second_and_what_breaks_it_goes_into_quarantine(
    cluster: Cluster, tenant: str, tmp_path: Path
) -> None:
    token, _ = add_token(cluster, "--tenant", tenant, "--scope", "publish")
    definition = tmp_path / "decision.json"
    definition.write_text(json.dumps({"name": KNOWN_TYPE, "version": 1, "required_fields": ["session_id"]}))
    with streams(cluster, token, tenant) as opened:
        cluster.docket("event-type", "apply", str(definition), "--tenant", tenant)
        took = seconds_until(
            [lambda one=one: one.publish().verdict.rejections != [] for one in opened], time.monotonic()
        )
        assert took < CHANGE_SECONDS
        [rejection] = opened[0].publish().verdict.rejections
        assert (rejection.field, "version 1 requires it" in rejection.reason) == ("session_id", True)
    [row] = cluster.sql(
        "SELECT count(*) > 0, min(field) FROM docket.quarantine AS q JOIN docket.tenants AS t USING (tenant_id)"
        f" WHERE t.slug = '{tenant}'"
    )
    assert row == ["t", "session_id"]


def test_the_last_use_of_a_token_is_noted(cluster: Cluster, tenant: str) -> None:
    token, number = add_token(cluster, "--tenant", tenant, "--scope", "publish")
    with streams(cluster, token, tenant):
        pass
    # A collector that ends says what it has not said yet.
    collector = cluster.collectors["c"]
    assert collector.stop() == 0
    cluster.start("c")
    shown = json.loads(cluster.docket("token", "show", str(number), "--json"))
    assert shown["last_used_at"] is not None


def marks(cluster: Cluster, tenant: str) -> list[str]:
    """What is stored in spite of a rule: the sort of fault and the field, in their order."""
    rows = cluster.sql(
        f"""SELECT code || ' ' || field FROM docket.batches JOIN docket.tenants USING (tenant_id),
                unnest(mark_positions, mark_codes, mark_fields) AS mark (position, code, field)
            WHERE slug = '{tenant}' ORDER BY batch_id, mark.position"""
    )
    return [row[0] for row in rows]


def test_a_tenant_that_observes_stores_and_marks_what_it_would_have_rejected(cluster: Cluster, tenant: str) -> None:
    token, _ = add_token(cluster, "--tenant", tenant, "--scope", "publish")
    unknown = [f"{unique('made.up.')}.{number}".replace("-", "_").lower() for number in range(3)]
    with streams(cluster, token, tenant) as opened:
        assert opened[0].publish_types(unknown[:1]).verdict.accepted_count == 0
        cluster.docket("tenant", "set", tenant, "--event-types", "observe")
        changed = time.monotonic()
        waited = seconds_until(
            [lambda one=one: one.publish_types(unknown[:2]).verdict.accepted_count == 2 for one in opened], changed
        )
        print(f"types that nobody has registered were taken after {waited:.3f} s")
        assert waited < CHANGE_SECONDS
        assert set(marks(cluster, tenant)) == {"unknown_event_type type"}
        lines = cluster.docket("event-type", "list", "--tenant", tenant, "--json").splitlines()
        listed = [json.loads(line) for line in lines]
        assert {one["type"] for one in listed if one["is_observed"]} == set(unknown[:2])

        cluster.docket("event-type", "add", unknown[0], "--tenant", tenant)
        cluster.docket("tenant", "set", tenant, "--event-types", "enforce")
        seconds_until(
            [lambda one=one: len(one.publish_types(unknown[:2]).verdict.rejections) == 1 for one in opened],
            time.monotonic(),
        )
        before = len(marks(cluster, tenant))
        cluster.docket("tenant", "set", tenant, "--event-types", "open")
        seconds_until(
            [lambda one=one: one.publish_types(unknown).verdict.accepted_count == 3 for one in opened], time.monotonic()
        )
        assert len(marks(cluster, tenant)) == before, "a tenant that is open marks nothing"


def test_a_clock_that_is_ahead_is_marked_or_refused_as_the_tenant_says(cluster: Cluster, tenant: str) -> None:
    token, _ = add_token(cluster, "--tenant", tenant, "--scope", "publish")
    importing, _ = add_token(cluster, "--tenant", tenant, "--scope", "publish", "--scope", "import")
    cluster.docket("tenant", "set", tenant, "--clock-behind-seconds", "3600")
    now = time.time_ns() // 1000
    times = [now, now + 3600 * 1_000_000, now - 7200 * 1_000_000]
    batch = [event(occurred_at_us=one) for one in times]
    with streams(cluster, token, tenant) as opened:
        seconds_until(
            [lambda: opened[0].publish_events(batch).verdict.accepted_count == 3 and marks(cluster, tenant)],
            time.monotonic(),
        )
        assert marks(cluster, tenant)[-2:] == ["out_of_range occurred_at_us"] * 2
        [[ahead, behind]] = cluster.sql(
            f"""SELECT max_skew_us / 60000000, min_skew_us / 60000000 FROM docket.batches
                JOIN docket.tenants USING (tenant_id) WHERE slug = '{tenant}' ORDER BY batch_id DESC LIMIT 1"""
        )
        assert int(ahead) in (59, 60) and int(behind) in (-120, -121)
        cluster.docket("tenant", "set", tenant, "--clock", "enforce")
        seconds_until(
            [lambda one=one: one.publish_events(batch).verdict.accepted_count == 1 for one in opened], time.monotonic()
        )
    with streams(cluster, importing, tenant) as opened:
        assert opened[0].publish_events(batch).verdict.accepted_count == 3

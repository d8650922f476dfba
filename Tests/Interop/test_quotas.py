"""Quotas: what a tenant may send, over all collectors; over it nothing is stored, nothing lost, and the log tells of it once."""

import json
import time
from collections.abc import Iterator

import grpc
import pytest

from client import Client
from cluster import Cluster
from events import event, request, unique
from test_semantics import details
from test_tenancy import NAMES, add_token, cluster, tenant  # noqa: F401
from waiting import eventually


@pytest.fixture
def token(cluster: Cluster, tenant: str) -> str:  # noqa: F811
    return add_token(cluster, "--tenant", tenant, "--scope", "publish")[0]


@pytest.fixture
def clients(cluster: Cluster, tenant: str, token: str) -> Iterator[list[Client]]:  # noqa: F811
    """A client of each collector, once that knows the token."""
    opened = [Client(cluster.collectors[name].address, token) for name in NAMES]
    for client in opened:
        eventually(lambda client=client: not refusal(client, 1))
    yield opened
    for client in opened:
        client.channel.close()


def refusal(client: Client, events: int) -> grpc.RpcError | None:
    """Why a batch of so many events is refused, if it is."""
    try:
        assert client.publish(request([event() for _ in range(events)])).verdict.accepted_count == events
    except grpc.RpcError as error:
        return error
    return None


def breaches(cluster: Cluster, tenant: str) -> list[list[str]]:  # noqa: F811
    return cluster.sql(
        f"""SELECT e.resource_id, e.attributes FROM docket.events AS e JOIN docket.tenants USING (tenant_id)
            JOIN docket.event_types AS y ON y.type_id = e.type_id
            WHERE slug = '{tenant}' AND y.name = 'quota.breached'"""
    )


def test_a_batch_over_the_quota_is_refused_whole_and_passes_when_it_is_told_to_come_back(
    cluster: Cluster, tenant: str, clients: list[Client]  # noqa: F811
) -> None:
    cluster.docket("tenant", "set", tenant, "--events-per-second", "300", "--burst-seconds", "1")
    refusals: list[grpc.RpcError] = []
    eventually(lambda: refusals.append(refusal(clients[0], 100)) or refusals[-1])
    error = refusals[-1]
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    found = details(error)
    assert found["ErrorInfo"].reason == "QUOTA_EXCEEDED"
    assert found["QuotaFailure"].violations[0].subject == f"tenant:{tenant}"
    wait = found["RetryInfo"].retry_delay.ToTimedelta().total_seconds()
    assert 0 < wait < 5
    time.sleep(wait)
    assert refusal(clients[0], 1) is None
    eventually(lambda: breaches(cluster, tenant))
    [[limit, attributes]] = breaches(cluster, tenant)
    assert limit == "events_per_second" and json.loads(attributes)["limit"] in (100, 150, 300)
    cluster.docket("tenant", "set", tenant, "--events-per-second", "any")
    eventually(lambda: not any(refusal(clients[0], 1000) for _ in range(3)))


def test_collectors_share_a_quota_and_add_up_a_day(
    cluster: Cluster, tenant: str, clients: list[Client]  # noqa: F811
) -> None:
    cluster.docket("tenant", "set", tenant, "--bytes-per-day", "1000000")
    eventually(lambda: refusal(clients[0], 100))
    # The others have taken nothing of it, and refuse as well once they have heard.
    for client in clients[1:]:
        eventually(lambda client=client: refusal(client, 100))
        assert details(refusal(client, 1))["ErrorInfo"].reason == "QUOTA_EXCEEDED"
    [[taken]] = cluster.sql(
        f"SELECT bytes FROM docket.tenant_usage JOIN docket.tenants USING (tenant_id) WHERE slug = '{tenant}'"
    )
    assert 1_000_000 <= int(taken) < 2_000_000


def test_a_batch_that_waits_for_its_event_types_to_be_noted_counts_once(
    cluster: Cluster, tenant: str, clients: list[Client]  # noqa: F811
) -> None:
    cluster.docket("tenant", "set", tenant, "--event-types", "observe", "--bytes-per-day", "1000000")
    sent = []

    def publish() -> bool:
        """Publishes a type that nobody has seen; whether the tenant takes those already, and so has its quota."""
        batch = request([event(type=f"seen.{unique()}".lower().replace("-", "_"))])
        taken = clients[0].publish(batch).verdict.accepted_count == 1
        if taken:
            sent.append(batch.ByteSize())
        return taken

    eventually(publish)
    assert all(publish() for _ in range(3))

    def usage() -> int:
        return int(cluster.sql(
            f"SELECT coalesce(sum(bytes), 0) FROM docket.tenant_usage JOIN docket.tenants USING (tenant_id) "
            f"WHERE slug = '{tenant}'"
        )[0][0])  # fmt: skip

    eventually(lambda: usage() >= sum(sent))
    assert usage() == sum(sent)

"""A tenant writes and sees its own log only."""

import grpc
import pytest
from docket.v1 import audit_log_pb2

from client import Client, failure
from collector import Collector
from events import event, request

WRONG = [
    pytest.param((), id="no authorization"),
    pytest.param((("authorization", "Bearer wrong"),), id="wrong token"),
    pytest.param((("authorization", "Bearer"),), id="no token"),
    pytest.param((("authorization", "Basic dXNlcjpwYXNz"),), id="another scheme"),
    pytest.param((("authorization", "Bearer " + "x" * 4000),), id="long token"),
]


@pytest.mark.parametrize("metadata", WRONG)
def test_a_batch_without_the_right_token_is_unauthenticated_and_stored_nowhere(
    client: Client, metadata: tuple[tuple[str, str], ...]
) -> None:
    published = event()
    error = failure(client.collector.Publish, request([published]), metadata=metadata, timeout=30)
    assert error.code() == grpc.StatusCode.UNAUTHENTICATED, error.details()
    assert not client.query(event_id=published.event_id).events


@pytest.mark.parametrize("metadata", WRONG)
def test_a_stream_without_the_right_token_is_unauthenticated(
    client: Client, metadata: tuple[tuple[str, str], ...]
) -> None:
    error = failure(client.collector.PublishStream, iter([request([event()])]), metadata=metadata, timeout=30)
    assert error.code() == grpc.StatusCode.UNAUTHENTICATED, error.details()


@pytest.mark.parametrize("metadata", WRONG)
def test_a_query_without_the_right_token_is_unauthenticated(
    client: Client, metadata: tuple[tuple[str, str], ...]
) -> None:
    error = failure(client.audit_log.Query, audit_log_pb2.QueryRequest(), metadata=metadata, timeout=30)
    assert error.code() == grpc.StatusCode.UNAUTHENTICATED, error.details()


def test_the_error_does_not_repeat_the_token(client: Client) -> None:
    metadata = (("authorization", "Bearer very-secret-value"),)
    error = failure(client.collector.Publish, request([event()]), metadata=metadata, timeout=30)
    assert "very-secret-value" not in error.details()


def test_the_scheme_is_read_in_any_case(client: Client, collector: Collector) -> None:
    metadata = (("authorization", f"bearer {collector.token}"),)
    response = client.collector.Publish(request([event()]), metadata=metadata, timeout=30)
    assert response.verdict.accepted_count == 1


def test_the_credentials_own_tenant_may_be_named_or_left_out(client: Client) -> None:
    for tenant in ("", "default"):
        published = event()
        assert client.publish(request([published], tenant=tenant)).verdict.accepted_count == 1
        [stored] = client.query(tenant=tenant, event_id=published.event_id).events
        assert stored.tenant == "default"


# Not NOT_FOUND: nobody shall find out which tenants exist.
@pytest.mark.parametrize("tenant", ["no-such-tenant", "Default", "default ", "'; --"])
def test_a_tenant_that_the_credential_does_not_cover_is_permission_denied(client: Client, tenant: str) -> None:
    error = failure(client.publish, request([event()], tenant=tenant))
    assert error.code() == grpc.StatusCode.PERMISSION_DENIED, error.details()
    error = failure(client.query, tenant=tenant)
    assert error.code() == grpc.StatusCode.PERMISSION_DENIED, error.details()

"""What emitters and readers get wrong about tenants, types, clocks and quotas is answered with a status and its details."""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from docket.v1 import collector_pb2 as pb
from docket.v1.audit_log_pb2 import QueryRequest
from docket.v1.collector_pb2 import PublishRequest
from google.protobuf.message import Message

from bad_calls import DEFINITION, EVENTS, GOOD, INVALID, REFUSALS
from client import TIMEOUT_SECONDS, Client, failure
from collector import Collector
from events import event, request, unique
from private_postgres import Session
from test_bad_administration import Registry
from test_semantics import details, fields, pushback, unpacked


class Tenants:
    """Tenants in each state and with each rule, and clients of them."""

    def __init__(self, collector: Collector, folder: Path):
        self.collector = collector
        self.slugs = {name: unique(f"{name}-") for name in ("strict", "other", "suspended", "closing", "metered")}
        self.type_name, self.foreign_type = unique("call.x"), unique("foreign.x")
        self._folder = folder
        self._registry = Registry(collector, folder)
        self.clients: list[Client] = []

    def make(self) -> None:
        for slug in self.slugs.values():
            self.docket("tenant", "add", slug)
        definition = self._folder / "call.json"
        definition.write_text(json.dumps(DEFINITION | {"name": self.type_name}))
        self.docket("event-type", "apply", str(definition), "--tenant", self.slugs["strict"])
        self.docket("event-type", "add", self.foreign_type, "--tenant", self.slugs["other"])
        self.docket("tenant", "set", self.slugs["strict"], "--clock", "enforce", "--clock-behind-seconds", "60")
        self.docket("tenant", "suspend", self.slugs["suspended"])
        self.docket("tenant", "close", self.slugs["closing"])

    def docket(self, *arguments: str) -> str:
        ended = self._registry.docket(*arguments)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    def client(self, tenants: tuple[str, ...], *scopes: str) -> Client:
        """A client with a new token; without tenants it is for all of them."""
        covered = [flag for name in tenants for flag in ("--tenant", self.slugs[name])] or ["--all-tenants"]
        token = self.docket("token", "add", *covered, *(flag for scope in scopes for flag in ("--scope", scope)))
        self.wait_for_registry()
        self.clients.append(Client(self.collector.address, token))
        return self.clients[-1]

    def wait_for_registry(self) -> None:
        """Until the collector has loaded what is in the database now."""
        [[version]] = self.collector.sql("SELECT version FROM docket.registry_version")
        deadline = time.monotonic() + 20
        while self.collector.metrics()["docket_registry_version"] < int(version):
            assert time.monotonic() < deadline

    def session(self) -> Session:
        return Session(self._registry)

    def close(self) -> None:
        self._registry.session.close()
        for client in self.clients:
            client.channel.close()


@pytest.fixture(scope="module")
def tenants(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenants]:
    made = Tenants(collector, tmp_path_factory.mktemp("tenants"))
    try:
        made.make()
        yield made
    finally:
        made.close()


# MARK: Whole calls

CALLS = ("publish", "stream", "query")


def answered(client: Client, call: str, tenant: str) -> tuple[int, str, dict[str, Message]]:
    """The code, the message and the details of a call that is refused."""
    if call == "stream":
        [answer] = client.publish_stream([request([event()], tenant=tenant)])
        return answer.status.code, answer.status.message, unpacked(answer.status)
    if call == "query":
        error = failure(client.audit_log.Query, QueryRequest(tenant=tenant), metadata=client.metadata, timeout=TIMEOUT_SECONDS)
    else:
        error = failure(client.publish, request([event()], tenant=tenant))
    assert pushback(error) is None
    return error.code().value[0], error.details(), details(error)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("what", REFUSALS)
def test_a_call_for_the_wrong_tenant_is_refused_with_details(tenants: Tenants, what: str, call: str) -> None:
    covered, scopes, tenant, code, reason, text = REFUSALS[what]
    is_query = call == "query"
    if what.startswith("query") and not is_query or what.startswith("publish") and is_query:
        scopes, reason, code = (*scopes, "publish", "query"), None, None
    slug = tenants.slugs[tenant] if tenant else ""
    client = tenants.client(covered, *scopes)
    if reason is None:
        # Each scope and each state lets pass what it doesn't forbid.
        if tenant == "closing" or is_query:
            assert client.query(tenant=slug) is not None
        else:
            assert client.publish(request([event()], tenant=slug)).HasField("verdict")
        return
    number, message, found = answered(client, call, slug)
    assert number == code.value[0] and text in message
    assert slug in message or reason == "SCOPE_MISSING"
    assert (found["ErrorInfo"].reason, found["ErrorInfo"].domain) == (reason, "docket")
    assert set(found) == {"ErrorInfo", *(["BadRequest"] if code == INVALID else [])}
    if code == INVALID:
        assert fields(found) == ["tenant"]


@pytest.mark.parametrize("call", ["publish", "query"])
def test_a_tenant_that_is_no_text_is_an_invalid_argument(tenants: Tenants, call: str) -> None:
    client = tenants.client(("strict",), "publish", "query")
    method, whole = {
        "publish": ("/docket.v1.CollectorService/Publish", request([event()])),
        "query": ("/docket.v1.AuditLogService/Query", QueryRequest()),
    }[call]
    error = failure(client.call_raw, method, b"\x0a\x02\xff\xfe" + whole.SerializeToString())
    found = details(error)
    assert (error.code(), found["ErrorInfo"].reason, fields(found)) == (INVALID, "FIELD_INVALID", ["tenant"])


# MARK: Events


@pytest.fixture(scope="module")
def strict(tenants: Tenants) -> Client:
    return tenants.client(("strict",), "publish", "query")


@pytest.mark.parametrize("what", EVENTS)
def test_an_event_that_breaks_a_rule_of_the_tenants_is_rejected_and_kept(tenants: Tenants, strict: Client, what: str) -> None:
    changes, field, code, names = EVENTS[what]
    changes = {name: tenants.foreign_type if value == "{foreign}" else value for name, value in changes.items()}
    if "occurred_at_us" in changes:
        changes["occurred_at_us"] += time.time_ns() // 1000
    session = unique()
    [good, wrong] = [event(**{"type": tenants.type_name, "session_id": session} | GOOD | one) for one in ({}, changes)]
    verdict = strict.publish_events(wrong, good)
    assert verdict.accepted_count == 1
    [rejection] = verdict.rejections
    assert (rejection.index, rejection.field, rejection.code) == (0, field, code), rejection
    wanted = [name.replace("{foreign}", tenants.foreign_type) for name in names]
    assert [name for name in wanted if name not in rejection.reason] == [] and "\n" not in rejection.reason, rejection.reason
    assert [one.event for one in strict.query(session_id=session).events] == [good]
    [row] = tenants.collector.sql(
        f"""SELECT field, upper(code), reason, encode(event, 'hex') FROM docket.quarantine
            WHERE batch_id = {verdict.receipt.batch_id}"""
    )
    assert row == [
        field, pb.RejectionCode.Name(code).removeprefix("REJECTION_CODE_"), rejection.reason, wrong.SerializeToString().hex(),
    ]  # fmt: skip


# MARK: Quotas


def quota_failure(tenants: Tenants, error: grpc.RpcError, limit: str, value: int) -> None:
    found = details(error)
    assert (error.code(), found["ErrorInfo"].reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED")
    [violation] = found["QuotaFailure"].violations
    assert (violation.subject, violation.description) == (f"tenant:{tenants.slugs['metered']}", error.details())
    said = rf"'{tenants.slugs['metered']}' has reached its quota: {limit} is (\d+) .*; .* ask the operator for more"
    named = re.search(said, error.details())
    # Whoever leases a number for batches has a part of it.
    assert named and 1 <= int(named[1]) <= value, error.details()
    assert pushback(error) == found["RetryInfo"].retry_delay.ToMilliseconds() > 0


@pytest.fixture
def metered(tenants: Tenants) -> Iterator[Callable[..., Client]]:
    """A client of a tenant with these limits."""
    slug = tenants.slugs["metered"]

    def limit(*flags: str) -> Client:
        tenants.docket("tenant", "set", slug, *flags)
        return tenants.client(("metered",), "publish", "query")

    yield limit
    limits = ("events-per-second", "bytes-per-second", "bytes-per-day", "batches-in-flight")
    tenants.docket("tenant", "set", slug, *(f"--{name}=any" for name in limits))


@pytest.mark.parametrize("limit", ["events-per-second", "bytes-per-second", "bytes-per-day"])
def test_a_batch_over_the_quota_names_the_limit(tenants: Tenants, metered: Callable[..., Client], limit: str) -> None:
    client = metered(f"--{limit}", "3", "--burst-seconds", "1")
    batches: list[PublishRequest] = [request([event() for _ in range(50)]) for _ in range(3)]
    refused = []
    for batch in batches:
        try:
            assert client.publish(batch).verdict.accepted_count == 50
        except grpc.RpcError as error:
            quota_failure(tenants, error, limit.replace("-", "_"), 3)
            refused.append(batch)
    assert refused
    for batch in refused:
        assert not client.query(event_id=batch.events[0].event_id).events


def test_a_batch_over_the_number_in_flight_names_the_limit(tenants: Tenants, metered: Callable[..., Client]) -> None:
    client = metered("--batches-in-flight", "1")
    session = tenants.session()
    try:
        session.ask("BEGIN")
        session.ask("LOCK TABLE docket.batches IN ACCESS EXCLUSIVE MODE")
        calls = [
            client.collector.Publish.future(request([event()]), metadata=client.metadata, timeout=TIMEOUT_SECONDS)
            for _ in range(2)
        ]
        deadline = time.monotonic() + 20
        while not any(call.done() for call in calls):
            assert time.monotonic() < deadline
        [refused, waiting] = sorted(calls, key=lambda call: not call.done())
        quota_failure(tenants, refused.exception(), "batches_in_flight", 1)
        session.ask("ROLLBACK")
        assert waiting.result().verdict.accepted_count == 1
    finally:
        session.close()

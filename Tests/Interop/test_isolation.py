"""A tenant is seen by nobody whom it isn't for: every API call, with every credential, for every tenant.

A call that isn't in the matrix fails a test here: a method of the collector, a page, a command, a table or view, a filter of a
query, a scope or a kind of credential.
"""

import re
from collections.abc import Iterator

import pytest
from docket.v1.audit_log_pb2 import EventFilter, QueryRequest
from google.protobuf import descriptor_pool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from isolation_credentials import CREDENTIALS, SCOPES, TENANTS, Credential
from isolation_matrix import CALLS, FILTERS, PAGES, REQUEST_FIELDS, WIDE_FILTERS, Answer, fetched, methods
from isolation_world import Caller, Target, World
from stubs import ROOT

GUARDED = [name for name, call in CALLS.items() if call.scope]
OPEN = [name for name, call in CALLS.items() if not call.scope]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("world"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def unfounded() -> dict[tuple[str, str], dict[str, bytes]]:
    """What each caller is answered about a tenant that doesn't exist."""
    return {}


@pytest.fixture
def caller(world: World, credential: Credential) -> Caller:
    return world.callers[credential.name]


def named(value: object) -> str | None:
    """What a credential is called in the name of a cell."""
    return value.name if isinstance(value, Credential) else None


def compared(answer: Answer, target: Target) -> bytes:
    """What must be the same whether there is such a tenant or not."""
    return target.blotted(answer.text)


def nothing_of(world: World, answer: Answer, target: Target, credential: Credential) -> None:
    """Nothing of a tenant that the credential isn't for; nothing that the caller hasn't said himself."""
    hidden = [name for name in TENANTS if name not in credential.covers or credential.fault]
    assert world.given_away_by(target.blotted(answer.raw), hidden) == {}, f"{answer.what}: {answer.raw!r}"


@pytest.mark.parametrize("tenant", TENANTS)
@pytest.mark.parametrize("credential", CREDENTIALS, ids=named)
@pytest.mark.parametrize("name", GUARDED)
def test_a_call_tells_of_a_tenant_to_whom_it_is_for_and_nobody_else(
    world: World, caller: Caller, unfounded: dict, name: str, credential: Credential, tenant: str
) -> None:
    call, target = CALLS[name], world.targets[tenant]
    reason = call.refusal(credential, tenant)
    if reason is None:
        assert call.serves(caller, target)
        return
    if (name, credential.name) not in unfounded:
        answers = list(call.probe(caller, world.ghost))
        unfounded[name, credential.name] = {one.what: compared(one, world.ghost) for one in answers}
        assert len(unfounded[name, credential.name]) == len(answers)
    before = world.footprint(target)
    for answer in call.probe(caller, target):
        nothing_of(world, answer, target, credential)
        if answer.is_direct:
            assert answer.reason == reason, f"{answer.what}: {answer.raw!r}"
        # Whoever a tenant is for may be told that it is suspended.
        is_told = tenant in credential.covers and (answer.is_direct or target.slug == caller.own)
        if credential.fault or not is_told:
            assert compared(answer, target) == unfounded[name, credential.name][answer.what], answer.what
    assert world.footprint(target) == before


@pytest.mark.parametrize("credential", CREDENTIALS, ids=named)
@pytest.mark.parametrize("name", OPEN)
def test_a_call_that_asks_for_no_credential_tells_of_no_tenant(
    world: World, caller: Caller, name: str, credential: Credential
) -> None:
    answers = [compared(one, world.ghost) for one in CALLS[name].probe(caller, world.ghost)]
    for target in world.targets.values():
        found = list(CALLS[name].probe(caller, target))
        for answer in found:
            assert world.given_away_by(target.blotted(answer.raw)) == {}, answer.what
        assert [compared(answer, target) for answer in found] == answers


@pytest.mark.parametrize("credential", CREDENTIALS, ids=named)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_tells_of_no_tenant(world: World, caller: Caller, page: str, credential: Credential) -> None:
    pages = world.principals.collector.ready["http"]
    for asked in ("", *(f"?tenant={target.slug}" for target in world.targets.values())):
        assert world.given_away_by(fetched(f"http://{pages}{page}{asked}", caller.shown.authorization)) == {}


# MARK: Nothing is left out


def test_every_method_is_in_the_matrix(world: World) -> None:
    """Of all services that the collector says it has."""
    database = ProtoReflectionDescriptorDatabase(world.callers["nothing"].client.channel)
    pool = descriptor_pool.DescriptorPool(database)
    assert methods(database.get_services(), pool.FindServiceByName) == set(CALLS)


def test_every_filter_of_a_query_is_in_the_matrix() -> None:
    assert set(EventFilter.DESCRIPTOR.fields_by_name) == set(FILTERS) | set(WIDE_FILTERS)
    assert set(QueryRequest.DESCRIPTOR.fields_by_name) == REQUEST_FIELDS


def test_every_page_is_in_the_matrix() -> None:
    """Of all that the sources route."""
    texts = [path.read_text() for path in (ROOT / "Sources").rglob("*.swift")]
    routed = {page for text in texts for page in re.findall(r'router\.\w+\(\s*"(/[^"]*)"', text)}
    assert routed == set(PAGES)


def test_every_scope_and_kind_of_credential_is_in_the_matrix(world: World) -> None:
    [[kinds]] = world.session.ask(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'credentials_kind_check'"
    )
    assert set(re.findall(r"'(\w+)'", kinds)) <= {one.kind for one in CREDENTIALS}
    help_text = world.principals.docket("token", "add", "--help")
    [scopes] = re.findall(r"What it may do: ((?:\w+,\s+)+\w+);", help_text)
    assert tuple(re.split(r",\s+", scopes)) == SCOPES

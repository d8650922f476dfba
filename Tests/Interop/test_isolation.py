"""A tenant is seen by nobody whom it isn't for: every API call, with every credential, for every tenant.

A call that isn't in the matrix fails a test here: a method of the collector, a page, a command, a table or view, a filter of a
query, a scope or a kind of credential.
"""

import re
from collections.abc import Iterator

import pytest
from docket.v1.audit_log_pb2 import EventFilter
from google.protobuf import descriptor_pool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from isolation_calls import CALLS, PAGES, fetched, methods
from isolation_commands import ADMIN_COMMANDS, CLIENT_COMMANDS, NOT_ASKING, as_client, as_role, run, told, tree, without_numbers
from isolation_credentials import CREDENTIALS, SCOPES, TENANTS, Credential
from isolation_matrix import FILTERS, REQUEST_FIELDS, WIDE_FILTERS, Answer
from isolation_sql import ATTACKS, CLOSED, FUNCTIONS, GUARDED, OF_THE_STORE, READERS, Reader, attempts, make_roles, psql, read
from isolation_world import Caller, Target, World
from stubs import ROOT

ASKED = [name for name, call in CALLS.items() if call.scope]
OPEN = [name for name, call in CALLS.items() if not call.scope]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("world"))
    try:
        make_roles(made)
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def unfounded() -> dict[tuple[str, str], dict[str, bytes]]:
    """What each caller is answered about a tenant that doesn't exist."""
    return {}


@pytest.fixture
def caller(world: World, credential: Credential) -> Caller:
    return world.callers[credential.name]


def named(value: object) -> str | None:
    """What somebody is called in the name of a cell."""
    return value.name if isinstance(value, Credential | Reader) else None


def compared(answer: Answer, target: Target) -> bytes:
    """What must be the same whether there is such a tenant or not."""
    return target.blotted(answer.text)


def nothing_of(world: World, answer: Answer, target: Target, credential: Credential) -> None:
    """Nothing of a tenant that the credential isn't for; nothing that the caller hasn't said himself."""
    hidden = [name for name in TENANTS if name not in credential.covers or credential.fault]
    assert world.given_away_by(target.blotted(answer.raw), hidden) == {}, f"{answer.what}: {answer.raw!r}"


@pytest.mark.parametrize("tenant", TENANTS)
@pytest.mark.parametrize("credential", CREDENTIALS, ids=named)
@pytest.mark.parametrize("name", ASKED)
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


# MARK: Commands


@pytest.mark.parametrize("credential", CREDENTIALS, ids=named)
@pytest.mark.parametrize("name", CLIENT_COMMANDS)
def test_a_command_tells_of_a_tenant_to_whom_it_is_for_and_nobody_else(
    world: World, caller: Caller, name: str, credential: Credential
) -> None:
    target, command = world.targets["rival"], CLIENT_COMMANDS[name]
    before = world.footprint(target)
    [ended, unfounded] = run(world, [as_client(world, name, caller, one) for one in (target, world.ghost)])
    answer = told(ended, target)
    if "rival" in credential.covers and command.scope in credential.scopes and not credential.fault:
        assert ended.returncode == 0 and command.served(target) in answer.raw.decode(), answer
        return
    nothing_of(world, answer, target, credential)
    assert ended.returncode in (65, 77, 78) and ended.stdout == b"" and ended.stderr.count(b"\n") == 1, answer
    if "rival" not in credential.covers or credential.fault:
        assert answer.text == told(unfounded, world.ghost).text
    assert world.footprint(target) == before


@pytest.mark.parametrize("login", ["docket_reader", "auditor_of_ours", "stranger"])
@pytest.mark.parametrize("name", ADMIN_COMMANDS)
def test_a_command_of_an_administrator_tells_another_role_of_no_tenant(world: World, name: str, login: str) -> None:
    target = world.targets["rival"]
    before = [world.footprint(one) for one in world.targets.values()]
    [ended, unfounded] = run(world, [as_role(world, name, login, one) for one in (target, world.ghost)])
    answer = told(ended, target)
    hidden = [one for one in TENANTS if login != "auditor_of_ours" or one != "ours"]
    assert world.given_away_by(answer.text, hidden) == {}, answer
    assert without_numbers(answer, target) == without_numbers(told(unfounded, world.ghost), world.ghost)
    assert [world.footprint(one) for one in world.targets.values()] == before


# MARK: SQL


@pytest.mark.parametrize("reader", READERS, ids=named)
@pytest.mark.parametrize("relation", [*GUARDED, *OF_THE_STORE, *CLOSED])
def test_a_reader_sees_the_rows_of_its_tenants(world: World, reader: Reader, relation: str) -> None:
    found = read(world, reader, f"SELECT to_jsonb(r) FROM docket.{relation} AS r")
    hidden = [name for name in TENANTS if name not in reader.covers]
    assert world.given_away_by(found.raw, hidden) == {}
    if reader.has_grants and relation in (*GUARDED, *reader.others):
        assert found.code == 0, found
        numbers = {world.targets[name].tenant_id for name in hidden}
        assert not numbers & set(map(int, re.findall(r'"tenant_id": (\d+)', found.rows)))
        assert set(world.given_away_by(found.raw)) == (set(reader.covers) if relation in GUARDED else set())
    else:
        assert (found.code, found.rows) == (1, "") and "42501: permission denied" in found.said, found


@pytest.mark.parametrize(("attack", "reader"), attempts(), ids=named)
def test_a_reader_that_tries_hard_sees_no_more(world: World, reader: Reader, attack: str) -> None:
    before = [world.footprint(target) for target in world.targets.values()]
    rival = world.targets["rival"].tenant_id
    statement = re.sub(r"\{(rival|login)\}", lambda m: str(rival) if m[1] == "rival" else reader.login, ATTACKS[attack])
    found = read(world, reader, statement)
    hidden = [name for name in TENANTS if name not in reader.covers]
    assert world.given_away_by(found.raw, hidden) == {}, found
    assert [world.footprint(target) for target in world.targets.values()] == before


@pytest.mark.parametrize("reader", READERS, ids=named)
def test_a_reader_is_told_its_own_tenants(world: World, reader: Reader) -> None:
    found = read(world, reader, "SELECT unnest(docket.visible_tenant_ids())")
    assert (found.code == 0) == reader.has_grants
    told = set(map(int, found.rows.split())) - {world.ghost.tenant_id}
    assert told == {world.targets[name].tenant_id for name in reader.covers}


# MARK: Nothing is left out


def test_every_method_is_in_the_matrix(world: World) -> None:
    """Of all services that the collector says it has."""
    database = ProtoReflectionDescriptorDatabase(world.callers["nothing"].client.channel)
    pool = descriptor_pool.DescriptorPool(database)
    assert methods(database.get_services(), pool.FindServiceByName) == set(CALLS)


def test_every_filter_of_a_reading_call_is_in_the_matrix() -> None:
    assert set(EventFilter.DESCRIPTOR.fields_by_name) == set(FILTERS) | set(WIDE_FILTERS)
    for message, fields in REQUEST_FIELDS.items():
        assert set(message.DESCRIPTOR.fields_by_name) == fields


def test_every_page_is_in_the_matrix() -> None:
    """Of all that the sources route."""
    texts = [path.read_text() for path in (ROOT / "Sources").rglob("*.swift")]
    routed = {page for text in texts for page in re.findall(r'router\.\w+\(\s*"(/[^"]*)"', text)}
    assert routed == set(PAGES)


def test_every_command_is_in_the_matrix() -> None:
    """By the options that it has: --token-file or --postgres."""
    commands = tree()
    assert {name for name, options in commands.items() if "token-file" in options} == set(CLIENT_COMMANDS)
    assert {name for name, options in commands.items() if "postgres" in options} == set(ADMIN_COMMANDS)
    assert set(commands) == {*CLIENT_COMMANDS, *ADMIN_COMMANDS, *NOT_ASKING}


def test_every_relation_and_function_is_in_the_matrix(world: World) -> None:
    """Of the schema; and each is granted to whom the matrix says."""
    relations = world.session.ask("""
        SELECT relname, has_table_privilege('docket_reader', oid, 'SELECT'),
            has_table_privilege('docket_auditor', oid, 'SELECT')
        FROM pg_class WHERE relnamespace = 'docket'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')""")
    assert {name for name, *_ in relations} == {*GUARDED, *OF_THE_STORE, *CLOSED}
    assert {name for name, reader, _ in relations if reader == "t"} == {*GUARDED, *OF_THE_STORE}
    assert {name for name, _, auditor in relations if auditor == "t"} == set(GUARDED)
    functions = world.session.ask("""
        SELECT DISTINCT proname FROM pg_proc, unnest(ARRAY['docket_reader', 'docket_auditor', 'stranger']) AS role
        WHERE pronamespace = 'docket'::regnamespace AND has_function_privilege(role, pg_proc.oid, 'EXECUTE')
            AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')""")
    assert {name for [name] in functions} == set(FUNCTIONS)


def test_a_collector_that_writes_reads_no_event(world: World) -> None:
    writer = world.conninfo("docket_writer")
    for relation in ("audit_log", "events", "events_000001", "event_marks", "log_entries", "quarantine"):
        found = psql(writer, f"SELECT to_jsonb(r) FROM docket.{relation} AS r")
        assert (found.code, found.rows) == (1, "") and "42501: permission denied" in found.said, found


def test_every_scope_and_kind_of_credential_is_in_the_matrix(world: World) -> None:
    [[kinds]] = world.session.ask(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'credentials_kind_check'"
    )
    assert set(re.findall(r"'(\w+)'", kinds)) <= {one.kind for one in CREDENTIALS}
    help_text = world.principals.docket("token", "add", "--help")
    [scopes] = re.findall(r"What it may do: ((?:\w+,\s+)+\w+);", help_text)
    assert tuple(re.split(r",\s+", scopes)) == SCOPES

"""Who reads the log with SQL, what they may read, and what they may try."""

import subprocess
from dataclasses import dataclass

from isolation_world import World

# With rows of tenants, of which each role sees its own.
GUARDED = ("audit_log", "event_marks", "event_types", "events", "log_entries", "quarantine", "tenants")
# Of the store as a whole; the collector's own reader leaves segments out by them.
OF_THE_STORE = ("schema_migrations", "segments")
# For no reader at all.
CLOSED = (
    "appender", "batches", "collector_nodes", "credential_tenants", "credential_uses", "credentials",
    "event_type_definitions", "event_type_versions", "producer_floors", "quarantine_intake", "registry_version",
    "segment_tenants", "store_policy", "store_state", "tenant_readers", "tenant_usage", "events_000001",
)  # fmt: skip
FUNCTIONS = ("received_at", "visible_event_marks", "visible_tenant_ids")


@dataclass(frozen=True)
class Reader:
    """A role with a login, and what it does first."""

    name: str
    login: str
    covers: tuple[str, ...] = ()
    # With {name} for the number of a tenant.
    setup: str = ""
    # What it may read beside what is its tenants'.
    others: tuple[str, ...] = ()
    has_grants: bool = True

    def begin(self, world: World) -> str:
        numbers = {name: target.tenant_id for name, target in world.targets.items()}
        return self.setup.format(ghost=world.ghost.tenant_id, **numbers)


READERS = [
    Reader("docket_reader for nobody", "docket_reader", others=OF_THE_STORE),
    Reader("docket_reader with an empty setting", "docket_reader", (), "SET docket.tenant_ids = '';", OF_THE_STORE),
    Reader("docket_reader for nothing there", "docket_reader", (), "SET docket.tenant_ids = '{ghost}';", OF_THE_STORE),
    Reader("docket_reader for ours", "docket_reader", ("ours",), "SET docket.tenant_ids = '{ours}';", OF_THE_STORE),
    Reader(
        "docket_reader for ours and another", "docket_reader", ("ours", "second"),
        "SET docket.tenant_ids = '{ours},{second}';", OF_THE_STORE,
    ),
    Reader("auditor of ours", "auditor_of_ours", ("ours",)),
    Reader("auditor of ours who names the rival", "auditor_of_ours", ("ours",), "SET docket.tenant_ids = '{rival}';"),
    Reader("auditor of ours as the group", "auditor_of_ours", ("ours",), "SET ROLE docket_auditor;"),
    Reader("auditor of two", "auditor_of_two", ("ours", "second")),
    Reader("auditor of nobody", "auditor_of_nobody"),
    Reader("auditor of nobody who names the rival", "auditor_of_nobody", (), "SET docket.tenant_ids = '{rival}';"),
    Reader("reader of the rival without the group", "named_only", has_grants=False),
    Reader("stranger", "stranger", has_grants=False),
]  # fmt: skip


def attempts() -> list[tuple[str, Reader]]:
    """Who tries what: one of each sort."""
    sorts = ("docket_reader for ours", "auditor of ours", "auditor of nobody who names the rival", "stranger")
    readers = [one for one in READERS if one.name in sorts]
    return [(attack, one) for attack in ATTACKS for one in readers if (attack, one.login) != (TRUSTED, "docket_reader")]


def make_roles(world: World) -> None:
    """Makes the logins."""
    superuser = world.conninfo("postgres")
    for login in {one.login for one in READERS} - {"docket_reader"}:
        group = " IN ROLE docket_auditor" if login.startswith("auditor") else ""
        assert psql(superuser, f"CREATE ROLE {login} LOGIN{group}").code == 0
    for login, name in [
        ("auditor_of_ours", "ours"), ("auditor_of_two", "ours"), ("auditor_of_two", "second"), ("named_only", "rival"),
    ]:  # fmt: skip
        world.session.ask(f"INSERT INTO docket.tenant_readers VALUES ('{login}', {world.targets[name].tenant_id})")


@dataclass(frozen=True)
class Output:
    """What psql has said."""

    code: int
    rows: str
    # Errors and notices.
    said: str

    @property
    def raw(self) -> bytes:
        return (self.rows + self.said).encode()


def psql(conninfo: str, statement: str) -> Output:
    ended = subprocess.run(
        ["psql", conninfo, "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=VERBOSITY=verbose", "-c", statement],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return Output(ended.returncode, ended.stdout, ended.stderr)


def read(world: World, reader: Reader, statement: str) -> Output:
    """What a reader is answered. Each statement is a transaction of its own: one that fails doesn't undo the setting."""
    begin = reader.begin(world)
    return psql(world.conninfo(reader.login), f"{begin} {statement}" if begin else statement)


# The tenants that this role names are taken for the ones it may see: who could become it saw everything.
TRUSTED = "the role of the collector's reader"

# What gets around row-level security where somebody has been careless. {rival} is the number of the tenant, {login} the role.
ATTACKS = {
    "row security off": "SET row_security = off; SELECT to_jsonb(r) FROM docket.audit_log AS r",
    "another role": "SET ROLE docket_maintainer; SELECT to_jsonb(r) FROM docket.audit_log AS r",
    TRUSTED: "SET ROLE docket_reader; SET docket.tenant_ids = '{rival}'; TABLE docket.tenants",
    "another session": "SET SESSION AUTHORIZATION docket_maintainer; TABLE docket.tenants",
    "a function that talks": """
        CREATE FUNCTION pg_temp.told(value text) RETURNS bool LANGUAGE plpgsql COST 0.0000001
            AS $$ BEGIN RAISE NOTICE '%', value; RETURN true; END $$;
        SELECT count(*) FROM docket.audit_log AS r WHERE pg_temp.told(r.scope) AND pg_temp.told(r.tenant);
        SELECT count(*) FROM docket.events AS r WHERE pg_temp.told(to_jsonb(r)::text);
        SELECT count(*) FROM docket.quarantine AS r WHERE pg_temp.told(to_jsonb(r)::text);
        SELECT count(*) FROM docket.event_marks AS r WHERE pg_temp.told(r.tenant)""",
    "an error that talks": "SELECT scope::int FROM docket.audit_log ORDER BY tenant",
    "a division by what is hidden": "SELECT 1 / (tenant_id - {rival}) FROM docket.events",
    "a function of the same name": """
        CREATE FUNCTION pg_temp.visible_tenant_ids() RETURNS int4[] LANGUAGE sql AS 'SELECT ARRAY[{rival}]';
        SET search_path = pg_temp, docket; SELECT to_jsonb(r) FROM audit_log AS r""",
    "another function in its place": """
        CREATE OR REPLACE FUNCTION docket.visible_tenant_ids() RETURNS int4[] LANGUAGE sql AS 'SELECT ARRAY[{rival}]'""",
    "a copy of the view": "COPY (SELECT * FROM docket.audit_log) TO STDOUT",
    "a copy of the table": "COPY docket.events TO STDOUT",
    "a cursor": "BEGIN; DECLARE c CURSOR FOR SELECT to_jsonb(r) FROM docket.events AS r; FETCH ALL FROM c",
    "the number of the tenant": "SELECT count(*) = 0 FROM docket.events WHERE tenant_id = {rival}",
    "statistics": "SELECT to_jsonb(s) FROM pg_stats AS s WHERE schemaname = 'docket'",
    "what others ask": "SELECT query FROM pg_stat_activity WHERE usename <> session_user",
    "a grant": "INSERT INTO docket.tenant_readers VALUES ('{login}', {rival})",
    "a policy": "CREATE POLICY more ON docket.events FOR SELECT USING (true)",
    "a policy that is changed": "ALTER POLICY visible ON docket.events USING (true)",
    "a view over it": "CREATE TEMP VIEW mine AS SELECT to_jsonb(r) FROM docket.audit_log AS r; TABLE mine",
    "an event": "INSERT INTO docket.events_000001 SELECT * FROM docket.events",
    "no event": "DELETE FROM docket.events",
    "a tenant's state": "UPDATE docket.tenants SET state = 'active'",
    "a batch's number": "SELECT docket.lease_node(gen_random_uuid(), 'me', 60)",
}

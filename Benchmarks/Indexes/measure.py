#!/usr/bin/env python3
"""Measures candidate indexes of a sealed segment: build, size, lookup and planning. See README.md."""
import argparse, collections, contextlib, glob, os, re, shutil, statistics, subprocess, sys, tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEAF = "docket.events_000001"
ORDER = "ORDER BY e.occurred_at DESC, e.batch_id DESC, e.position DESC"

# Fillings of the leaf. exp(u * ln(n)) is distributed as Zipf's law says: value k with a probability near 1 / k.
FILL = """
SELECT setseed(0.5);
INSERT INTO docket.tenants (slug) SELECT 'tenant-' || n FROM generate_series(2, 21) AS n;
INSERT INTO docket.event_types (name) SELECT 'type-' || n FROM generate_series(1, 16) AS n;
INSERT INTO {leaf} (batch_id, occurred_at, event_id, tenant_id, type_id, position, decision, outcome, duration_us,
    payload_in_size_bytes, scope, actor_kind, actor_id, action, resource_type, resource_id, policy, session_id,
    request_id, agent_id, source, trace_id, span_id, attributes)
SELECT ((millis / 50 * 50 - 1577836800000) << 22) + i / 200, to_timestamp(millis / 1000 + random()),
    ({event_id})::uuid,
    CASE WHEN i % ({rows} / 40) = 7 THEN 21 ELSE exp(u * ln(20.99))::numeric::int4 END,
    CASE WHEN i % ({rows} / 20) = 3 THEN 15 ELSE exp(random() * ln(14.4))::numeric::int4 END,
    i % 200, CASE WHEN random() < 0.03 THEN 2 ELSE 1 END, 1, 1000 * random(), 4000 * random(),
    CASE WHEN i % ({rows} / 30) = 5 THEN 'ws-rare' ELSE 'ws-' || exp(random() * ln(50))::int4 END, 'user',
    'user-' || exp(random() * ln(20000))::int4, 'document.read',
    CASE WHEN i % ({rows} / 30) = 9 THEN 'tape' ELSE 'kind-' || exp(random() * ln(12))::int4 END,
    'doc-' || substr(md5(exp(random() * ln(200000))::int4::text), 1, 14), 'policy-' || i % 9,
    's_' || substr(md5(session::text), 1, 20), md5(((i + 30 * random()) / 3)::int4::text)::uuid::text,
    CASE WHEN random() < 0.5 THEN 'agent-' || exp(random() * ln(200))::int4 END, 'gateway-' || i % 4,
    decode(md5('t' || ((i + 50 * random()) / 5)::int4), 'hex'), decode(substr(md5('s' || i), 1, 16), 'hex'),
    '{{"ip": "10.0.0.1", "region": "eu-west-1", "latency_class": "interactive"}}'
FROM (SELECT i, session, (hashint4(session) & 1048575) / 1048576.0::float8 AS u, 1767225600000 + i * 20 AS millis
    FROM (SELECT i, ((i + 4000 * random()) / 20)::int4 AS session FROM generate_series(0, {rows} - 1) AS i) AS s) AS r;
ALTER TABLE {leaf} ADD CONSTRAINT sealed_at CHECK (occurred_at >= '{first}' AND occurred_at <= '2027-01-01Z');
ANALYZE docket.tenants; ANALYZE docket.event_types; VACUUM (FREEZE, ANALYZE) {leaf}; CHECKPOINT;
"""
EVENT_IDS = {"v7": "lpad(to_hex(millis), 12, '0') || '7' || substr(md5(i::text), 1, 3) || '8' || substr(md5(i::text), 5, 15)",
             "random": "md5('e' || i)"}
TEXT_KEYS = ["scope", "actor_id", "session_id", "request_id", "agent_id", "resource_id"]
KEYS = TEXT_KEYS + ["tenant_id", "type_id", "event_id", "resource_type", "trace_id"]


def bloom(*columns, pages):
    classes = {"event_id": "uuid", "trace_id": "bytea", "type_id": "int4"}
    options = {"type_id": 20, "scope": 50, "resource_type": 20, "agent_id": 200}
    parts = (f"{c} {classes.get(c, 'text')}_bloom_ops (n_distinct_per_range = {options.get(c, 20 * pages)})" for c in columns)
    return f"USING brin ({', '.join(parts)}) WITH (pages_per_range = {pages})"


# What is compared: the keys that an index is asked for, and its definition.
CANDIDATES = [
    ("tenant_id", "(tenant_id, occurred_at)"), ("tenant_id", "(tenant_id, occurred_at, batch_id, position)"),
    ("event_id", "(event_id)"), ("event_id", "USING hash (event_id)"), ("event_id", bloom("event_id", pages=32)),
    ("type_id", "(type_id)"), ("type_id", "(type_id, occurred_at)"), ("type_id", "(tenant_id, type_id, occurred_at)"),
    ("scope", "(scope)"), ("scope", "(scope, occurred_at)"), ("scope", "(tenant_id, scope, occurred_at)"),
    ("actor_id", "(actor_id)"), ("actor_id", "(actor_id, occurred_at)"), ("actor_id", "USING hash (actor_id)"),
    ("actor_id", "(hashtextextended(actor_id, 0))"),
    ("session_id", "(session_id)"), ("session_id", "(session_id) WHERE session_id IS NOT NULL"),
    ("session_id", "USING hash (session_id)"), ("session_id", "(hashtextextended(session_id, 0))"),
    ("session_id", bloom("session_id", pages=32)),
    ("request_id", "(request_id)"), ("request_id", "USING hash (request_id)"),
    ("agent_id", "(agent_id)"), ("agent_id", "(agent_id) WHERE agent_id IS NOT NULL"),
    ("agent_id", "(agent_id, occurred_at) WHERE agent_id IS NOT NULL"),
    ("resource_id", "(resource_id)"), ("resource_id", "(resource_id, resource_type)"),
    ("resource_id", "USING hash (resource_id)"), ("resource_type", "(resource_type, resource_id)"),
    ("trace_id", "(trace_id)"), ("trace_id", "USING hash (trace_id)"), ("trace_id", "(encode(trace_id, 'hex'))"),
    ("session_id request_id trace_id", bloom("session_id", "request_id", "trace_id", pages=16)),
    ("session_id request_id trace_id", bloom("session_id", "request_id", "trace_id", pages=64)),
    ("session_id request_id trace_id", "USING gin (session_id, request_id, trace_id)"),
    ("scope type_id agent_id resource_type", "USING gin (scope, type_id, agent_id, resource_type)"),
    ("scope type_id agent_id resource_type", bloom("scope", "type_id", "agent_id", "resource_type", pages=32)),
    ("scope type_id agent_id resource_type", bloom("scope", "type_id", "agent_id", "resource_type", pages=128)),
]
# Whole sets, in build order; the first is the recommended one.
EXACT = {"actor_id": "(actor_id)", "session_id": "(session_id)", "request_id": "(request_id)",
         "resource_id": "(resource_id, resource_type)", "trace_id": "(trace_id)"}
TIMES = {"tenant": "(tenant_id, occurred_at)", "event_id": "(event_id)"}
SETS = {
    "recommended": TIMES | {"low": "USING gin (scope, type_id, agent_id, resource_type)"} | EXACT,
    "low as bloom": TIMES | {"low": bloom("scope", "type_id", "agent_id", "resource_type", pages=32)} | EXACT,
    "all btrees": TIMES | {"type": "(tenant_id, type_id, occurred_at)", "scope": "(scope)", "agent_id": "(agent_id)",
                           "resource_type": "(resource_type)"} | EXACT,
    "two blooms": TIMES | {"low": bloom("scope", "type_id", "agent_id", "resource_type", pages=32),
                           "high": bloom("session_id", "request_id", "trace_id", pages=16)}
        | {"actor_id": "(actor_id)", "resource_id": "(resource_id, resource_type)"},
    "tenant and time alone": {"tenant": "(tenant_id, occurred_at)"},
    "none": {},
}


class Server:
    """psql against a database, as a superuser who takes on other roles."""

    def __init__(self, connection, bindir, user=None):
        self.command = [f"{bindir}/psql", "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", connection]
        self.user = user

    def __call__(self, sql):
        done = subprocess.run(self.command, input=sql, text=True, user=self.user, cwd="/",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            sys.exit(f"psql failed:\n{done.stdout[-2000:]}\n{sql[-600:]}")
        return done.stdout.strip()

    def cost(self, statement, settings=""):
        """CPU and elapsed seconds of a statement in the backend."""
        out = self(f"{settings}; SET client_min_messages = log; SET log_statement_stats = on; {statement}")
        user, system, elapsed = re.findall(r"!\s+([\d.]+) s user, ([\d.]+) s system, ([\d.]+) s elapsed", out)[-1]
        return float(user) + float(system), float(elapsed)


@contextlib.contextmanager
def private_server(bindir):
    user = "postgres" if os.geteuid() == 0 else None
    folder = tempfile.mkdtemp(prefix="docket-indexes-")
    run = lambda *words: subprocess.run(words, check=True, user=user, cwd="/", stdout=subprocess.DEVNULL)
    try:
        if user:
            shutil.chown(folder, user)
        run(f"{bindir}/initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "-D", f"{folder}/data")
        options = f"-k {folder} -c listen_addresses= -c shared_buffers=1GB -c max_wal_size=4GB -c max_locks_per_transaction=1024"
        run(f"{bindir}/pg_ctl", "-w", "-D", f"{folder}/data", "-l", f"{folder}/log", "-o", options, "start")
        yield Server(f"host={folder} user=postgres dbname=postgres", bindir, user)
    finally:
        subprocess.run([f"{bindir}/pg_ctl", "-m", "immediate", "-D", f"{folder}/data", "stop"], user=user, cwd="/",
                       stdout=subprocess.DEVNULL)
        shutil.rmtree(folder, ignore_errors=True)


def table(title, head, rows):
    cells = [head] + [[f"{c:.2f}" if isinstance(c, float) else str(c) for c in row] for row in rows]
    widths = [max(len(row[n]) for row in cells) for n in range(len(head))]
    print(f"\n{title}")
    for row in cells:
        print("  ".join(c.ljust(w) if n == 0 else c.rjust(w) for n, (c, w) in enumerate(zip(row, widths))), flush=True)


def prepare(server, options):
    if server("SELECT to_regnamespace('docket')"):
        return print("using the schema docket as found")
    server("""DO $$ DECLARE name text; BEGIN
        FOREACH name IN ARRAY '{docket_writer,docket_reader,docket_auditor,bench_auditor}'::text[] LOOP
            IF to_regrole(name) IS NULL THEN EXECUTE 'CREATE ROLE ' || name || ' LOGIN'; END IF;
        END LOOP; END $$;
        GRANT docket_auditor TO bench_auditor;
        CREATE SCHEMA docket; CREATE TABLE docket.schema_migrations (version int4)""")
    for file in ["0001_registry", "0002_events", "0003_access"]:
        server((ROOT / f"Sources/DocketPostgres/Migrations/{file}.sql").read_text())
    server(FILL.format(leaf=LEAF, rows=options.rows, first="2025-12-31Z", event_id=EVENT_IDS[options.event_ids]))
    # Under row-level security an index can't serve encode(), which isn't leakproof: the view shows the column itself.
    view = server("SELECT pg_get_viewdef('docket.audit_log')").replace("encode(e.trace_id, 'hex'::text) AS trace_id", "e.trace_id")
    server(f"DROP VIEW docket.audit_log; CREATE VIEW docket.audit_log WITH (security_invoker = true) AS {view}")
    server("GRANT SELECT ON docket.audit_log TO docket_reader, docket_auditor; CREATE EXTENSION IF NOT EXISTS btree_gin")
    server("INSERT INTO docket.tenant_readers SELECT 'bench_auditor', tenant_id FROM docket.tenants")


def values(server):
    """For each key: the rarest value, the most frequent one and an absent one, with the tenant that has most of it."""
    found = {}
    for key in KEYS:
        rows = server(f"""CREATE TEMP TABLE c AS SELECT {key} AS v, mode() WITHIN GROUP (ORDER BY tenant_id) AS t,
            count(*) AS n FROM {LEAF} WHERE {key} IS NOT NULL GROUP BY 1;
            (SELECT * FROM c ORDER BY n, v::text LIMIT 1) UNION ALL (SELECT * FROM c ORDER BY n DESC, v::text LIMIT 1)""")
        few, many = [row.split("\t") for row in rows.splitlines()]
        absent = {"tenant_id": "999", "type_id": "999", "event_id": "0" * 32, "trace_id": "\\x00"}.get(key, "none-such")
        found[key] = {"few": few[:2], "many": many[:2], "absent": [absent, many[1]]}
    return found


def condition(key, value, definition=""):
    for function in re.findall(r"(hashtextextended|encode)\(", definition):
        rest = {"encode": "'hex'", "hashtextextended": "0"}[function]
        right = f"'{value[2:]}'" if function == "encode" else f"hashtextextended('{value}', 0)"
        return f"{function}(e.{key}, {rest}) = {right}"
    return f"e.{key} = ANY (ARRAY[{value}])" if key == "type_id" else f"e.{key} = '{value}'"


def ask(server, where, role="docket_reader", repeat=7, source="docket.events AS e", order=ORDER + " LIMIT 101", what="*"):
    """Median execution and planning milliseconds of a query, and its plan."""
    query = f"EXPLAIN (ANALYZE, TIMING OFF, BUFFERS OFF) SELECT {what} FROM {source} WHERE {where} {order};"
    out = server(f"""SELECT set_config('docket.tenant_ids', (SELECT string_agg(tenant_id::text, ',') FROM docket.tenants), false);
        SET SESSION AUTHORIZATION {role}; SET jit = off; {query * (repeat + 1)}""")
    times = lambda label: [float(t) for t in re.findall(label + r" Time: ([\d.]+)", out)][1:]
    return statistics.median(times("Execution")), statistics.median(times("Planning")), out


def api(key, pair, definition=""):
    value, tenant = pair
    tenants = "" if key == "tenant_id" else f"e.tenant_id = {tenant} AND "
    return f"e.segment_id = ANY ('{{1}}') AND {tenants}{condition(key, value, definition)}"


def measure_candidates(server, options, found):
    costs = collections.defaultdict(list)
    wanted = [c for c in CANDIDATES if re.search(options.only, c[0])]
    lookups, sizes = [], {}
    for turn in range(options.rounds):
        for keys, definition in wanted:
            for memory in options.memory:
                cost = server.cost(f"CREATE INDEX candidate ON {LEAF} {definition}",
                                   f"SET max_parallel_maintenance_workers = 0; SET maintenance_work_mem = '{memory}MB'")
                costs[definition, memory].append(cost)
                if turn == 0 and memory == options.memory[-1]:
                    if "(hash" in definition or "(encode" in definition:
                        server(f"ANALYZE {LEAF}")
                    sizes[definition] = int(server("SELECT pg_relation_size('docket.candidate')"))
                    for key in keys.split():
                        row = [f"{key}: {definition}"]
                        for kind in ("few", "many", "absent"):
                            time, _, plan = ask(server, api(key, found[key][kind], definition))
                            row.append(f"{time:.2f}" + ("" if " candidate" in plan else "*"))
                        lookups.append(row)
                server("DROP INDEX docket.candidate")
    rows = []
    for _, definition in wanted:
        row = [definition]
        for memory in options.memory:
            row += [statistics.median(part) * 1e6 / options.rows for part in zip(*costs[definition, memory])]
        rows.append(row + [sizes[definition] / 1e6, sizes[definition] / options.rows])
    head = [f"{what} {m} MB" for m in options.memory for what in ("CPU", "wall")]
    table("Build: µs a row with that maintenance_work_mem; size", ["index", *head, "MB", "B a row"], rows)
    table("Lookup: ms, newest first, LIMIT 101, one tenant; * the index wasn't used", ["index", "few", "many", "absent"], lookups)


def create(leaf, indexes):
    return "".join(f"CREATE INDEX {leaf.split('.')[1]}_{name} ON {leaf} {text};" for name, text in indexes.items())


def drop(server, indexes):
    server("".join(f"DROP INDEX IF EXISTS {LEAF}_{name};" for name in indexes))


def measure_sets(server, options):
    rows, memory = [], options.memory[0]
    settings = f"SET max_parallel_maintenance_workers = 0; SET maintenance_work_mem = '{memory}MB'"
    for label, indexes in SETS.items():
        runs, size = [], 0
        for _ in range(options.rounds):
            runs.append([sum(p) for p in zip((0, 0), *(server.cost(create(LEAF, {n: d}), settings) for n, d in indexes.items()))])
            size = int(server(f"SELECT pg_indexes_size('{LEAF}')"))
            drop(server, indexes)
        rows.append([label, len(indexes), *(statistics.median(part) * 1e6 / options.rows for part in zip(*runs)), size / 1e6])
    check = f"ALTER TABLE {LEAF} ADD CONSTRAINT again CHECK (occurred_at >= '2025-12-31Z' AND occurred_at <= '2027-01-01Z')"
    rows.append(["ADD CHECK", "", *(part * 1e6 / options.rows for part in server.cost(check)), ""])
    server(f"ALTER TABLE {LEAF} DROP CONSTRAINT again")
    for command in ("VACUUM (FREEZE)", "ANALYZE"):
        rows.append([command, "", *(part * 1e6 / options.rows for part in server.cost(f"{command} {LEAF}")), ""])
    table(f"Sets: µs a row, {memory} MB; MB with the BRIN index on occurred_at", ["set", "indexes", "CPU", "wall", "MB"], rows)


def explain(server, found):
    """Through the view, as people ask it: which index serves each filter of the first set."""
    indexes = next(iter(SETS.values()))
    server(create(LEAF, indexes) + f"VACUUM ANALYZE {LEAF}")
    rows = []
    names = {"tenant_id": ("tenant", "tenants", "slug"), "type_id": ("type", "event_types", "name")}
    for key in KEYS:
        for kind in ("few", "many", "absent"):
            value, tenant = found[key][kind]
            column, registry, text = names.get(key, (key, "", ""))
            if registry:
                value = server(f"SELECT {text} FROM docket.{registry} WHERE {key} = {value}") or "none-such"
            within = " AND e.occurred_at BETWEEN '2026-01-01 00:05Z' AND '2026-01-01 00:35Z'" if key == "tenant_id" else ""
            for role in ("bench_auditor", "docket_reader"):
                time, _, plan = ask(server, f"e.{column} = '{value}'{within}", role, 3, "docket.audit_log AS e",
                                    "ORDER BY e.occurred_at DESC LIMIT 101")
                used = " + ".join(sorted(set(re.findall(r"events_000001_(\w+)", plan)))) or "Seq Scan"
                scan = re.search(r"->  ([\w ]+ on events_000001\w*|Index Scan[\w ]* using events_\w+)", plan).group(1)
                line = re.search(r"Index Cond: (.*)", plan)
                rows.append([f"{column}, {kind}", role, time, used, scan, line.group(1)[:150] if line else ""])
    table("The view: ms and index", ["filter", "role", "ms", "index", "scan", "Index Cond"], rows)
    drop(server, indexes)


def measure_planning(server, options):
    """Planning with many sealed leaves, each with a CHECK on half a day of its own. Their rows don't matter, so they are few."""
    rows = []
    queries = {
        "8 segments": ("docket.events AS e", "segment_id = ANY ('{10,11,12,13,14,15,16,17}') AND tenant_id = 1 AND session_id = 'x'", ORDER),
        "view, time": ("docket.audit_log AS e", "tenant = 'default' AND occurred_at BETWEEN '2030-01-11 01:00Z' AND '2030-01-12 01:00Z'", ""),
        "view, session": ("docket.audit_log AS e", "session_id = 'x'", ""),
    }
    for label, indexes in SETS.items():
        for first in range(2, options.leaves + 2, 50):
            text = "SET synchronous_commit = off;"
            for n in range(first, min(first + 50, options.leaves + 2)):
                leaf, low, high = f"docket.events_{n:06d}", *(f"'2030-01-01Z'::timestamptz + {m} * interval '12 hours'" for m in (n, n + 1))
                text += f"""BEGIN; CREATE TABLE {leaf} (LIKE docket.events);
                    INSERT INTO {leaf} SELECT * FROM {LEAF} LIMIT 100; UPDATE {leaf} SET segment_id = {n}, occurred_at = {low};
                    DO $$ BEGIN EXECUTE format('ALTER TABLE {leaf} ADD CHECK (occurred_at >= %L AND occurred_at < %L)', {low}, {high}); END $$;
                    {create(leaf, indexes)} ALTER TABLE docket.events ATTACH PARTITION {leaf} FOR VALUES IN ({n}); COMMIT; VACUUM ANALYZE {leaf};"""
            server(text)
        for name, (source, where, order) in queries.items():
            query = f"EXPLAIN (SUMMARY) SELECT * FROM {source} WHERE {where} {order};"
            role = "SET SESSION AUTHORIZATION bench_auditor;"
            runs = [[float(t) for t in re.findall(r"Planning Time: ([\d.]+)", server(role + query * 7))] for _ in range(options.rounds)]
            locks = server(f"{role} BEGIN; {query} SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid(); COMMIT;").splitlines()[-1]
            cold, warm = statistics.median(run[0] for run in runs), statistics.median(t for run in runs for t in run[2:])
            rows.append([f"{label} ({len(indexes)}): {name}", cold, warm, locks])
        server("".join(f"DROP TABLE docket.events_{n:06d};" for n in range(2, options.leaves + 2)))
    table(f"Planning with {options.leaves} sealed leaves: ms", ["set (indexes): query", "fresh backend", "warm backend", "locks"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connection", help="superuser's connection string to an empty database; default: a private server")
    parser.add_argument("--bindir", help="PostgreSQL's programs; default: found with pg_config or under /usr/lib/postgresql")
    parser.add_argument("--rows", type=int, default=2_000_000, help="rows in the leaf")
    parser.add_argument("--rounds", type=int, default=3, help="builds of each index, of which the median counts")
    parser.add_argument("--memory", type=lambda s: [int(p) for p in s.split(",")], default=[64, 256], help="maintenance_work_mem in MB")
    parser.add_argument("--event-ids", choices=EVENT_IDS, default="v7", help="time-ordered or random event ids")
    parser.add_argument("--only", default="", help="regular expression for the keys of the candidates")
    parser.add_argument("--leaves", type=int, default=500, help="sealed leaves when planning is measured")
    parser.add_argument("--parts", default="candidates,sets,explain,planning", help="what to measure")
    options = parser.parse_args()
    bindir = options.bindir or max(glob.glob("/usr/lib/postgresql/*/bin"), default=None) or subprocess.check_output(
        ["pg_config", "--bindir"], text=True).strip()
    opened = contextlib.nullcontext(Server(options.connection, bindir)) if options.connection else private_server(bindir)
    with opened as server:
        prepare(server, options)
        found = values(server)
        if "candidates" in options.parts:
            measure_candidates(server, options, found)
        if "sets" in options.parts:
            measure_sets(server, options)
        if "explain" in options.parts:
            explain(server, found)
        if "planning" in options.parts:
            measure_planning(server, options)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Measures candidate indexes of a sealed segment: build, size, lookup and planning. See README.md."""
import argparse, collections, contextlib, glob, os, re, shutil, statistics, subprocess, sys, tempfile
from datetime import datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEAF, ROLES = "docket.events_000001", ("bench_auditor", "docket_reader")
SETTINGS = "SET max_parallel_maintenance_workers = 0; SET maintenance_work_mem = '{}MB'"
ORDER = "ORDER BY e.occurred_at DESC, e.batch_id DESC, e.position DESC"
EVENT_IDS = {"v7": "lpad(to_hex(millis), 12, '0') || '7' || substr(md5(i::text), 1, 3) || '8' || substr(md5(i::text), 5, 15)",
             "random": "md5('e' || i)"}
KEYS = "tenant_id event_id type_id scope actor_id session_id request_id agent_id resource_id resource_type trace_id".split()

def bloom(*columns, pages):
    classes = {"event_id": "uuid", "trace_id": "bytea", "type_id": "int4"}
    options = {"type_id": 20, "scope": 50, "resource_type": 20, "agent_id": 200}
    parts = (f"{c} {classes.get(c, 'text')}_bloom_ops (n_distinct_per_range = {options.get(c, 20 * pages)})" for c in columns)
    return f"USING brin ({', '.join(parts)}) WITH (pages_per_range = {pages})"

# What is compared: the keys that an index is asked for, and its definitions.
IDS, FEW_VALUES = ("session_id", "request_id", "trace_id"), ("scope", "type_id", "agent_id", "resource_type")
COMPARED = {
    "tenant_id": ["(tenant_id, occurred_at)", "(tenant_id, occurred_at, batch_id, position)"],
    "event_id": ["(event_id)", "USING hash (event_id)", bloom("event_id", pages=32)],
    "type_id": ["(type_id)", "(type_id, occurred_at)", "(tenant_id, type_id, occurred_at)"],
    "scope": ["(scope)", "(scope, occurred_at)", "(tenant_id, scope, occurred_at)"],
    "actor_id": ["(actor_id)", "(actor_id, occurred_at)", "USING hash (actor_id)", "(hashtextextended(actor_id, 0))"],
    "session_id": ["(session_id)", "(session_id) WHERE session_id IS NOT NULL", "USING hash (session_id)",
                   "(hashtextextended(session_id, 0))", bloom("session_id", pages=32)],
    "request_id": ["(request_id)", "USING hash (request_id)"],
    "agent_id": ["(agent_id)", "(agent_id) WHERE agent_id IS NOT NULL", "(agent_id, occurred_at) WHERE agent_id IS NOT NULL"],
    "resource_id": ["(resource_id)", "(resource_id, resource_type)", "USING hash (resource_id)"],
    "resource_type": ["(resource_type, resource_id)"],
    "trace_id": ["(trace_id)", "USING hash (trace_id)", "(encode(trace_id, 'hex'))"],
    " ".join(IDS): [f"USING gin ({', '.join(IDS)})", bloom(*IDS, pages=16), bloom(*IDS, pages=64)],
    " ".join(FEW_VALUES): [f"USING gin ({', '.join(FEW_VALUES)})", bloom(*FEW_VALUES, pages=32), bloom(*FEW_VALUES, pages=128)],
}
CANDIDATES = [(keys, definition) for keys, definitions in COMPARED.items() for definition in definitions]
# Whole sets, in build order; the first is the recommended one.
TIMES = {"tenant": "(tenant_id, occurred_at)", "event_id": "(event_id)"}
FEW = "USING gin (scope, type_id, agent_id, resource_type, actor_id, decision)"
EXACT = {key: f"({key})" for key in ("session_id", "request_id", "resource_id", "trace_id")}
SETS = {
    "recommended": TIMES | {"few": FEW} | {key: f"({key}) WHERE {key} IS NOT NULL" for key in EXACT},
    "not partial": TIMES | {"few": FEW} | EXACT,
    "B-trees alone": TIMES | {"type": "(tenant_id, type_id, occurred_at)"} | EXACT
        | {key: f"({key})" for key in ("scope", "actor_id", "agent_id", "resource_type")},
    "bloom for ids": TIMES | {"few": FEW, "ids": bloom(*IDS, pages=32), "resource_id": "(resource_id)"},
    "none": {},
}

class Server:
    """psql against a database, as a superuser who takes on other roles."""

    def __init__(self, connection, bindir, user=None):
        self.command = [f"{bindir}/psql", "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", connection]
        self.user = user

    def __call__(self, sql):
        done = subprocess.run(self.command, input=sql, text=True, user=self.user, cwd="/", stdout=-1, stderr=-2)
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
    here = Path(__file__).parent
    server((here / "schema.sql").read_text())
    for file in ["0001_registry", "0002_events", "0003_access"]:
        server((ROOT / f"Sources/DocketPostgres/Migrations/{file}.sql").read_text())
    server((here / "fill.sql").read_text().format(leaf=LEAF, rows=options.rows, first="2025-12-31Z", event_id=EVENT_IDS[options.event_ids]))
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
        few, many = (row.split("\t") for row in rows.splitlines())
        absent = {"tenant_id": "999", "type_id": "999", "event_id": "0" * 32, "trace_id": "\\x00"}.get(key, "none-such")
        found[key] = {"few": few[:2], "many": many[:2], "absent": [absent, many[1]]}
    return found

def condition(key, value, definition=""):
    if "encode(" in definition:
        return f"encode(e.{key}, 'hex') = '{value[2:]}'"
    if "hashtextextended(" in definition:
        return f"hashtextextended(e.{key}, 0) = hashtextextended('{value}', 0)"
    return f"e.{key} = ANY (ARRAY[{value}])" if key == "type_id" else f"e.{key} = '{value}'"

def ask(server, where, role="docket_reader", repeat=7, source="docket.events AS e", order=ORDER + " LIMIT 101"):
    """Median execution and planning milliseconds of a query, and its plan."""
    query = f"EXPLAIN (ANALYZE, TIMING OFF, BUFFERS OFF) SELECT * FROM {source} WHERE {where} {order};"
    out = server(f"""SELECT set_config('docket.tenant_ids', (SELECT string_agg(tenant_id::text, ',') FROM docket.tenants), false);
        SET SESSION AUTHORIZATION {role}; SET jit = off; {query * (repeat + 1)}""")
    times = lambda label: [float(t) for t in re.findall(label + r" Time: ([\d.]+)", out)][1:]
    return statistics.median(times("Execution")), statistics.median(times("Planning")), out

def api(key, pair, definition=""):
    tenants = "" if key == "tenant_id" else f"e.tenant_id = {pair[1]} AND "
    return f"e.segment_id = ANY ('{{1}}') AND {tenants}{condition(key, pair[0], definition)}"

def measure_candidates(server, options, found):
    costs = collections.defaultdict(list)
    wanted, lookups, sizes = [c for c in CANDIDATES if re.search(options.only, c[0])], [], {}
    for turn in range(options.rounds):
        for keys, definition in wanted:
            for memory in options.memory:
                costs[definition, memory].append(server.cost(f"CREATE INDEX candidate ON {LEAF} {definition}", SETTINGS.format(memory)))
                if turn == 0 and memory == options.memory[-1]:
                    server(f"ANALYZE {LEAF}" if "(hash" in definition or "(encode" in definition else "")
                    sizes[definition] = int(server("SELECT pg_relation_size('docket.candidate')"))
                    for key in keys.split():
                        asked = [ask(server, api(key, pair, definition)) for pair in found[key].values()]
                        lookups.append([f"{key}: {definition}", *(f"{t:.2f}" + "*" * (" candidate" not in plan) for t, _, plan in asked)])
                server("DROP INDEX docket.candidate")
    medians = lambda d: [statistics.median(part) * 1e6 / options.rows for m in options.memory for part in zip(*costs[d, m])]
    rows = [[definition, *medians(definition), sizes[definition] / 1e6, sizes[definition] / options.rows] for _, definition in wanted]
    head = [f"{what} {m} MB" for m in options.memory for what in ("CPU", "wall")]
    table("Build: µs a row with that maintenance_work_mem; size", ["index", *head, "MB", "B a row"], rows)
    table("Lookup: ms, newest first, LIMIT 101, one tenant; * the index wasn't used", ["index", "few", "many", "absent"], lookups)

def create(leaf, indexes):
    return "".join(f"CREATE INDEX {leaf.split('.')[1]}_{name} ON {leaf} {text};" for name, text in indexes.items())

def drop(server, indexes):
    server("".join(f"DROP INDEX {LEAF}_{name};" for name in indexes))

def measure_sets(server, options):
    rows, memory = [], options.memory[0]
    for label, indexes in SETS.items():
        runs, size = [], 0
        for _ in range(options.rounds):
            runs.append([sum(p) for p in zip((0, 0), *(server.cost(create(LEAF, {n: d}), SETTINGS.format(memory)) for n, d in indexes.items()))])
            size = int(server(f"SELECT pg_indexes_size('{LEAF}')"))
            drop(server, indexes)
        rows.append([label, len(indexes), *(statistics.median(part) * 1e6 / options.rows for part in zip(*runs)), size / 1e6])
    check = f"CONSTRAINT again CHECK (occurred_at >= '2025-12-31Z' AND occurred_at <= '2027-01-01Z')"
    for what, command in [("CHECK", f"ALTER TABLE {LEAF} ADD {check}"), ("ANALYZE", f"ANALYZE {LEAF}")]:
        rows.append([what, "", *(part * 1e6 / options.rows for part in server.cost(command)), ""])
    server(f"ALTER TABLE {LEAF} DROP CONSTRAINT again")
    table(f"Sets: µs a row, {memory} MB; MB with the BRIN index on occurred_at", ["set", "indexes", "CPU", "wall", "MB"], rows)

def explain(server, found):
    """With the first set in place: which index serves each filter, asked by the API and through the view."""
    indexes = next(iter(SETS.values()))
    server(create(LEAF, indexes) + f"VACUUM ANALYZE {LEAF}")
    names = {"tenant_id": ("tenant", "tenants", "slug"), "type_id": ("type", "event_types", "name")}
    rows = []
    for key in KEYS:
        for kind in ("few", "many", "absent"):
            value, column = found[key][kind][0], key
            if key in names:
                column, registry, text = names[key]
                value = server(f"SELECT {text} FROM docket.{registry} WHERE {key} = {value}") or "none-such"
            within = " AND e.occurred_at BETWEEN '2026-01-01 00:05Z' AND '2026-01-01 00:15Z'" if key == "tenant_id" else ""
            asked = [ask(server, api(key, found[key][kind]))] + [
                ask(server, f"e.{column} = '{value}'{within}", role, 3, "docket.audit_log AS e", "") for role in ROLES]
            row = [f"{key}, {kind}"]
            for time, _, plan in asked:
                row += [time, " + ".join(sorted(set(re.findall(r"events_000001_(\w+)", plan)))) or "Seq Scan"]
            rows.append(row)
    heads = [text for who in ("API", *ROLES) for text in (f"{who}, ms", "index")]
    table("Filters with the recommended set; the API asks for one tenant's newest 101, the view for all", ["filter", *heads], rows)
    drop(server, indexes)

def measure_planning(server, options):
    """Planning with many sealed leaves, each with a CHECK on half a day of its own. Their rows don't matter, so they are few."""
    rows, role, template = [], "SET SESSION AUTHORIZATION bench_auditor;", (Path(__file__).parent / "leaf.sql").read_text()
    queries = {
        "8 segments": ("docket.events AS e", "segment_id = ANY ('{10,11,12,13,14,15,16,17}') AND tenant_id = 1 AND session_id = 'x'", ORDER),
        "view, time": ("docket.audit_log AS e", "tenant = 'default' AND occurred_at BETWEEN '2030-01-11 01:00Z' AND '2030-01-12 01:00Z'", ""),
        "view, session": ("docket.audit_log AS e", "session_id = 'x'", ""),
    }
    for label, indexes in SETS.items():
        for n in range(2, options.leaves + 2):
            leaf, low, high = f"docket.events_{n:06d}", *(str(datetime(2030, 1, 1) + timedelta(hours=12 * m)) + "Z" for m in (n, n + 1))
            server(template.format(leaf=leaf, model=LEAF, n=n, low=low, high=high, indexes=create(leaf, indexes)))
        for name, (source, where, order) in queries.items():
            query = f"EXPLAIN (SUMMARY) SELECT * FROM {source} WHERE {where} {order};"
            runs = [[float(t) for t in re.findall(r"Planning Time: ([\d.]+)", server(f"{role} {query * 7}"))] for _ in range(options.rounds)]
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
    parser.add_argument("--parts", default="candidates,sets,explain,planning", help="what to measure, of these")
    options = parser.parse_args()
    bindir = options.bindir or max(glob.glob("/usr/lib/postgresql/*/bin"), default=None) or subprocess.check_output(
        ["pg_config", "--bindir"], text=True).strip()
    with contextlib.nullcontext(Server(options.connection, bindir)) if options.connection else private_server(bindir) as server:
        prepare(server, options)
        found = values(server)
        parts = {"candidates": lambda: measure_candidates(server, options, found), "sets": lambda: measure_sets(server, options),
                 "explain": lambda: explain(server, found), "planning": lambda: measure_planning(server, options)}
        for part in options.parts.split(","):
            parts[part]()

if __name__ == "__main__":
    main()

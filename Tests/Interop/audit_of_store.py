"""What must be true of a store once everything has come to rest, whatever was killed before."""

from collections import Counter
from uuid import UUID

from docket.v1.event_pb2 import Event
from moments import INDEXES
from private_postgres import PrivatePostgres, Session
from producers import Sent, until
from store_content import differing

REST_SECONDS = 300

# Each gives the rows that contradict its name.
CONTRADICTIONS = {
    "each batch is whole, in one segment, and has its row": """
        SELECT batch_id, b.accepted_count, e.n, e.positions, e.segments, b.segment_id, e.segment_id
        FROM docket.batches AS b FULL JOIN (
            SELECT batch_id, count(*) AS n, count(DISTINCT position) AS positions, count(DISTINCT tableoid) AS segments,
                min(segment_id) AS segment_id, min(tenant_id) AS tenant_id, max(tenant_id) AS last_tenant_id
            FROM docket.events GROUP BY batch_id) AS e USING (batch_id)
        WHERE b.sequence IS NULL OR b.accepted_count <> coalesce(e.n, 0) OR e.positions <> e.n OR e.segments > 1
            OR e.segment_id <> b.segment_id OR e.tenant_id <> b.tenant_id OR e.last_tenant_id <> b.tenant_id""",
    "each event of a batch is either stored or in quarantine, at a place of its own": """
        SELECT b.batch_id, b.event_count, p.n, p.places, p.last
        FROM docket.batches AS b JOIN (
            SELECT batch_id, count(*) AS n, count(DISTINCT position) AS places, max(position) AS last FROM (
                SELECT batch_id, position FROM docket.events
                UNION ALL SELECT batch_id, position FROM docket.quarantine) AS both_
            GROUP BY batch_id) AS p USING (batch_id)
        WHERE p.n <> b.event_count OR p.places <> b.event_count OR p.last <> b.event_count - 1""",
    "a row's segment is the one whose table it is in": """
        SELECT e.tableoid::regclass, e.segment_id, count(*) FROM docket.events AS e
        LEFT JOIN docket.segments AS s ON s.segment_id = e.segment_id
            AND ('docket.' || s.table_name)::regclass = e.tableoid
        WHERE s.segment_id IS NULL GROUP BY 1, 2""",
    "each log runs from 0 without a gap, and names no batch twice": """
        SELECT tenant_id, min(log_index), max(log_index), count(*), count(DISTINCT batch_id) FROM docket.log_entries
        GROUP BY tenant_id
        HAVING min(log_index) <> 0 OR max(log_index) + 1 <> count(*) OR count(DISTINCT batch_id) <> count(*)""",
    "the log has each batch as it is": """
        SELECT coalesce(b.batch_id, l.batch_id), b.tenant_id, l.tenant_id, b.segment_id, l.segment_id, l.log_index
        FROM docket.batches AS b FULL JOIN docket.log_entries AS l ON l.batch_id = b.batch_id
        WHERE (b.tenant_id, b.producer_id, b.sequence, b.segment_id, b.event_count, b.accepted_count, b.root)
            IS DISTINCT FROM
            (l.tenant_id, l.producer_id, l.sequence, l.segment_id, l.event_count, l.accepted_count, l.root)
            OR l.removed_at IS NOT NULL""",
    "every segment but the hot one is sealed, checked and frozen": """
        SELECT segment_id, state, row_count, sealed_at, checked_at, frozen_at FROM docket.segments
        WHERE CASE WHEN segment_id = (SELECT max(segment_id) FROM docket.segments) THEN state <> 'hot'
            ELSE state <> 'sealed'
                OR num_nulls(rotated_at, sealed_at, checked_at, frozen_at, settled_xid, row_count) > 0 END""",
    "every sealed segment has its indexes, valid, and no other": f"""
        SELECT s.table_name, array_agg(c.relname ORDER BY c.relname) FROM docket.segments AS s
        LEFT JOIN pg_index AS i ON i.indrelid = ('docket.' || s.table_name)::regclass
        LEFT JOIN pg_class AS c ON c.oid = i.indexrelid
        WHERE s.state <> 'hot' GROUP BY s.table_name
        HAVING NOT coalesce(bool_and(i.indisvalid AND i.indisready), false)
            OR array_agg(c.relname::text ORDER BY c.relname) <> (
                SELECT array_agg(s.table_name || '_' || x ORDER BY s.table_name || '_' || x)
                FROM unnest('{{{",".join(INDEXES)}}}'::text[]) AS x)""",
    "every sealed segment has a validated CHECK on its times": """
        SELECT s.table_name FROM docket.segments AS s WHERE s.state <> 'hot' AND NOT EXISTS (
            SELECT FROM pg_constraint AS k WHERE k.conrelid = ('docket.' || s.table_name)::regclass
                AND k.conname = s.table_name || '_times' AND k.contype = 'c' AND k.convalidated)""",
    "every sealed segment is frozen": """
        SELECT s.table_name, c.relfrozenxid, s.settled_xid FROM docket.segments AS s
        JOIN pg_class AS c ON c.oid = ('docket.' || s.table_name)::regclass
        WHERE s.state <> 'hot' AND age(c.relfrozenxid) > age(s.settled_xid::xid)""",
    "what was counted of a segment is what is in it": """
        SELECT s.segment_id, s.row_count, e.* FROM docket.segments AS s LEFT JOIN (
            SELECT segment_id, count(*) AS n, min(occurred_at) AS begun, max(occurred_at) AS ended,
                min(batch_id) AS first, max(batch_id) AS last
            FROM docket.events GROUP BY segment_id) AS e USING (segment_id)
        WHERE s.state <> 'hot'
            AND (s.row_count, s.min_occurred_at, s.max_occurred_at, s.min_batch_id, s.max_batch_id)
            IS DISTINCT FROM (coalesce(e.n, 0), e.begun, e.ended, e.first, e.last)""",
    "what was counted of a tenant in a segment is what is in it": """
        SELECT * FROM docket.segment_tenants AS t FULL JOIN (
            SELECT segment_id, tenant_id, count(*) AS n, min(batch_id) AS first, max(batch_id) AS last
            FROM docket.events JOIN docket.segments AS s USING (segment_id) WHERE s.state <> 'hot' GROUP BY 1, 2
        ) AS e USING (segment_id, tenant_id)
        WHERE (t.row_count, t.min_batch_id, t.max_batch_id) IS DISTINCT FROM (e.n, e.first, e.last)""",
    "the tables are those of the segments, and all are attached": """
        SELECT coalesce(c.relname, s.table_name), s.state, i.inhdetachpending
        FROM (SELECT * FROM pg_class WHERE relnamespace = 'docket'::regnamespace AND relkind = 'r'
            AND relname ~ '^events_[0-9]+$') AS c
        FULL JOIN docket.segments AS s ON s.table_name = c.relname
        LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid AND i.inhparent = 'docket.events'::regclass
        WHERE c.oid IS NULL OR s.segment_id IS NULL OR i.inhrelid IS NULL OR i.inhdetachpending""",
    "a writer can write the hot segment, and no other": """
        SELECT table_name, state FROM docket.segments
        WHERE has_table_privilege('docket_writer', 'docket.' || table_name, 'INSERT') <> (state = 'hot')""",
}


def wait_for_rest(postgres: PrivatePostgres) -> None:
    """Waits until all segments but one are finished, that one isn't about to be, and all batches are in the log."""
    session = Session(postgres)
    open_ends = """
        SELECT (SELECT count(*) FROM docket.segments WHERE state NOT IN ('hot', 'sealed')
                OR state = 'sealed' AND (frozen_at IS NULL OR checked_at IS NULL)
                OR state = 'hot' AND (SELECT segment_rows FROM docket.store_policy)
                    <= (SELECT count(*) FROM docket.events AS e WHERE e.segment_id = segments.segment_id)),
            (SELECT count(*) FROM docket.batches) - (SELECT count(*) FROM docket.log_entries)"""
    found = []
    for _ in until(REST_SECONDS, pause=0.1):
        found = session.ask(open_ends)[0]
        if found == ["0", "0"]:
            break
    session.close()
    # What is left over is named by the audit.
    print(f"segments unfinished, batches not in the log: {found}")


def contradictions(postgres: PrivatePostgres) -> list[str]:
    """What the store says that can't be, with the first rows that say it."""
    session = Session(postgres)
    found = []
    for name, query in CONTRADICTIONS.items():
        if rows := session.ask(query):
            found.append(f"not so: {name}; {len(rows)} rows, such as {rows[:5]}")
    session.close()
    return found


def misplaced(postgres: PrivatePostgres, sent: Sent) -> list[str]:
    """What was sent and is not where it belongs, unchanged and once; and what is there and was not sent."""
    session = Session(postgres)
    rows = session.ask(
        "SELECT t.slug, q.code, encode(q.event, 'hex') FROM docket.quarantine AS q LEFT JOIN docket.tenants AS t "
        "ON t.tenant_id = q.tenant_id"
    )
    session.close()
    wrong = []
    quarantined = Counter()
    for tenant, code, event in rows:
        event_id = str(UUID(bytes=Event.FromString(bytes.fromhex(event)).event_id))
        quarantined[event_id] += 1
        if code != "refused_by_store":
            wrong.append(f"{event_id} is in quarantine as {code}")
        if (wanted := sent.poisoned.get(event_id)) != tenant:
            wrong.append(f"{event_id} is in the quarantine of {tenant}, but belongs into that of {wanted}")
    wrong += [f"{event_id} is in quarantine {count} times" for event_id, count in quarantined.items() if count > 1]
    wrong += [f"{event_id} is not in quarantine" for event_id in sent.poisoned if event_id not in quarantined]
    return wrong + differing(sent.events, postgres.conninfo("docket_maintainer"))

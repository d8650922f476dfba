"""A log of many sealed segments, filled by SQL."""

import time
import uuid

from collector import Collector

DEADLINE_SECONDS = 600
SEGMENTS = 8
# Segment k holds the rows of the k-th day, and a little of the next one.
FIRST_DAY = "2026-01-01 00:00:00+00"
# One row in so many has the values that are looked for.
RARE_EVERY = 20011

FILL = """
    INSERT INTO docket.{table} (batch_id, occurred_at, event_id, tenant_id, type_id, position, decision, outcome, scope,
        actor_id, action, resource_type, resource_id, session_id, request_id, agent_id, trace_id, attributes)
    SELECT 1, at, md5(g::text)::uuid, (ARRAY[1, 1, 1, 1, 1, 1, 1, {others}])[1 + g % 10],
        CASE WHEN is_rare THEN {rare_type} ELSE (ARRAY[{types}])[1 + g / 7 % 5] END, 0, g % 3, g % 4,
        CASE WHEN is_rare THEN 'scope-rare' ELSE 'scope-' || g % 50 END,
        CASE WHEN is_rare THEN 'actor-rare' ELSE 'actor-' || sqrt(hashint4(g::int4)::int8 + 2147483648)::int8 / 20 END,
        'read', CASE WHEN is_rare THEN 'tape' ELSE 'kind-' || g % 12 END, 'resource-' || abs(hashint4(g::int4)) % 200000,
        'session-' || g / 20, 'request-' || g / 3,
        CASE WHEN is_rare THEN 'agent-rare' WHEN g % 2 = 0 THEN 'agent-' || g % 200 END,
        decode(md5('trace' || g / 5), 'hex'), '{{"client":"web/2.14","mfa":true,"ip":"10.1.2.3"}}'
    FROM generate_series({first}::int8, {last}::int8) AS g, LATERAL (
        SELECT '{day}'::timestamptz + interval '1 day' * {segment}
            + interval '88000 seconds' * ((g - {first})::float8 / ({last} - {first})) AS at, g % {rare} = 1 AS is_rare) AS t;
    INSERT INTO docket.batches (batch_id, sequence, received_at, producer_id, tenant_id, event_count, accepted_count, root,
        content_hash, verdict, segment_id)
    VALUES ({segment} + 1, {segment}, now(), '{producer}', 1, {rows}, {rows}, '', '', '', (
        SELECT segment_id FROM docket.segments WHERE state = 'hot'))
"""


def fill(collector: Collector, rows: int) -> None:
    """Fills segment after segment and waits until all are sealed and frozen."""
    collector.sql("UPDATE docket.store_policy SET segment_rows = 1000000000")
    others = [int(collector.sql(f"INSERT INTO docket.tenants (slug) VALUES ('{slug}') RETURNING tenant_id")[0][0])
              for slug in ("acme", "globex")]  # fmt: skip
    collector.sql("INSERT INTO docket.event_types (name) VALUES ('rare.type')")
    types = dict(collector.sql("SELECT name, type_id FROM docket.event_types WHERE NOT is_reserved"))
    rare_type = types.pop("rare.type")
    each = rows // SEGMENTS
    for segment in range(SEGMENTS):
        hot, table = collector.sql("SELECT segment_id, table_name FROM docket.segments WHERE state = 'hot'")[0]
        statement = FILL.format(
            table=table, others=f"{others[0]}, {others[0]}, {others[1]}", rare_type=rare_type, rows=each,
            types=", ".join(list(types.values())[:5]), first=segment * each, last=(segment + 1) * each - 1, day=FIRST_DAY,
            segment=segment, rare=RARE_EVERY, producer=uuid.uuid4(),
        )  # fmt: skip
        collector.sql(f"BEGIN; {statement}; COMMIT", timeout=DEADLINE_SECONDS)
        collector.sql("UPDATE docket.store_policy SET segment_rows = 1000")
        wait_until(collector, f"SELECT count(*) FROM docket.segments WHERE state = 'hot' AND segment_id > {hot}", "1")
        collector.sql("UPDATE docket.store_policy SET segment_rows = 1000000000")
    unfinished = "state <> 'hot' AND (state <> 'sealed' OR frozen_at IS NULL OR checked_at IS NULL)"
    wait_until(collector, f"SELECT count(*) FROM docket.segments WHERE {unfinished}", "0")


def wait_until(collector: Collector, statement: str, answer: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while collector.sql(statement) != [[answer]]:
        assert time.monotonic() < deadline, collector.log()
        time.sleep(0.05)

-- The hot segment's index rules out blocks by the values of columns too, and no longer by times alone. Segments to come get it
-- when they are made. Of a log that has begun, the hot one keeps what it has: building another would hold up the writers.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM docket.batches) AND EXISTS (
        SELECT FROM docket.segments WHERE table_name = 'events_000001' AND state = 'hot'
    ) THEN
        CREATE INDEX events_000001_blocks ON docket.events_000001 USING brin (
            occurred_at, (tenant_id::int8) int8_bloom_ops(n_distinct_per_range = 64),
            (type_id::int8) int8_bloom_ops(n_distinct_per_range = 64), event_id uuid_bloom_ops(n_distinct_per_range = 800),
            scope text_bloom_ops(n_distinct_per_range = 64), actor_id text_bloom_ops(n_distinct_per_range = 400),
            resource_id text_bloom_ops(n_distinct_per_range = 600), session_id text_bloom_ops(n_distinct_per_range = 400),
            request_id text_bloom_ops(n_distinct_per_range = 800), agent_id text_bloom_ops(n_distinct_per_range = 128),
            trace_id bytea_bloom_ops(n_distinct_per_range = 800)) WITH (pages_per_range = 32);
        DROP INDEX docket.events_000001_occurred_at;
    END IF;
END
$$;

-- The hot segment's index rules out blocks by the values of columns too, and no longer by times alone. Segments to come get it
-- when they are made. Building it holds up the writers, for a second where a million rows are there already. The former one
-- goes now or, since dropping it would have to wait for readers, when the segment is sealed.
DO $$
DECLARE
    hot name := (SELECT table_name FROM docket.segments WHERE state = 'hot');
    is_empty bool;
BEGIN
    EXECUTE format(
        'CREATE INDEX %I ON docket.%I USING brin (occurred_at, tenant_id int4_bloom_ops(n_distinct_per_range = 64), '
        'type_id int4_bloom_ops(n_distinct_per_range = 64), event_id uuid_bloom_ops(n_distinct_per_range = 800), '
        'scope text_bloom_ops(n_distinct_per_range = 64), actor_id text_bloom_ops(n_distinct_per_range = 400), '
        'resource_id text_bloom_ops(n_distinct_per_range = 600), session_id text_bloom_ops(n_distinct_per_range = 400), '
        'request_id text_bloom_ops(n_distinct_per_range = 800), agent_id text_bloom_ops(n_distinct_per_range = 128), '
        'trace_id bytea_bloom_ops(n_distinct_per_range = 800)) WITH (pages_per_range = 32)', hot || '_blocks', hot);
    EXECUTE format('SELECT NOT EXISTS (SELECT FROM docket.%I)', hot) INTO is_empty;
    IF is_empty THEN
        EXECUTE format('DROP INDEX docket.%I', hot || '_occurred_at');
    END IF;
END
$$;

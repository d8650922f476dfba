-- What tenants that only observe have stored in spite of their rules, and what they say about clocks.

ALTER TABLE docket.tenants
    ADD COLUMN clock_mode text COLLATE "C" NOT NULL DEFAULT 'observe' CHECK (clock_mode IN ('enforce', 'observe')),
    ADD COLUMN max_clock_ahead_seconds int8 DEFAULT 300 CHECK (max_clock_ahead_seconds BETWEEN 0 AND 3155760000),
    ADD COLUMN max_clock_behind_seconds int8 CHECK (max_clock_behind_seconds BETWEEN 0 AND 3155760000);
COMMENT ON COLUMN docket.tenants.clock_mode IS 'enforce: an event whose occurred_at is too far from the collector''s clock is rejected; observe: marked.';
COMMENT ON COLUMN docket.tenants.max_clock_ahead_seconds IS 'How far in the future occurred_at may be; NULL: as far as it likes.';
COMMENT ON COLUMN docket.tenants.max_clock_behind_seconds IS 'How far in the past occurred_at may be; NULL: as far as it likes.';
COMMENT ON COLUMN docket.tenants.event_type_mode IS 'enforce: what breaks its definition, or has an unknown type, is rejected; observe: marked; open: definitions are not looked at, and any type is taken.';

ALTER TABLE docket.event_types ADD COLUMN is_observed bool NOT NULL DEFAULT false;
COMMENT ON COLUMN docket.event_types.is_observed IS 'Nobody has registered it: a collector has seen it in a tenant that takes unknown types.';

-- In docket.batches, which writers COPY into and which is kept as long as its events are.
ALTER TABLE docket.batches
    ADD COLUMN min_skew_us int8,
    ADD COLUMN max_skew_us int8,
    ADD COLUMN mark_positions int4[],
    ADD COLUMN mark_codes text[] COLLATE "C",
    ADD COLUMN mark_fields text[] COLLATE "C";
COMMENT ON COLUMN docket.batches.min_skew_us IS 'The least occurred_at of its events minus received_at, in microseconds; NULL: it has no events, or is older than this column.';
COMMENT ON COLUMN docket.batches.max_skew_us IS 'The greatest occurred_at of its events minus received_at, in microseconds.';
COMMENT ON COLUMN docket.batches.mark_positions IS 'Which of its events are stored in spite of a rule: their indexes in the batch; NULL: none.';
COMMENT ON COLUMN docket.batches.mark_codes IS 'The sort of fault of each mark, such as unknown_event_type.';
COMMENT ON COLUMN docket.batches.mark_fields IS 'The field at fault of each mark.';

-- docket.batches has no row-level security, since writers COPY into it: so this looks for what the asking role may see.
CREATE FUNCTION docket.visible_event_marks()
RETURNS TABLE (tenant text, batch_id int8, "position" int4, code text, field text, received_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT t.slug, b.batch_id, mark.position, mark.code, mark.field, b.received_at
    FROM docket.batches AS b
    JOIN docket.tenants AS t USING (tenant_id),
        unnest(b.mark_positions, b.mark_codes, b.mark_fields) AS mark (position, code, field)
    WHERE b.mark_positions IS NOT NULL AND b.tenant_id = ANY ((SELECT docket.visible_tenant_ids())::int4[])
$$;
COMMENT ON FUNCTION docket.visible_event_marks() IS 'What docket.event_marks shows.';
REVOKE ALL ON FUNCTION docket.visible_event_marks() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION docket.visible_event_marks() TO docket_reader, docket_auditor;

CREATE VIEW docket.event_marks WITH (security_invoker = true) AS
SELECT tenant, batch_id, "position", code, field, received_at FROM docket.visible_event_marks();
COMMENT ON VIEW docket.event_marks IS 'Events that are stored in spite of a rule, as far as the asking role may see them; docket.audit_log has them by batch_id and position.';
COMMENT ON COLUMN docket.event_marks.tenant IS 'The tenant whose log it is in.';
COMMENT ON COLUMN docket.event_marks.batch_id IS 'The batch that it came with.';
COMMENT ON COLUMN docket.event_marks.position IS 'Its index in its batch, from 0.';
COMMENT ON COLUMN docket.event_marks.code IS 'The sort of fault, such as unknown_event_type.';
COMMENT ON COLUMN docket.event_marks.field IS 'The field at fault, such as actor.id.';
COMMENT ON COLUMN docket.event_marks.received_at IS 'When the collector received it.';
GRANT SELECT ON docket.event_marks TO docket_reader, docket_auditor;

-- The collector may add names, and nothing else, for tenants that take them. So many for each: they cost memory everywhere.
CREATE FUNCTION docket.observe_event_types(tenants int4[], names text[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO docket.event_types (tenant_id, name, is_observed)
    SELECT seen.tenant_id, seen.name, true
    FROM (
        SELECT tenant_id, name, row_number() OVER (PARTITION BY tenant_id) AS number
        FROM unnest(tenants, names) AS given (tenant_id, name)
        WHERE name ~ '^[a-z0-9_]+(\.[a-z0-9_]+)*$' AND octet_length(name) <= 128 AND NOT starts_with(name, 'docket.')
            AND NOT EXISTS (SELECT FROM docket.event_types AS own WHERE own.is_reserved AND own.name = given.name)
    ) AS seen
    JOIN docket.tenants AS t ON t.tenant_id = seen.tenant_id AND t.event_type_mode <> 'enforce'
    WHERE seen.number + (
            SELECT count(*) FROM docket.event_types AS y WHERE y.tenant_id = seen.tenant_id AND y.is_observed
        ) <= 1000
    ORDER BY seen.tenant_id, seen.name
    ON CONFLICT (tenant_id, name) DO NOTHING
$$;
COMMENT ON FUNCTION docket.observe_event_types(int4[], text[]) IS 'Adds event types that tenants have been seen to use, up to 1,000 for each.';
REVOKE ALL ON FUNCTION docket.observe_event_types(int4[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION docket.observe_event_types(int4[], text[]) TO docket_writer;

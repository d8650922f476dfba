-- What tenants may send.

ALTER TABLE docket.tenants
    ADD COLUMN quota_events_per_second int8 CHECK (quota_events_per_second BETWEEN 1 AND 1000000000000),
    ADD COLUMN quota_bytes_per_second int8 CHECK (quota_bytes_per_second BETWEEN 1 AND 1000000000000),
    ADD COLUMN quota_burst_seconds int8 NOT NULL DEFAULT 10 CHECK (quota_burst_seconds BETWEEN 1 AND 3600),
    ADD COLUMN quota_bytes_per_day int8 CHECK (quota_bytes_per_day BETWEEN 1 AND 1000000000000000),
    ADD COLUMN quota_batches_in_flight int8 CHECK (quota_batches_in_flight BETWEEN 1 AND 1000000);
COMMENT ON COLUMN docket.tenants.quota_events_per_second IS 'How many events it may send in a second, over all collectors; NULL: any number.';
COMMENT ON COLUMN docket.tenants.quota_bytes_per_second IS 'How many bytes of requests it may send in a second, over all collectors; NULL: any number.';
COMMENT ON COLUMN docket.tenants.quota_burst_seconds IS 'For how many seconds'' worth of either more may come at once.';
COMMENT ON COLUMN docket.tenants.quota_bytes_per_day IS 'How many bytes of requests it may send in a day, by UTC; NULL: any number.';
COMMENT ON COLUMN docket.tenants.quota_batches_in_flight IS 'How many of its batches may be unanswered at once, over all collectors; NULL: any number.';

CREATE TABLE docket.tenant_usage (
    tenant_id int4 NOT NULL REFERENCES docket.tenants ON DELETE CASCADE,
    day date NOT NULL,
    bytes int8 NOT NULL,
    PRIMARY KEY (tenant_id, day)
);
COMMENT ON TABLE docket.tenant_usage IS 'What tenants with a quota a day have sent, as far as collectors have said so by now.';
COMMENT ON COLUMN docket.tenant_usage.tenant_id IS 'The tenant.';
COMMENT ON COLUMN docket.tenant_usage.day IS 'The day, by UTC.';
COMMENT ON COLUMN docket.tenant_usage.bytes IS 'Bytes of requests that were taken, decompressed.';
ALTER TABLE docket.tenant_usage ENABLE ROW LEVEL SECURITY;

-- Rows are locked in one order. Days that are over are forgotten by whoever comes by.
CREATE FUNCTION docket.exchange_usage(today date, tenants int4[], sent int8[])
RETURNS TABLE (tenant_id int4, bytes int8)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO docket.tenant_usage AS known (tenant_id, day, bytes)
    SELECT t.tenant_id, today, greatest(used.sent, 0)
    FROM unnest(tenants, sent) AS used (tenant_id, sent) JOIN docket.tenants AS t ON t.tenant_id = used.tenant_id
    ORDER BY t.tenant_id
    ON CONFLICT (tenant_id, day) DO UPDATE SET bytes = known.bytes + excluded.bytes
    RETURNING known.tenant_id, known.bytes
$$;
COMMENT ON FUNCTION docket.exchange_usage(date, int4[], int8[]) IS 'Adds what tenants have sent to a collector; what they have sent to all of them that day.';
REVOKE ALL ON FUNCTION docket.exchange_usage(date, int4[], int8[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION docket.exchange_usage(date, int4[], int8[]) TO docket_writer;

CREATE FUNCTION docket.live_collectors() RETURNS int8
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT count(*) FROM docket.collector_nodes WHERE expires_at > clock_timestamp() AND description NOT LIKE 'maintenance %'
$$;
COMMENT ON FUNCTION docket.live_collectors() IS 'How many collectors hold a node number now.';
REVOKE ALL ON FUNCTION docket.live_collectors() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION docket.live_collectors() TO docket_writer;

INSERT INTO docket.event_types (tenant_id, name, is_reserved) VALUES (NULL, 'quota.breached', true)
ON CONFLICT (tenant_id, name) DO UPDATE SET is_reserved = true;

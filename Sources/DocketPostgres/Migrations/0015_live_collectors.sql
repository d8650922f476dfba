-- An administrative command leases a node number too, and is no collector: quotas must not be divided by it.
CREATE OR REPLACE FUNCTION docket.live_collectors() RETURNS int8
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT count(*) FROM docket.collector_nodes
    WHERE expires_at > clock_timestamp() AND description NOT LIKE 'maintenance %' AND description <> 'docket-admin'
$$;

-- Who has read a tenant's log is told in that log.
INSERT INTO docket.event_types (tenant_id, name, is_reserved)
SELECT NULL, name, true FROM unnest(ARRAY['docket.log.queried', 'docket.log.exported']) AS name
ON CONFLICT (tenant_id, name) DO UPDATE SET is_reserved = true;

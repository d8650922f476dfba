-- Who follows a tenant's log as it grows is told in that log.
INSERT INTO docket.event_types (tenant_id, name, is_reserved) VALUES (NULL, 'docket.log.tailed', true)
ON CONFLICT (tenant_id, name) DO UPDATE SET is_reserved = true;

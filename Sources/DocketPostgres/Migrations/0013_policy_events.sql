-- A change of the store's policy is an event as well.
INSERT INTO docket.event_types (tenant_id, name, is_reserved) VALUES (NULL, 'docket.policy.changed', true)
ON CONFLICT (tenant_id, name) DO UPDATE SET is_reserved = true;

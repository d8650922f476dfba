-- Emitters report what they had to drop by an event of this type: they may write it, though its name is one of Docket's own.
INSERT INTO docket.event_types (tenant_id, name) VALUES (NULL, 'docket.events_dropped')
ON CONFLICT (tenant_id, name) DO NOTHING;

-- Who sees what. Writers write and can't read events; readers read their tenants and can't reach a segment by itself.

GRANT USAGE ON SCHEMA docket TO docket_writer, docket_reader, docket_auditor;

-- What people with psql use: names instead of surrogate keys. It runs with the rights of whoever asks, so that row-level
-- security holds; a plain view would run with its owner's and show everything.
CREATE VIEW docket.audit_log WITH (security_invoker = true) AS
SELECT
    e.event_id,
    t.slug AS tenant,
    y.name AS type,
    e.occurred_at,
    docket.received_at(e.batch_id) AS received_at,
    e.scope,
    e.actor_kind,
    e.actor_id,
    e.actor_user_id,
    e.delegation,
    e.action,
    e.resource_type,
    e.resource_id,
    (ARRAY['allow', 'deny', 'mask'])[e.decision] AS decision,
    (ARRAY['success', 'failure', 'error'])[e.outcome] AS outcome,
    e.reason,
    e.policy,
    e.obligations,
    e.evaluated_rules,
    e.risk_score,
    e.session_id,
    e.request_id,
    e.agent_id,
    e.source,
    e.source_event_id,
    encode(e.trace_id, 'hex') AS trace_id,
    encode(e.span_id, 'hex') AS span_id,
    e.duration_us,
    e.payload_hash,
    e.payload_in_size_bytes,
    e.payload_out_size_bytes,
    e.attributes,
    e.batch_id,
    e.position
FROM docket.events AS e
LEFT JOIN docket.tenants AS t ON t.tenant_id = e.tenant_id
LEFT JOIN docket.event_types AS y ON y.type_id = e.type_id;
COMMENT ON VIEW docket.audit_log IS 'The audit log, as far as the asking role may see it.';
COMMENT ON COLUMN docket.audit_log.event_id IS 'The emitter''s name for the event, any 16 bytes.';
COMMENT ON COLUMN docket.audit_log.tenant IS 'The tenant whose log it is in.';
COMMENT ON COLUMN docket.audit_log.type IS 'The event type, such as authz.decision.';
COMMENT ON COLUMN docket.audit_log.occurred_at IS 'When it happened.';
COMMENT ON COLUMN docket.audit_log.received_at IS 'When the collector received it, exact to the millisecond.';
COMMENT ON COLUMN docket.audit_log.scope IS 'A division inside the tenant: a workspace, a namespace, a project.';
COMMENT ON COLUMN docket.audit_log.actor_kind IS 'What sort of actor did it: user, service, agent, ...';
COMMENT ON COLUMN docket.audit_log.actor_id IS 'Who did it.';
COMMENT ON COLUMN docket.audit_log.actor_user_id IS 'The account on whose authority the actor acted, where that is another.';
COMMENT ON COLUMN docket.audit_log.delegation IS 'The delegation chain (RFC 8693), outermost first: an array of {kind, id, user_id}.';
COMMENT ON COLUMN docket.audit_log.action IS 'What was done.';
COMMENT ON COLUMN docket.audit_log.resource_type IS 'What sort of thing it was done to.';
COMMENT ON COLUMN docket.audit_log.resource_id IS 'What it was done to.';
COMMENT ON COLUMN docket.audit_log.decision IS 'How a policy decided: allow, deny or mask; NULL when nothing was decided.';
COMMENT ON COLUMN docket.audit_log.outcome IS 'How it ended: success, failure or error; NULL when that is not known.';
COMMENT ON COLUMN docket.audit_log.reason IS 'Why it was decided or ended so, in words.';
COMMENT ON COLUMN docket.audit_log.policy IS 'The policy or gate that decided.';
COMMENT ON COLUMN docket.audit_log.obligations IS 'Obligations attached to the decision: an array, as sent.';
COMMENT ON COLUMN docket.audit_log.evaluated_rules IS 'The rules that were evaluated, as sent.';
COMMENT ON COLUMN docket.audit_log.risk_score IS 'A risk score on the emitter''s scale.';
COMMENT ON COLUMN docket.audit_log.session_id IS 'The session that it belongs to.';
COMMENT ON COLUMN docket.audit_log.request_id IS 'The request that caused it.';
COMMENT ON COLUMN docket.audit_log.agent_id IS 'The software agent that carried it out for the actor.';
COMMENT ON COLUMN docket.audit_log.source IS 'The emitting service.';
COMMENT ON COLUMN docket.audit_log.source_event_id IS 'The identifier that the event has in the system it came from.';
COMMENT ON COLUMN docket.audit_log.trace_id IS 'The W3C trace id: 32 hexadecimal digits.';
COMMENT ON COLUMN docket.audit_log.span_id IS 'The W3C span id: 16 hexadecimal digits.';
COMMENT ON COLUMN docket.audit_log.duration_us IS 'How long it took, in microseconds.';
COMMENT ON COLUMN docket.audit_log.payload_hash IS 'A hash of the processed input, with its algorithm in front.';
COMMENT ON COLUMN docket.audit_log.payload_in_size_bytes IS 'Size of the processed input, in bytes.';
COMMENT ON COLUMN docket.audit_log.payload_out_size_bytes IS 'Size of the output, in bytes.';
COMMENT ON COLUMN docket.audit_log.attributes IS 'Everything else: an object, as sent.';
COMMENT ON COLUMN docket.audit_log.batch_id IS 'The collector''s number for the batch, rising with time: see docket.received_at.';
COMMENT ON COLUMN docket.audit_log.position IS 'The event''s index in its batch as received, from 0.';

-- The tenants that whoever asks may see. The setting docket.tenant_ids, which anybody can SET, counts for the collector's
-- own reader role alone: the collector sets it from the credential. Every other role is bound by its login name.
CREATE FUNCTION docket.visible_tenant_ids() RETURNS int4[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF session_user = 'docket_reader' THEN
        RETURN string_to_array(nullif(current_setting('docket.tenant_ids', true), ''), ',')::int4[];
    END IF;
    RETURN ARRAY(SELECT tenant_id FROM docket.tenant_readers WHERE role_name = session_user);
END
$$;
COMMENT ON FUNCTION docket.visible_tenant_ids() IS 'The tenants that the asking role may see: NULL or empty for none.';

-- Row-level security binds everybody but the owner. The parenthesised SELECT makes it one call a query, not one a row.
-- Segments have none, since COPY refuses a table that has; nobody but the owner may read them, so that the parent is the
-- only way in.
ALTER TABLE docket.tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE docket.credentials ENABLE ROW LEVEL SECURITY;
ALTER TABLE docket.credential_tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE docket.event_types ENABLE ROW LEVEL SECURITY;
ALTER TABLE docket.tenant_readers ENABLE ROW LEVEL SECURITY;
ALTER TABLE docket.events ENABLE ROW LEVEL SECURITY;
ALTER TABLE docket.batches ENABLE ROW LEVEL SECURITY;
ALTER TABLE docket.quarantine ENABLE ROW LEVEL SECURITY;

CREATE POLICY visible ON docket.tenants FOR SELECT TO docket_reader, docket_auditor
    USING (tenant_id = ANY ((SELECT docket.visible_tenant_ids())::int4[]));
CREATE POLICY visible ON docket.event_types FOR SELECT TO docket_reader, docket_auditor
    USING (tenant_id IS NULL OR tenant_id = ANY ((SELECT docket.visible_tenant_ids())::int4[]));
CREATE POLICY visible ON docket.events FOR SELECT TO docket_reader, docket_auditor
    USING (tenant_id = ANY ((SELECT docket.visible_tenant_ids())::int4[]));
CREATE POLICY visible ON docket.batches FOR SELECT TO docket_reader, docket_auditor
    USING (tenant_id = ANY ((SELECT docket.visible_tenant_ids())::int4[]));
CREATE POLICY visible ON docket.quarantine FOR SELECT TO docket_reader, docket_auditor
    USING (tenant_id = ANY ((SELECT docket.visible_tenant_ids())::int4[]));

CREATE POLICY collector ON docket.tenants FOR SELECT TO docket_writer USING (true);
CREATE POLICY collector ON docket.credentials FOR SELECT TO docket_writer USING (true);
CREATE POLICY collector ON docket.credential_tenants FOR SELECT TO docket_writer USING (true);
CREATE POLICY collector ON docket.event_types FOR SELECT TO docket_writer USING (true);
CREATE POLICY collector_reads ON docket.batches FOR SELECT TO docket_writer USING (true);
CREATE POLICY collector_writes ON docket.batches FOR INSERT TO docket_writer WITH CHECK (true);
CREATE POLICY collector_writes ON docket.quarantine FOR INSERT TO docket_writer WITH CHECK (true);

GRANT SELECT ON docket.tenants, docket.event_types, docket.events, docket.batches, docket.quarantine, docket.audit_log
    TO docket_reader, docket_auditor;
GRANT SELECT ON docket.tenants, docket.credentials, docket.credential_tenants, docket.event_types,
    docket.registry_version, docket.segments TO docket_writer;
GRANT INSERT, SELECT ON docket.batches TO docket_writer;
GRANT INSERT ON docket.quarantine, docket.events_000001 TO docket_writer;
GRANT SELECT ON docket.schema_migrations TO docket_writer, docket_reader;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA docket FROM PUBLIC;
GRANT EXECUTE ON FUNCTION docket.received_at(int8) TO docket_writer, docket_reader, docket_auditor;
GRANT EXECUTE ON FUNCTION docket.visible_tenant_ids() TO docket_reader, docket_auditor;
GRANT EXECUTE ON FUNCTION docket.lease_node(uuid, text, int4), docket.renew_node(int4, uuid, int4),
    docket.release_node(int4, uuid) TO docket_writer;

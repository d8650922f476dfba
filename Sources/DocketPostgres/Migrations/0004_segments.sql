-- The life of a segment: hot (being written), sealing (full, being indexed), sealed (indexed, immutable), retiring
-- (expired, on its way out), dropped (its table is gone; the row stays, since the log still names it).

ALTER TABLE docket.segments DROP CONSTRAINT segments_state_check;
ALTER TABLE docket.segments
    ADD CONSTRAINT segments_state_check CHECK (state IN ('hot', 'sealing', 'sealed', 'retiring', 'dropped')),
    ADD COLUMN rotated_at timestamptz,
    ADD COLUMN sealed_at timestamptz,
    ADD COLUMN retired_at timestamptz,
    ADD COLUMN checked_at timestamptz,
    ADD COLUMN frozen_at timestamptz,
    ADD COLUMN settled_xid xid8,
    ADD COLUMN row_count int8,
    ADD COLUMN min_occurred_at timestamptz,
    ADD COLUMN max_occurred_at timestamptz,
    ADD COLUMN min_batch_id int8,
    ADD COLUMN max_batch_id int8;
COMMENT ON COLUMN docket.segments.state IS
    'hot: being written, one at a time; sealing: full, being indexed; sealed: indexed and immutable; retiring: expired, being dropped; dropped: gone.';
COMMENT ON COLUMN docket.segments.rotated_at IS 'When it ceased to be the hot one.';
COMMENT ON COLUMN docket.segments.sealed_at IS 'When its indexes were complete.';
COMMENT ON COLUMN docket.segments.retired_at IS 'When retention took it out of the log.';
COMMENT ON COLUMN docket.segments.checked_at IS 'When its CHECK on the times of its rows was validated.';
COMMENT ON COLUMN docket.segments.frozen_at IS 'When VACUUM (FREEZE) last took; NULL when that is still to be done.';
COMMENT ON COLUMN docket.segments.settled_xid IS 'Only transactions before this one have changed its rows: it is frozen once pg_class.relfrozenxid is not older.';
COMMENT ON COLUMN docket.segments.row_count IS 'Its rows; NULL until the writes that were under way at its rotation have ended.';
COMMENT ON COLUMN docket.segments.min_occurred_at IS 'The earliest docket.events.occurred_at in it; NULL when it has no row.';
COMMENT ON COLUMN docket.segments.max_occurred_at IS 'The latest docket.events.occurred_at in it; NULL when it has no row.';
COMMENT ON COLUMN docket.segments.min_batch_id IS 'The smallest batch id in it; NULL when it has no row.';
COMMENT ON COLUMN docket.segments.max_batch_id IS 'The largest batch id in it; NULL when it has no row.';

-- Which tenants have rows in a segment that isn't hot: retention goes by it.
CREATE TABLE docket.segment_tenants (
    segment_id int4 NOT NULL REFERENCES docket.segments ON DELETE CASCADE,
    tenant_id int4 NOT NULL,
    row_count int8 NOT NULL,
    min_batch_id int8 NOT NULL,
    max_batch_id int8 NOT NULL,
    PRIMARY KEY (segment_id, tenant_id)
);
COMMENT ON TABLE docket.segment_tenants IS 'The tenants with rows in each segment that is no longer hot.';
COMMENT ON COLUMN docket.segment_tenants.segment_id IS 'The segment.';
COMMENT ON COLUMN docket.segment_tenants.tenant_id IS 'A tenant with rows in it.';
COMMENT ON COLUMN docket.segment_tenants.row_count IS 'How many.';
COMMENT ON COLUMN docket.segment_tenants.min_batch_id IS 'The smallest id of the tenant''s batches in it.';
COMMENT ON COLUMN docket.segment_tenants.max_batch_id IS 'The largest id of the tenant''s batches in it.';

-- One row; here rather than in a collector's configuration, since all collectors of a database must agree.
CREATE TABLE docket.store_policy (
    is_only_row bool PRIMARY KEY DEFAULT true CHECK (is_only_row),
    segment_rows int8 NOT NULL DEFAULT 2000000 CHECK (segment_rows BETWEEN 1000 AND 1000000000),
    segment_age_hours int4 NOT NULL DEFAULT 24 CHECK (segment_age_hours BETWEEN 1 AND 8760),
    retention_days int4 CHECK (retention_days BETWEEN 1 AND 36500),
    replay_window_hours int4 NOT NULL DEFAULT 168 CHECK (replay_window_hours BETWEEN 1 AND 8760),
    quarantine_days int4 NOT NULL DEFAULT 30 CHECK (quarantine_days BETWEEN 1 AND 36500),
    quarantine_rows int8 NOT NULL DEFAULT 100000 CHECK (quarantine_rows BETWEEN 0 AND 1000000000)
);
COMMENT ON TABLE docket.store_policy IS 'One row: how large segments grow, and how long things are kept.';
COMMENT ON COLUMN docket.store_policy.is_only_row IS 'Always true: keeps a second row out.';
COMMENT ON COLUMN docket.store_policy.segment_rows IS 'A hot segment with so many rows is rotated; grows by itself when there would be too many segments.';
COMMENT ON COLUMN docket.store_policy.segment_age_hours IS 'A hot segment that is so old is rotated, unless it is empty.';
COMMENT ON COLUMN docket.store_policy.retention_days IS 'How long events are kept, counted from when they were received; NULL: for good. A tenant may have its own.';
COMMENT ON COLUMN docket.store_policy.replay_window_hours IS 'How long a batch is known by its key; older sequences of its producer are refused from then on.';
COMMENT ON COLUMN docket.store_policy.quarantine_days IS 'How long rejected events are kept.';
COMMENT ON COLUMN docket.store_policy.quarantine_rows IS 'The most rejected events that are kept of a tenant; the oldest go first.';
INSERT INTO docket.store_policy DEFAULT VALUES;

ALTER TABLE docket.tenants
    ADD COLUMN retention_days int4 CHECK (retention_days BETWEEN 1 AND 36500),
    ADD COLUMN legal_hold bool NOT NULL DEFAULT false;
COMMENT ON COLUMN docket.tenants.retention_days IS 'How long its events are kept; NULL: as docket.store_policy says.';
COMMENT ON COLUMN docket.tenants.legal_hold IS 'Nothing of its log is removed while this is true, whatever its retention.';

-- One row, kept by the collector that leads; writers read it a few times a second.
CREATE TABLE docket.store_state (
    is_only_row bool PRIMARY KEY DEFAULT true CHECK (is_only_row),
    pressure real NOT NULL DEFAULT 0 CHECK (pressure BETWEEN 0 AND 1),
    changed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE docket.store_state IS 'One row: how much writers are to hold back so that sealing keeps up.';
COMMENT ON COLUMN docket.store_state.is_only_row IS 'Always true: keeps a second row out.';
COMMENT ON COLUMN docket.store_state.pressure IS 'The share of its time that a writer is to wait: 0 not at all, 1 until this falls.';
COMMENT ON COLUMN docket.store_state.changed_at IS 'When the leader last said so; a pressure that is not renewed for 15 seconds counts as 0.';
INSERT INTO docket.store_state DEFAULT VALUES;

-- What Docket itself writes into a tenant's log: no emitter may.
ALTER TABLE docket.event_types ADD COLUMN is_reserved bool NOT NULL DEFAULT false;
COMMENT ON COLUMN docket.event_types.is_reserved IS 'Only Docket itself writes events of this type.';
INSERT INTO docket.event_types (tenant_id, name, is_reserved)
VALUES (NULL, 'docket.retention.removed', true), (NULL, 'docket.quarantine.removed', true)
ON CONFLICT (tenant_id, name) DO UPDATE SET is_reserved = true;

-- The reader leaves segments out that a query's times rule out, which it may since the collector alone logs in as it.
GRANT SELECT ON docket.segments TO docket_reader;
GRANT SELECT ON docket.store_state TO docket_writer;

-- Trace and span ids as bytes: a function around them is not leakproof, so that under row-level security no index could
-- be used.
DROP VIEW docket.audit_log;
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
    e.trace_id,
    e.span_id,
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
COMMENT ON COLUMN docket.audit_log.trace_id IS 'The W3C trace id, 16 bytes: compare it with ''\x'' and 32 hexadecimal digits.';
COMMENT ON COLUMN docket.audit_log.span_id IS 'The W3C span id, 8 bytes.';
COMMENT ON COLUMN docket.audit_log.duration_us IS 'How long it took, in microseconds.';
COMMENT ON COLUMN docket.audit_log.payload_hash IS 'A hash of the processed input, with its algorithm in front.';
COMMENT ON COLUMN docket.audit_log.payload_in_size_bytes IS 'Size of the processed input, in bytes.';
COMMENT ON COLUMN docket.audit_log.payload_out_size_bytes IS 'Size of the output, in bytes.';
COMMENT ON COLUMN docket.audit_log.attributes IS 'Everything else: an object, as sent.';
COMMENT ON COLUMN docket.audit_log.batch_id IS 'The collector''s number for the batch, rising with time: see docket.received_at.';
COMMENT ON COLUMN docket.audit_log.position IS 'The event''s index in its batch as received, from 0.';
GRANT SELECT ON docket.audit_log TO docket_reader, docket_auditor;

-- The log itself. Events lie in segments, the partitions of docket.events; a batch's row and its events commit together.

-- When a collector received a batch: 41 bits of the batch id count milliseconds since 2020-01-01T00:00:00Z.
CREATE FUNCTION docket.received_at(batch_id int8) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN to_timestamp((1577836800000 + (batch_id >> 22))::float8 / 1000);
COMMENT ON FUNCTION docket.received_at(int8) IS 'When the collector received the batch: the millisecond in a batch id.';

-- Fixed-width columns first: PostgreSQL then finds their offsets without walking the row. No key, no check, no trigger:
-- the collector has checked everything, and each would cost more than the row itself.
CREATE TABLE docket.events (
    batch_id int8 NOT NULL,
    occurred_at timestamptz NOT NULL,
    event_id uuid NOT NULL,
    tenant_id int4 NOT NULL,
    type_id int4 NOT NULL,
    position int4 NOT NULL,
    decision int2 NOT NULL,
    outcome int2 NOT NULL,
    duration_us int8,
    risk_score float8,
    payload_in_size_bytes int8,
    payload_out_size_bytes int8,
    scope text COLLATE "C",
    actor_kind text COLLATE "C",
    actor_id text COLLATE "C",
    actor_user_id text COLLATE "C",
    action text COLLATE "C",
    resource_type text COLLATE "C",
    resource_id text COLLATE "C",
    reason text COLLATE "C",
    policy text COLLATE "C",
    session_id text COLLATE "C",
    request_id text COLLATE "C",
    agent_id text COLLATE "C",
    source text COLLATE "C",
    source_event_id text COLLATE "C",
    payload_hash text COLLATE "C",
    trace_id bytea,
    span_id bytea,
    delegation json,
    obligations json,
    evaluated_rules json,
    attributes json,
    segment_id int4 NOT NULL
) PARTITION BY LIST (segment_id);
COMMENT ON TABLE docket.events IS 'Every accepted event, with surrogate keys; read it through docket.audit_log.';
COMMENT ON COLUMN docket.events.batch_id IS 'The collector''s number for the batch, rising with time: see docket.received_at.';
COMMENT ON COLUMN docket.events.occurred_at IS 'When it happened.';
COMMENT ON COLUMN docket.events.event_id IS 'The emitter''s name for the event, any 16 bytes.';
COMMENT ON COLUMN docket.events.tenant_id IS 'The tenant whose log it is in.';
COMMENT ON COLUMN docket.events.type_id IS 'The event type.';
COMMENT ON COLUMN docket.events.position IS 'The event''s index in its batch as received, from 0.';
COMMENT ON COLUMN docket.events.decision IS 'How a policy decided: 0 none, 1 allow, 2 deny, 3 mask.';
COMMENT ON COLUMN docket.events.outcome IS 'How it ended: 0 none, 1 success, 2 failure, 3 error.';
COMMENT ON COLUMN docket.events.duration_us IS 'How long it took, in microseconds.';
COMMENT ON COLUMN docket.events.risk_score IS 'A risk score on the emitter''s scale.';
COMMENT ON COLUMN docket.events.payload_in_size_bytes IS 'Size of the processed input, in bytes.';
COMMENT ON COLUMN docket.events.payload_out_size_bytes IS 'Size of the output, in bytes.';
COMMENT ON COLUMN docket.events.scope IS 'A division inside the tenant: a workspace, a namespace, a project.';
COMMENT ON COLUMN docket.events.actor_kind IS 'What sort of actor did it: user, service, agent, ...';
COMMENT ON COLUMN docket.events.actor_id IS 'Who did it.';
COMMENT ON COLUMN docket.events.actor_user_id IS 'The account on whose authority the actor acted, where that is another.';
COMMENT ON COLUMN docket.events.action IS 'What was done.';
COMMENT ON COLUMN docket.events.resource_type IS 'What sort of thing it was done to.';
COMMENT ON COLUMN docket.events.resource_id IS 'What it was done to.';
COMMENT ON COLUMN docket.events.reason IS 'Why it was decided or ended so, in words.';
COMMENT ON COLUMN docket.events.policy IS 'The policy or gate that decided.';
COMMENT ON COLUMN docket.events.session_id IS 'The session that it belongs to.';
COMMENT ON COLUMN docket.events.request_id IS 'The request that caused it.';
COMMENT ON COLUMN docket.events.agent_id IS 'The software agent that carried it out for the actor.';
COMMENT ON COLUMN docket.events.source IS 'The emitting service.';
COMMENT ON COLUMN docket.events.source_event_id IS 'The identifier that the event has in the system it came from.';
COMMENT ON COLUMN docket.events.payload_hash IS 'A hash of the processed input, with its algorithm in front.';
COMMENT ON COLUMN docket.events.trace_id IS 'The W3C trace id, 16 bytes.';
COMMENT ON COLUMN docket.events.span_id IS 'The W3C span id, 8 bytes.';
COMMENT ON COLUMN docket.events.delegation IS 'The delegation chain (RFC 8693), outermost first: an array of {kind, id, user_id}.';
COMMENT ON COLUMN docket.events.obligations IS 'Obligations attached to the decision: an array, as sent.';
COMMENT ON COLUMN docket.events.evaluated_rules IS 'The rules that were evaluated, as sent.';
COMMENT ON COLUMN docket.events.attributes IS 'Everything else: an object, as sent.';
COMMENT ON COLUMN docket.events.segment_id IS 'The segment that the row lies in.';

CREATE TABLE docket.segments (
    segment_id int4 PRIMARY KEY CHECK (segment_id > 0),
    table_name name NOT NULL UNIQUE,
    state text COLLATE "C" NOT NULL CHECK (state IN ('hot', 'sealing', 'sealed')),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX segments_hot ON docket.segments (state) WHERE state = 'hot';
COMMENT ON TABLE docket.segments IS 'The partitions of docket.events.';
COMMENT ON COLUMN docket.segments.segment_id IS 'The value of docket.events.segment_id in its rows.';
COMMENT ON COLUMN docket.segments.table_name IS 'Its table in the schema docket.';
COMMENT ON COLUMN docket.segments.state IS 'hot: being written, one at a time; sealing: being indexed; sealed: indexed and immutable.';
COMMENT ON COLUMN docket.segments.created_at IS 'When it was made.';

-- LIKE and ATTACH, never PARTITION OF, which would lock the parent against every reader. Writers COPY straight into the
-- segment and leave segment_id to its DEFAULT, so that tuples are encoded before their segment is known.
CREATE TABLE docket.events_000001 (LIKE docket.events INCLUDING COMMENTS INCLUDING STORAGE);
ALTER TABLE docket.events_000001 ALTER COLUMN segment_id SET DEFAULT 1;
CREATE INDEX events_000001_occurred_at ON docket.events_000001 USING brin (occurred_at) WITH (autosummarize = on);
ALTER TABLE docket.events ATTACH PARTITION docket.events_000001 FOR VALUES IN (1);
COMMENT ON TABLE docket.events_000001 IS 'A segment of docket.events.';
INSERT INTO docket.segments (segment_id, table_name, state) VALUES (1, 'events_000001', 'hot');

CREATE TABLE docket.batches (
    batch_id int8 NOT NULL,
    sequence int8 NOT NULL,
    received_at timestamptz NOT NULL,
    producer_id uuid NOT NULL,
    tenant_id int4 NOT NULL,
    event_count int4 NOT NULL,
    accepted_count int4 NOT NULL,
    root bytea NOT NULL,
    content_hash bytea NOT NULL,
    verdict bytea NOT NULL,
    CONSTRAINT batches_key UNIQUE (tenant_id, producer_id, sequence)
);
COMMENT ON TABLE docket.batches IS 'Every stored batch, once for its key (tenant, producer, sequence).';
COMMENT ON COLUMN docket.batches.batch_id IS 'The collector''s number for it, rising with time.';
COMMENT ON COLUMN docket.batches.sequence IS 'The producer''s number for it.';
COMMENT ON COLUMN docket.batches.received_at IS 'When the collector received it.';
COMMENT ON COLUMN docket.batches.producer_id IS 'The emitting process.';
COMMENT ON COLUMN docket.batches.tenant_id IS 'The tenant whose log it is in.';
COMMENT ON COLUMN docket.batches.event_count IS 'How many events it carried.';
COMMENT ON COLUMN docket.batches.accepted_count IS 'How many of them are in docket.events.';
COMMENT ON COLUMN docket.batches.root IS 'Merkle root (RFC 6962, SHA-256) over the accepted events.';
COMMENT ON COLUMN docket.batches.content_hash IS 'Merkle root over all events as received: tells a replay from other content under the same key.';
COMMENT ON COLUMN docket.batches.verdict IS 'The answer that was given, which a replay gets again: an encoded docket.v1.Verdict.';

CREATE TABLE docket.quarantine (
    batch_id int8 NOT NULL,
    received_at timestamptz NOT NULL,
    tenant_id int4 NOT NULL,
    position int4 NOT NULL,
    field text COLLATE "C" NOT NULL,
    code text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    event bytea NOT NULL
);
CREATE INDEX quarantine_tenant ON docket.quarantine (tenant_id, received_at);
COMMENT ON TABLE docket.quarantine IS 'Rejected events, kept whole.';
COMMENT ON COLUMN docket.quarantine.batch_id IS 'The batch that it came with.';
COMMENT ON COLUMN docket.quarantine.received_at IS 'When the collector received it.';
COMMENT ON COLUMN docket.quarantine.tenant_id IS 'The tenant whose log it was meant for.';
COMMENT ON COLUMN docket.quarantine.position IS 'Its index in its batch, from 0.';
COMMENT ON COLUMN docket.quarantine.field IS 'The field at fault, such as actor.id.';
COMMENT ON COLUMN docket.quarantine.code IS 'The sort of fault, such as too_long.';
COMMENT ON COLUMN docket.quarantine.reason IS 'The fault in words.';
COMMENT ON COLUMN docket.quarantine.event IS 'The event exactly as it came: an encoded docket.v1.Event.';
